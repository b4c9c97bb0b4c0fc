// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Publishes events by MQTT to `<topic>/<camera>`, at least once.

use std::time::Duration;

use rumqttc::{
    AsyncClient, Event as MqttEvent, EventLoop, MqttOptions, Outgoing, Packet, QoS, Transport,
};
use tokio::time::sleep;

use super::EventReceiver;
use crate::config::{Broker, ConfigError};

const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Pause before a new connection.
const RECONNECT_PAUSE: Duration = Duration::from_secs(2);
/// Limit for published events without an acknowledgement.
const MAX_UNACKNOWLEDGED: usize = 64;

pub struct Destination {
    topic: String,
    client: AsyncClient,
    connection: EventLoop,
}

impl Destination {
    pub fn new(broker: &Broker) -> Result<Self, ConfigError> {
        let tls = broker.url.scheme() == "mqtts";
        let host = broker.url.host_str().unwrap_or_default();
        let port = broker.url.port().unwrap_or(if tls { 8883 } else { 1883 });
        let id = format!("overshoot-cameras-{:08x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, host, port);
        options.set_keep_alive(KEEP_ALIVE_INTERVAL);
        if tls {
            options.set_transport(Transport::tls_with_default_config());
        }
        let password = broker.password("deliver.mqtt.password-env")?;
        let user = broker.url.username();
        if !user.is_empty() || password.is_some() {
            options.set_credentials(user, password.unwrap_or_default());
        }
        let (client, connection) = AsyncClient::new(options, MAX_UNACKNOWLEDGED);
        Ok(Self {
            topic: broker.topic.clone(),
            client,
            connection,
        })
    }
}

pub async fn deliver(destination: Destination, mut events: EventReceiver) {
    let Destination {
        topic,
        client,
        mut connection,
    } = destination;
    let (mut connected, mut reported) = (false, false);
    let mut unacknowledged = 0_usize;
    let mut ended = false;
    loop {
        tokio::select! {
            // Without a connection, or with a slow one, events wait in the channel.
            event = events.next(), if connected && unacknowledged < MAX_UNACKNOWLEDGED / 2 && !ended => match event {
                Some(event) => {
                    let topic = format!("{topic}/{}", event.camera);
                    match client.try_publish(topic, QoS::AtLeastOnce, false, event.json.as_bytes()) {
                        Ok(()) => unacknowledged += 1,
                        Err(_) => events.count_dropped(),
                    }
                }
                None => ended = true,
            },
            event = connection.poll() => match event {
                Ok(MqttEvent::Incoming(Packet::ConnAck(_))) => {
                    connected = true;
                    if std::mem::take(&mut reported) {
                        events.report("connected again");
                    }
                }
                Ok(MqttEvent::Incoming(Packet::PubAck(_))) => {
                    unacknowledged = unacknowledged.saturating_sub(1);
                    events.count_delivered();
                }
                Ok(MqttEvent::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(error) => {
                    // Report only the first error until the connection works again.
                    if !std::mem::replace(&mut reported, true) {
                        events.report(error);
                    }
                    connected = false;
                    sleep(RECONNECT_PAUSE).await;
                }
            },
        }
        if ended && (unacknowledged == 0 || !connected) && client.try_disconnect().is_err() {
            return;
        }
    }
}

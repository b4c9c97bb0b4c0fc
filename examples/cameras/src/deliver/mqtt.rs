//! MQTT: each event to the topic and the camera's name, at least once.

use std::time::Duration;

use rumqttc::{
    AsyncClient, Event as Happened, EventLoop, MqttOptions, Outgoing, Packet, QoS, Transport,
};
use tokio::time::sleep;

use super::Inbox;
use crate::config::{Broker, Wrong};

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Before it is connected anew.
const PAUSE: Duration = Duration::from_secs(2);
/// What may be on its way.
const UNDER_WAY: usize = 64;

pub struct Way {
    topic: String,
    client: AsyncClient,
    connection: EventLoop,
}

impl Way {
    pub fn new(broker: &Broker) -> Result<Self, Wrong> {
        let tls = broker.url.scheme() == "mqtts";
        let host = broker.url.host_str().unwrap_or_default();
        let port = broker.url.port().unwrap_or(if tls { 8883 } else { 1883 });
        let id = format!("overshoot-cameras-{:08x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, host, port);
        options.set_keep_alive(KEEP_ALIVE);
        if tls {
            options.set_transport(Transport::tls_with_default_config());
        }
        let password = broker.password("deliver.mqtt.password-env")?;
        let user = broker.url.username();
        if !user.is_empty() || password.is_some() {
            options.set_credentials(user, password.unwrap_or_default());
        }
        let (client, connection) = AsyncClient::new(options, UNDER_WAY);
        Ok(Self {
            topic: broker.topic.clone(),
            client,
            connection,
        })
    }
}

pub async fn deliver(way: Way, mut inbox: Inbox) {
    let Way {
        topic,
        client,
        mut connection,
    } = way;
    let (mut connected, mut told) = (false, false);
    let mut on_its_way = 0_usize;
    let mut ended = false;
    loop {
        tokio::select! {
            // While there is no connection, or it is slow, events wait in the inbox.
            event = inbox.next(), if connected && on_its_way < UNDER_WAY / 2 && !ended => match event {
                Some(event) => {
                    let topic = format!("{topic}/{}", event.camera);
                    match client.try_publish(topic, QoS::AtLeastOnce, false, event.json.as_bytes()) {
                        Ok(()) => on_its_way += 1,
                        Err(_) => inbox.dropped(),
                    }
                }
                None => ended = true,
            },
            happened = connection.poll() => match happened {
                Ok(Happened::Incoming(Packet::ConnAck(_))) => {
                    connected = true;
                    if std::mem::take(&mut told) {
                        inbox.trouble("connected again");
                    }
                }
                Ok(Happened::Incoming(Packet::PubAck(_))) => {
                    on_its_way = on_its_way.saturating_sub(1);
                    inbox.delivered();
                }
                Ok(Happened::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(error) => {
                    // Once, until it works again.
                    if !std::mem::replace(&mut told, true) {
                        inbox.trouble(error);
                    }
                    connected = false;
                    sleep(PAUSE).await;
                }
            },
        }
        if ended && (on_its_way == 0 || !connected) && client.try_disconnect().is_err() {
            return;
        }
    }
}

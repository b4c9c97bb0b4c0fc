// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Publishes events by MQTT, at least once (QoS 1). `topics` has the topics, `outbox` what is on its way,
//! `home_assistant` announces the cameras there.
//!
//! The status of each camera is retained. So is the status of this program, which is its last will, too: the
//! broker publishes `offline` if the program dies.

mod home_assistant;
mod outbox;
mod topics;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, Event as MqttEvent, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
    Transport,
};
use tokio::time::sleep;

use super::EventReceiver;
use crate::config::{Broker, ConfigError, Settings};
use crate::event::Event;
use crate::status::Board;
use outbox::{MAX_UNACKNOWLEDGED, Message, Outbox};
use topics::Topics;

const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Pause before a new connection.
const RECONNECT_PAUSE: Duration = Duration::from_secs(2);
const ONLINE: &str = "online";
const OFFLINE: &str = "offline";

pub struct Destination {
    client: AsyncClient,
    connection: EventLoop,
    publisher: Publisher,
}

impl Destination {
    pub fn new(
        broker: &Broker,
        settings: &Settings,
        board: &Arc<Board>,
    ) -> Result<Self, ConfigError> {
        let topics = Topics::new(&broker.topic, settings);
        let tls = broker.url.scheme() == "mqtts";
        let host = broker.url.host_str().unwrap_or_default();
        let port = broker.url.port().unwrap_or(if tls { 8883 } else { 1883 });
        let id = format!("overshoot-cameras-{:08x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, host, port);
        options.set_keep_alive(KEEP_ALIVE_INTERVAL);
        let will = LastWill::new(topics.program(), OFFLINE, QoS::AtLeastOnce, true);
        options.set_last_will(will);
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
            client,
            connection,
            publisher: Publisher {
                topics,
                board: board.clone(),
                home_assistant: broker.home_assistant,
                announced: HashSet::new(),
                outbox: Outbox::default(),
            },
        })
    }
}

/// Decides what is published.
struct Publisher {
    topics: Topics,
    board: Arc<Board>,
    home_assistant: bool,
    /// The cameras that were announced to Home Assistant on this connection.
    announced: HashSet<Arc<str>>,
    outbox: Outbox,
}

impl Publisher {
    fn publish_event(&mut self, event: Event) {
        if event.is_status {
            return self.publish_status(event, true);
        }
        self.outbox.push(Message {
            topic: self.topics.events(&event.camera),
            payload: event.json,
            retain: false,
            is_event: true,
        });
    }

    fn publish_status(&mut self, event: Event, is_event: bool) {
        if self.home_assistant && self.announced.insert(event.camera.clone()) {
            let announcements = home_assistant::announcements(&self.topics, &event.camera);
            announcements
                .into_iter()
                .for_each(|it| self.outbox.push(it));
        }
        self.outbox.push(Message {
            topic: self.topics.status(&event.camera),
            payload: event.json,
            retain: true,
            is_event,
        });
    }

    /// The current status of all cameras, because the broker may not have it.
    fn publish_all_statuses(&mut self) {
        for camera in self.board.cameras() {
            if let Some(status) = camera.presence() {
                self.publish_status(status, false);
            }
        }
    }

    fn publish_program_status(&mut self, payload: &str, retain: bool) {
        self.outbox.push(Message {
            topic: self.topics.program(),
            payload: payload.into(),
            retain,
            is_event: false,
        });
    }

    fn connected(&mut self) {
        self.outbox.requeue();
        self.announced.clear();
        self.publish_program_status(ONLINE, true);
        self.publish_all_statuses();
    }

    /// Everybody hears that the program ends, and the broker keeps nothing about it.
    fn ended(&mut self) {
        self.publish_program_status(OFFLINE, false);
        self.publish_program_status("", true);
    }
}

pub async fn deliver(destination: Destination, mut events: EventReceiver) {
    let Destination {
        client,
        mut connection,
        mut publisher,
    } = destination;
    let (mut connected, mut reported) = (false, false);
    let mut ended = false;
    loop {
        if connected {
            publisher.outbox.send(&client);
        }
        if ended && (!connected || publisher.outbox.is_empty()) && client.try_disconnect().is_err()
        {
            return;
        }
        tokio::select! {
            // Without a connection, or with a slow one, events wait in the channel.
            event = events.next(), if connected && publisher.outbox.has_room() && !ended => {
                if events.take_lagged() {
                    publisher.publish_all_statuses();
                }
                match event {
                    Some(event) => publisher.publish_event(event),
                    None => {
                        publisher.ended();
                        ended = true;
                    }
                }
            },
            event = connection.poll() => match event {
                Ok(MqttEvent::Incoming(Packet::ConnAck(_))) => {
                    connected = true;
                    publisher.connected();
                    if std::mem::take(&mut reported) {
                        events.report("connected again");
                    }
                }
                Ok(MqttEvent::Incoming(Packet::PubAck(_))) => {
                    if publisher.outbox.acknowledge().is_some_and(|sent| sent.is_event) {
                        events.count_delivered();
                    }
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
    }
}

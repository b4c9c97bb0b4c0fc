// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Publishes events by NATS to `<topic>.<camera>`.

use async_nats::ConnectOptions;

use super::EventReceiver;
use crate::config::{Broker, ConfigError};
use crate::nats_client;

pub struct Destination {
    broker: Broker,
    options: ConnectOptions,
}

impl Destination {
    pub fn new(broker: &Broker) -> Result<Self, ConfigError> {
        Ok(Self {
            options: nats_client::connect_options(broker)?,
            broker: broker.clone(),
        })
    }
}

pub async fn deliver(destination: Destination, mut events: EventReceiver) {
    let log = events.log.clone();
    let connection =
        match nats_client::connect(&destination.broker, destination.options, log, true).await {
            Ok(connection) => connection,
            Err(error) => return events.report(error),
        };
    let (client, mut connected) = (connection.client, connection.connected);
    loop {
        // Without a connection, events wait in the channel. The wait cannot fail while the client exists.
        let _ = connected.wait_for(|connected| *connected).await;
        let Some(event) = events.next().await else {
            break;
        };
        let subject = format!("{}.{}", destination.broker.topic, event.camera);
        let sent = client.publish(subject, event.json.as_bytes().to_vec().into());
        match sent.await {
            Ok(()) => events.count_delivered(),
            Err(error) => {
                events.count_dropped();
                events.report(error);
            }
        }
    }
    if let Err(error) = client.flush().await {
        events.report(error);
    }
}

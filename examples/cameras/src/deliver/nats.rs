//! NATS: each event to the subject and the camera's name.

use async_nats::ConnectOptions;

use super::Inbox;
use crate::config::{Broker, Wrong};
use crate::nats;

pub struct Way {
    broker: Broker,
    options: ConnectOptions,
}

impl Way {
    pub fn new(broker: &Broker) -> Result<Self, Wrong> {
        Ok(Self {
            options: nats::options(broker)?,
            broker: broker.clone(),
        })
    }
}

pub async fn deliver(way: Way, mut inbox: Inbox) {
    let log = inbox.log.clone();
    let connection = match nats::connect(&way.broker, way.options, log, true).await {
        Ok(connection) => connection,
        Err(error) => return inbox.trouble(error),
    };
    let (client, mut connected) = (connection.client, connection.connected);
    loop {
        // Until there is a connection, events wait in the inbox. The client tells as long as it is there.
        let _ = connected.wait_for(|connected| *connected).await;
        let Some(event) = inbox.next().await else {
            break;
        };
        let subject = format!("{}.{}", way.broker.topic, event.camera);
        let sent = client.publish(subject, event.json.as_bytes().to_vec().into());
        match sent.await {
            Ok(()) => inbox.delivered(),
            Err(error) => {
                inbox.dropped();
                inbox.trouble(error);
            }
        }
    }
    if let Err(error) = client.flush().await {
        inbox.trouble(error);
    }
}

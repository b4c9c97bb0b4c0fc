//! Cameras that several replicas share: each is a message of a JetStream work queue, which one replica
//! holds while it runs the camera.

mod enqueue;
mod job;
mod work;

use std::error::Error;
use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::{
    self,
    stream::{Config, RetentionPolicy, Stream},
};
use url::Url;

use crate::config::{Broker, Deliver};
use crate::log::Log;
use crate::nats;

pub use enqueue::enqueue;
pub use work::{Work, work};

const STREAM: &str = "OVERSHOOT_CAMERAS";
const SUBJECTS: &str = "overshoot-cameras.*";
const CONSUMER: &str = "replicas";

fn subject(camera: &str) -> String {
    SUBJECTS.replace('*', camera)
}

/// A server's address, which may have a login in it.
pub fn broker(url: &str) -> Result<Broker, Box<dyn Error>> {
    // Not repeated, for the login's sake.
    let url = Url::parse(url).map_err(|error| format!("--nats: the url is none: {error}"))?;
    let broker = Broker::at(url);
    let deliver = Deliver {
        nats: Some(broker.clone()),
        ..Deliver::default()
    };
    deliver.check()?;
    Ok(broker)
}

/// The queue, made where it is not there yet.
async fn open(broker: &Broker, log: Arc<Log>) -> Result<(Client, Stream), Box<dyn Error>> {
    let options = nats::options(broker)?;
    let connection = nats::connect(broker, options, log, false).await;
    let client = connection
        .map_err(|error| format!("NATS at {}: {error}", broker.host()))?
        .client;
    let jetstream = jetstream::new(client.clone());
    let stream = jetstream.get_or_create_stream(Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECTS.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        // A camera that is changed takes the place of what it was.
        max_messages_per_subject: 1,
        ..Config::default()
    });
    let stream = stream.await.map_err(|error| {
        format!(
            "NATS at {}: {error}: the server needs JetStream, nats-server -js",
            broker.host()
        )
    })?;
    Ok((client, stream))
}

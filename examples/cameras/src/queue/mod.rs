// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A NATS JetStream work queue, by which several replicas share cameras.
//!
//! Each camera is one message. A replica holds the message while it runs the camera. `enqueue` fills the queue
//! from a file, `replica` takes cameras from it, `job` is one held camera. How a camera runs is in `camera/`.

mod enqueue;
mod job;
mod replica;

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
use crate::nats_client;

pub use enqueue::enqueue;
pub use replica::{ReplicaOptions, run_replica};

const STREAM: &str = "OVERSHOOT_CAMERAS";
const SUBJECTS: &str = "overshoot-cameras.*";
const CONSUMER: &str = "replicas";

fn subject(camera: &str) -> String {
    SUBJECTS.replace('*', camera)
}

/// Parses the option `--nats`. The URL may contain a login.
pub fn parse_broker(url: &str) -> Result<Broker, Box<dyn Error>> {
    // The error does not repeat the URL, because it may contain a login.
    let url = Url::parse(url).map_err(|error| format!("--nats: the url is invalid: {error}"))?;
    let broker = Broker::with_url(url);
    let deliver = Deliver {
        nats: Some(broker.clone()),
        ..Deliver::default()
    };
    match deliver.check().first() {
        None => Ok(broker),
        Some(error) => Err(format!("--nats: {error}").into()),
    }
}

/// Opens the queue, or creates it.
async fn open_stream(broker: &Broker, log: Arc<Log>) -> Result<(Client, Stream), Box<dyn Error>> {
    let options = nats_client::connect_options(broker)?;
    let connection = nats_client::connect(broker, options, log, false).await;
    let client = connection
        .map_err(|error| format!("NATS at {}: {error}", broker.host()))?
        .client;
    let jetstream = jetstream::new(client.clone());
    let stream = jetstream.get_or_create_stream(Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECTS.to_owned()],
        retention: RetentionPolicy::WorkQueue,
        // A changed camera replaces its earlier version.
        max_messages_per_subject: 1,
        ..Config::default()
    });
    let stream = stream.await.map_err(|error| {
        format!(
            "NATS at {}: {error}: start the server with JetStream (nats-server -js)",
            broker.host()
        )
    })?;
    Ok((client, stream))
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Makes the queue hold exactly the cameras of a file.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use async_nats::jetstream;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures_util::TryStreamExt;

use super::{SUBJECTS, open_stream, subject};
use crate::config::{Broker, Camera, Settings};
use crate::log::Log;

/// Prints each change to stdout.
pub async fn enqueue(settings: Settings, broker: &Broker) -> Result<(), Box<dyn Error>> {
    let (client, stream) = open_stream(broker, Arc::new(Log::default())).await?;
    let jetstream = jetstream::new(client);
    let mut kept = HashSet::new();
    for camera in &settings.cameras {
        let job = serde_json::to_vec(camera)?;
        let subject = subject(&camera.name);
        let change = match queued_message(&stream, &subject).await? {
            Some(same) if same == job => "unchanged",
            before => {
                let sent = jetstream.publish(subject.clone(), job.into()).await?;
                sent.await?;
                if before.is_some() { "changed" } else { "added" }
            }
        };
        println!("{}: {change}", camera.name);
        kept.insert(subject);
    }
    let subjects = stream.info_with_subjects(SUBJECTS).await?;
    let subjects: Vec<(String, usize)> = subjects.try_collect().await?;
    for (subject, _) in subjects {
        if !kept.contains(&subject) {
            stream.purge().filter(subject.as_str()).await?;
            println!(
                "{}: removed",
                subject.rsplit('.').next().unwrap_or_default()
            );
        }
    }
    Ok(())
}

async fn queued_message(stream: &Stream, subject: &str) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    match stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => Ok(Some(message.payload.to_vec())),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Parses a camera from a message.
pub fn parse_camera(message: &[u8]) -> Result<Camera, String> {
    let camera: Camera = serde_json::from_slice(message).map_err(|error| error.to_string())?;
    match camera.check().first() {
        None => Ok(camera),
        Some(error) => Err(error.to_string()),
    }
}

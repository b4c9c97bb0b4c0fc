// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The recordings of a turn: the element writes them, and here they get their sound.

use std::path::PathBuf;
use std::sync::Arc;

use gst::ClockTime;
use gstovershoot::message::ClipMessage;
use tokio::task::{JoinSet, spawn_blocking};

use super::sound::{Packet, Sound, mux};
use crate::event::Recording;

/// A recording that is complete.
#[derive(Debug)]
pub struct Finished {
    pub recording: Recording,
    /// Why it has no sound.
    pub without_sound: Option<String>,
}

#[derive(Debug)]
pub struct Recordings {
    sound: Option<Arc<Sound>>,
    unfinished: JoinSet<Finished>,
}

impl Recordings {
    pub fn new(sound: Option<Arc<Sound>>) -> Self {
        Self {
            sound,
            unfinished: JoinSet::new(),
        }
    }

    /// An event begins, and its recording.
    pub fn begin(&self) {
        if let Some(sound) = &self.sound {
            sound.hold();
        }
    }

    /// The recording failed.
    pub fn give_up(&self) {
        if let Some(sound) = &self.sound {
            sound.release();
        }
    }

    /// The element has written the video.
    pub fn add(&mut self, clip: ClipMessage) {
        self.unfinished.spawn(finish(clip, self.sound.clone()));
    }

    /// The pipeline has stopped, so no more sound comes.
    pub fn end(&self) {
        if let Some(sound) = &self.sound {
            sound.end();
        }
    }

    /// The next one that is complete. `None`: none is unfinished.
    pub async fn next(&mut self) -> Option<Finished> {
        match self.unfinished.join_next().await? {
            Ok(finished) => Some(finished),
            // Only a panic can cause this, and that is a bug.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

async fn finish(clip: ClipMessage, sound: Option<Arc<Sound>>) -> Finished {
    let file = PathBuf::from(clip.location);
    let span = clip.start.zip(clip.end);
    let mut without_sound = None;
    if let Some((sound, (start, end))) = sound.zip(span) {
        let packets = sound.between(start, end).await;
        sound.release();
        without_sound = match packets.is_empty() {
            true => sound.refusal(),
            false => add_sound(file.clone(), start, packets).await.err(),
        };
    }
    let length = span.map_or(ClockTime::ZERO, |(start, end)| end.saturating_sub(start));
    Finished {
        recording: Recording {
            seconds: length.seconds_f64(),
            // It was just written. Somebody may have moved it.
            bytes: file.metadata().map_or(0, |file| file.len()),
            file,
        },
        without_sound,
    }
}

async fn add_sound(file: PathBuf, start: ClockTime, sound: Vec<Packet>) -> Result<(), String> {
    let added = spawn_blocking(move || mux::add_sound(&file, start, sound)).await;
    added.unwrap_or_else(|error| Err(error.to_string()))
}

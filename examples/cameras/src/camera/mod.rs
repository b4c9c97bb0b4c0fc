// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One camera, until it is stopped: wait for a stream slot, take a turn, pause after a failure, repeat.
//!
//! `turn` is the time with a slot. `pipeline` receives the video, `bus_message` and `answer` read what the
//! element posts. The element decides when to record, and does it. `backoff` decides how long to pause.
//! What all cameras share is in `shared.rs`, not here.

mod answer;
mod backoff;
mod bus_message;
mod pipeline;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::event::Event;
use crate::shared::Shared;
use crate::status::{CameraStatus, State};
use backoff::Backoff;
use turn::Turn;

/// How long a key is not used after the service refused it or its credits ran out. Somebody has to act.
const REFUSED_KEY_PAUSE: Duration = Duration::from_secs(60);
/// How long a key is not used after other programs took all of its streams.
const BUSY_KEY_PAUSE: Duration = Duration::from_secs(10);

/// Why a camera is not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraEnd {
    Stopped,
    /// The service refused its settings. They must be changed.
    Refused,
}

/// Why a turn ended.
#[derive(Debug)]
enum TurnEnd {
    Stopped,
    /// The turn is over and another camera waits for the slot.
    Yielded,
    CameraLost(String),
    /// The service or the network failed.
    Failed(String),
    KeyBusy(String),
    KeyRefused(String),
    SettingsRefused(String),
}

/// What stays the same in all turns of a camera.
struct Camera {
    config: config::Camera,
    shared: Shared,
    status: Arc<CameraStatus>,
    /// It stays the same in all turns, and with it the cool-down of its alert.
    sink: gst::Element,
}

/// Runs a camera until `stop` is cancelled or its settings are refused.
pub async fn run(config: config::Camera, shared: Shared, stop: CancellationToken) -> CameraEnd {
    let mut camera = match Camera::new(config, shared) {
        Ok(camera) => camera,
        // The plugin is a part of this program.
        Err(error) => unreachable!("overshootsink is missing: {error}"),
    };
    let mut backoff = Backoff::default();
    loop {
        camera.status.set_state(State::Waiting);
        let slot = tokio::select! {
            slot = camera.shared.slots.take() => slot,
            () = stop.cancelled() => return CameraEnd::Stopped,
        };
        let (end, worked) = match Turn::new(&mut camera, &slot) {
            Ok(mut turn) => {
                let end = turn.run(&slot, &stop).await;
                let worked = turn.has_worked();
                turn.close().await;
                (end, worked)
            }
            Err(error) => (TurnEnd::Failed(error.to_string()), false),
        };
        if worked {
            backoff.reset();
        }
        let why = match end {
            TurnEnd::Stopped => return CameraEnd::Stopped,
            TurnEnd::Yielded => continue,
            TurnEnd::SettingsRefused(why) => {
                camera.report_problem(&format!("{why} This camera is not tried again."));
                camera.status.set_state(State::Refused);
                return CameraEnd::Refused;
            }
            TurnEnd::KeyBusy(why) => {
                camera.report_problem(&format!("{why} Waiting for a free stream slot."));
                slot.block_key(BUSY_KEY_PAUSE);
                continue;
            }
            TurnEnd::KeyRefused(why) => {
                camera.report_problem(&format!("{why} This key is not used for a minute."));
                slot.block_key(REFUSED_KEY_PAUSE);
                continue;
            }
            TurnEnd::CameraLost(why) => {
                camera.status.metrics.camera_losses.inc();
                format!("no video from {}: {why}", camera.config.url)
            }
            TurnEnd::Failed(why) => why,
        };
        // Other cameras can use the slot during the pause.
        drop(slot);
        let pause = backoff.next();
        camera.report_problem(&format!(
            "{why}; next attempt in {:.0} s",
            pause.as_secs_f64()
        ));
        camera.status.set_state(State::Pausing);
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => return CameraEnd::Stopped,
        }
    }
}

impl Camera {
    fn new(config: config::Camera, shared: Shared) -> Result<Self, gst::glib::BoolError> {
        Ok(Self {
            sink: pipeline::build_sink(&config, &shared.api)?,
            status: shared.board.add(&config.name),
            config,
            shared,
        })
    }

    fn report_problem(&self, text: &str) {
        self.status.set_problem(text);
        self.log(text);
    }

    fn log(&self, text: impl fmt::Display) {
        self.shared.log.camera(&self.config.name, text);
    }

    fn send_event(&self, event: Event) {
        // An error only means that there is no receiver any more.
        let _ = self.shared.events.send(event);
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One camera, until it is stopped: wait for a stream slot, take a turn, pause after a failure, repeat.
//!
//! `turn` is the time with a slot. `source` and `pipeline` receive the video, `bus_message` and `answer` read what the
//! element posts, `explanation` puts its errors into words for the user of this program. The element decides when to
//! record, and does it; `recordings` adds the `sound`, and `retention` removes old ones. `fault` is why a camera brings no
//! video, `diagnosis` looks closer at the network, and `backoff` decides how long to pause.
//! What all cameras share is in `shared.rs`, not here.

mod answer;
mod backoff;
mod bus_message;
pub mod diagnosis;
mod explanation;
pub mod fault;
mod pipeline;
mod recordings;
mod retention;
mod sound;
pub mod source;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::event::{Event, EventKind, Status};
use crate::shared::Shared;
use crate::status::{CameraStatus, State};
use backoff::{Backoff, Pace};
use fault::{Fault, Reason};
use retention::Retention;
use turn::Turn;

/// How long a key is not used after the service refused it or its credits ran out. Somebody has to act.
const REFUSED_KEY_PAUSE: Duration = Duration::from_secs(60);
/// How long a key is not used after other programs took all of its streams.
const BUSY_KEY_PAUSE: Duration = Duration::from_secs(10);

/// A file that is shorter than this is not repeated more often: each time has a stream of its own at the service.
const MIN_REPEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Why a camera is not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraEnd {
    Stopped,
    /// The service refused its settings. They must be changed.
    Refused,
    /// It was a file, and it has been played.
    Played,
}

/// Why a turn ended.
#[derive(Debug)]
enum TurnEnd {
    Stopped,
    /// The turn is over and another camera waits for the slot.
    Yielded,
    CameraLost(Fault),
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
    /// The last status event: whether the camera is online, and why not. `None`: there was none.
    presence: Option<Result<(), &'static str>>,
    /// A recording is complete.
    recorded: Arc<Notify>,
}

/// Runs a camera until `stop` is cancelled or its settings are refused.
pub async fn run(config: config::Camera, shared: Shared, stop: CancellationToken) -> CameraEnd {
    let mut camera = match Camera::new(config, shared) {
        Ok(camera) => camera,
        // The plugin is a part of this program.
        Err(error) => unreachable!("overshootsink is missing: {error}"),
    };
    let retention = Retention::of(&camera.config);
    let (recorded, log) = (camera.recorded.clone(), camera.shared.log.clone());
    tokio::select! {
        end = camera.take_turns(&stop) => end,
        never = retention.keep(&recorded, &log) => match never {},
    }
}

/// Reports that nothing runs this camera any more. It is still on the board.
pub fn report_stopped(name: &str, shared: &Shared) {
    let Some(camera) = shared.board.find(name) else {
        return;
    };
    let status = Status {
        status: "offline",
        reason: Some("stopped"),
        text: Some("this program does not run the camera any more"),
    };
    send_status(&camera, status, shared);
}

fn send_status(camera: &CameraStatus, status: Status<'_>, shared: &Shared) {
    let service = &shared.address.name;
    let event = Event::new(&camera.name, service, EventKind::Status(status));
    camera.set_presence(event.clone());
    // An error only means that there is no receiver any more.
    let _ = shared.events.send(event);
}

impl Camera {
    fn new(config: config::Camera, shared: Shared) -> Result<Self, gst::glib::BoolError> {
        Ok(Self {
            sink: pipeline::build_sink(&config, &shared.address)?,
            status: shared.board.add(&config.name),
            config,
            shared,
            presence: None,
            recorded: Arc::default(),
        })
    }

    /// Takes turns until it is stopped or its settings are refused.
    async fn take_turns(&mut self, stop: &CancellationToken) -> CameraEnd {
        let mut backoff = Backoff::default();
        loop {
            self.status.set_state(State::Waiting);
            let slot = tokio::select! {
                slot = self.shared.slots.take() => slot,
                () = stop.cancelled() => return CameraEnd::Stopped,
            };
            let begun = Instant::now();
            let mut had_video = false;
            let end = match Turn::new(self, &slot) {
                Ok(mut turn) => {
                    let end = turn.run(&slot, stop).await;
                    had_video = turn.has_video();
                    if turn.has_worked() {
                        backoff.reset();
                    }
                    turn.close().await;
                    end
                }
                Err(fault) => TurnEnd::CameraLost(fault),
            };
            let (why, pace) = match end {
                TurnEnd::Stopped => return CameraEnd::Stopped,
                TurnEnd::Yielded => continue,
                TurnEnd::SettingsRefused(why) => {
                    let why = format!("{why} This camera is not tried again.");
                    self.report_problem(&why);
                    self.report_offline("settings", &why);
                    self.status.set_state(State::Refused);
                    return CameraEnd::Refused;
                }
                TurnEnd::KeyBusy(why) => {
                    self.report_problem(&format!("{why} Waiting for a free stream slot."));
                    slot.block_key(BUSY_KEY_PAUSE);
                    continue;
                }
                TurnEnd::KeyRefused(why) => {
                    self.report_problem(&format!("{why} This key is not used for a minute."));
                    slot.block_key(REFUSED_KEY_PAUSE);
                    continue;
                }
                TurnEnd::CameraLost(fault)
                    if fault.reason == Reason::Ended && had_video && self.config.url.is_file() =>
                {
                    if self.config.repeat {
                        drop(slot);
                        tokio::select! {
                            () = sleep_until(begun + MIN_REPEAT_INTERVAL) => continue,
                            () = stop.cancelled() => return CameraEnd::Stopped,
                        }
                    }
                    self.report_offline(fault.reason.word(), "the file has been played");
                    self.log("the file has been played");
                    return CameraEnd::Played;
                }
                TurnEnd::CameraLost(fault) => {
                    // Other cameras can use the slot meanwhile.
                    drop(slot);
                    self.status.metrics.camera_losses.inc();
                    let fault = tokio::select! {
                        fault = diagnosis::look_closer(fault, &self.config.url) => fault,
                        () = stop.cancelled() => return CameraEnd::Stopped,
                    };
                    self.report_offline(fault.reason.word(), &fault.text);
                    let why = format!("no video from {}: {}", self.config.url, fault.text);
                    (why, fault.reason.pace())
                }
                TurnEnd::Failed(why) => {
                    drop(slot);
                    (why, Pace::Quick)
                }
            };
            let pause = backoff.next(pace);
            let next = match pause.as_secs() {
                ..120 => format!("{:.0} s", pause.as_secs_f64()),
                seconds => format!("{} min", seconds / 60),
            };
            self.report_problem(&format!("{why}; next attempt in {next}"));
            self.status.set_state(State::Pausing);
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return CameraEnd::Stopped,
            }
        }
    }

    /// Its video arrives.
    fn report_online(&mut self) {
        self.report_presence(Ok(()), None);
    }

    fn report_offline(&mut self, reason: &'static str, text: &str) {
        self.report_presence(Err(reason), Some(text));
    }

    /// Sends a status event if something has changed.
    fn report_presence(&mut self, presence: Result<(), &'static str>, text: Option<&str>) {
        if self.presence.replace(presence) == Some(presence) {
            return;
        }
        let status = Status {
            status: match presence {
                Ok(()) => "online",
                Err(_) => "offline",
            },
            reason: presence.err(),
            text,
        };
        send_status(&self.status, status, &self.shared);
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

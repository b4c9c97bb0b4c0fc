// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One turn of a camera, during which it holds a stream slot: from connecting to the camera until its
//! pipeline is stopped and its stream at the service is deleted.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gstovershoot::message::{FailureMessage, ResultMessage, StateMessage};
use gstovershoot::sink::enums;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::answer::ParsedAnswer;
use super::bus_message::BusMessage;
use super::explanation;
use super::fault::{Fault, Reason};
use super::pipeline::CameraPipeline;
use super::recordings::{Finished, Recordings};
use super::{Camera, TurnEnd};
use crate::config::Trigger;
use crate::event::{Event, EventKind};
use crate::service::StreamSlot;
use crate::status::State;

/// A camera that sends no frame for this long is treated as lost.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A turn that received video for this long resets the backoff.
const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(10);
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// A recording counts as complete this long after its last frame, whatever becomes of its file.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(15);
/// The stage of the element's warnings about files.
const EVIDENCE: &str = "evidence";

pub struct Turn<'a> {
    camera: &'a mut Camera,
    pipeline: Arc<CameraPipeline>,
    /// The next answer begins an event.
    triggered: bool,
    recordings: Recordings,
    /// While a recording goes on: when it is complete at the latest.
    recorded_by: Option<Instant>,
    /// The `kind` and the text of the element's last warning.
    last_error: Option<(String, String)>,
    /// The environment variable that holds the key.
    key_variable: String,
    /// A GStreamer element that is missing. The error that follows is less clear.
    missing: Option<Fault>,
    frames: u64,
    frames_sent: u64,
    started: Instant,
    /// When the metrics were last updated.
    updated_at: Instant,
    /// When the last frame was seen.
    last_frame_at: Instant,
}

impl<'a> Turn<'a> {
    pub fn new(camera: &'a mut Camera, slot: &StreamSlot) -> Result<Self, Fault> {
        let config = &camera.config;
        let pipeline = CameraPipeline::new(config, &camera.sink, slot.key())?;
        let now = Instant::now();
        Ok(Self {
            camera,
            recordings: Recordings::new(pipeline.sound()),
            pipeline: Arc::new(pipeline),
            triggered: false,
            recorded_by: None,
            last_error: None,
            key_variable: slot.key_variable().to_owned(),
            missing: None,
            frames: 0,
            frames_sent: 0,
            started: now,
            updated_at: now,
            last_frame_at: now,
        })
    }

    /// Whether a frame came, also since the last tick.
    pub fn has_video(&self) -> bool {
        self.pipeline.frames() > 0
    }

    /// Whether the turn lasted long enough to reset the backoff.
    pub fn has_worked(&self) -> bool {
        self.frames > 0 && self.last_frame_at.duration_since(self.started) >= BACKOFF_RESET_AFTER
    }

    pub async fn run(&mut self, slot: &StreamSlot, stop: &CancellationToken) -> TurnEnd {
        self.camera.status.set_state(State::Connecting);
        let Some(bus) = self.pipeline.bus() else {
            return TurnEnd::Failed("the pipeline has no bus".to_owned());
        };
        let mut messages = bus.stream();
        let pipeline = self.pipeline.clone();
        run_blocking(move || pipeline.start()).await;
        let turn_length = self.camera.shared.turn_length;
        let mut slot_needed = pin!(async {
            sleep(turn_length).await;
            slot.until_needed().await;
        });
        let mut tick = interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The slot is kept until a running recording is complete.
            let recording = self.recorded_by.is_some_and(|by| Instant::now() < by);
            let end = tokio::select! {
                () = stop.cancelled() => Some(TurnEnd::Stopped),
                Some(message) = messages.next() => self.handle_message(&message),
                Some(finished) = self.recordings.next() => {
                    self.report_recording(finished);
                    None
                }
                _ = tick.tick() => self.check_stall(),
                () = &mut slot_needed, if !recording => Some(TurnEnd::Yielded),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Ends everything. The stream at the service goes first, because it costs money.
    pub async fn close(mut self) {
        self.update_metrics();
        let pipeline = self.pipeline.clone();
        run_blocking(move || pipeline.stop()).await;
        self.camera.status.metrics.fps.set(0.0);
        // The last messages: the last answer, a recording, or a warning that the stream could not be deleted.
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(false);
            while let Some(message) = bus.pop() {
                match BusMessage::parse(&message, &self.camera.config.url) {
                    Some(BusMessage::Answer(message)) => self.handle_answer(message),
                    Some(BusMessage::Triggered) => self.begin_event(),
                    Some(BusMessage::Recorded(clip)) => self.recordings.add(clip),
                    Some(BusMessage::ElementWarning(failure)) => self.handle_last_warning(&failure),
                    _ => {}
                }
            }
        }
        self.recordings.end();
        while let Some(finished) = self.recordings.next().await {
            self.report_recording(finished);
        }
    }

    fn handle_last_warning(&mut self, failure: &FailureMessage) {
        let text = self.explain(failure);
        match failure.stage.as_str() {
            EVIDENCE => self.report_recording_failure(&text),
            _ => self.camera.report_problem(&text),
        }
    }

    fn explain(&self, failure: &FailureMessage) -> String {
        explanation::explain(failure, &self.camera.config, &self.key_variable)
    }

    fn handle_message(&mut self, message: &gst::Message) -> Option<TurnEnd> {
        match BusMessage::parse(message, &self.camera.config.url)? {
            BusMessage::Answer(message) => self.handle_answer(message),
            BusMessage::Triggered => self.begin_event(),
            BusMessage::Recorded(clip) => {
                self.recorded_by = None;
                self.recordings.add(clip);
            }
            BusMessage::State(change) => return self.handle_state(change),
            BusMessage::Cost(cents) => {
                self.camera.status.metrics.cost.inc_by(cents.max(0.0));
            }
            BusMessage::ElementWarning(failure) => return self.handle_warning(failure),
            BusMessage::Warning(text) => self.camera.log(text),
            BusMessage::Missing(fault) => self.missing = Some(fault),
            BusMessage::CameraLost(fault) => {
                let fault = self.missing.take().unwrap_or(fault);
                return Some(TurnEnd::CameraLost(fault));
            }
        }
        None
    }

    fn handle_warning(&mut self, failure: FailureMessage) -> Option<TurnEnd> {
        let text = self.explain(&failure);
        match (failure.stage.as_str(), failure.kind.as_str()) {
            ("create", "busy") => return Some(TurnEnd::KeyBusy(text)),
            (EVIDENCE, _) => {
                self.report_recording_failure(&text);
                return None;
            }
            // Nothing was sent to the service, and no state message follows.
            ("settings", _) if !failure.retryable => return Some(TurnEnd::SettingsRefused(text)),
            _ => {}
        }
        let is_harmless = failure.kind == "invalid-settings" && failure.retryable;
        // After a final error the state message repeats the text.
        let is_final = !is_harmless
            && matches!(
                failure.kind.as_str(),
                "not-authorized" | "out-of-credits" | "invalid-settings"
            );
        if !is_final {
            self.camera.report_problem(&text);
        }
        if !is_harmless {
            self.last_error = Some((failure.kind, text));
        }
        None
    }

    fn handle_state(&mut self, change: StateMessage) -> Option<TurnEnd> {
        let reason = change.reason.unwrap_or_default();
        let status = &self.camera.status;
        match change.state {
            enums::State::Streaming => status.set_state(State::Streaming),
            enums::State::Reconnecting => {
                status.metrics.reconnects.inc();
                status.set_state(State::Reconnecting);
            }
            // The element posts this before the pipeline posts EOS.
            enums::State::Closed if reason == "end of stream" => {
                return Some(TurnEnd::CameraLost(Fault::ended()));
            }
            enums::State::Closed => {
                let reason = explanation::translate(&reason, &self.key_variable);
                let (kind, text) = self.last_error.take().unwrap_or_default();
                return Some(match kind.as_str() {
                    "invalid-settings" => TurnEnd::SettingsRefused(text),
                    "not-authorized" | "out-of-credits" => TurnEnd::KeyRefused(text),
                    _ => TurnEnd::Failed(reason),
                });
            }
            // No camera sets ask-when, so there is no idle.
            enums::State::Connecting | enums::State::Idle => {}
        }
        None
    }

    fn handle_answer(&mut self, message: Box<ResultMessage>) {
        let answer = ParsedAnswer::new(message, self.camera.config.schema.is_some());
        let status = &self.camera.status;
        let counter = match answer.ok() {
            true => &status.metrics.answers,
            false => &status.metrics.answers_failed,
        };
        counter.inc();
        if let Some(latency) = answer.latency_ms() {
            status.metrics.latency.observe(latency / 1000.0);
        }
        let text = answer.result().or(answer.error()).unwrap_or_default();
        status.set_answer(text, answer.latency_ms());
        let triggered = std::mem::take(&mut self.triggered);
        let service = &self.camera.shared.address.name;
        self.camera
            .send_event(answer.to_event(&status.name, service, triggered));
    }

    /// An event begins, and its recording.
    fn begin_event(&mut self) {
        self.triggered = true;
        self.recordings.begin();
        let trigger = self.camera.config.trigger.as_ref();
        let after = trigger.map_or(Duration::ZERO, Trigger::after);
        self.recorded_by = Some(Instant::now() + after + RECORDING_TIMEOUT);
    }

    fn report_recording(&mut self, finished: Finished) {
        let recording = finished.recording;
        if let Some(why) = finished.without_sound {
            let text = format!("WARNING: recorded without sound: {why}");
            self.camera.log(text);
        }
        self.camera.log(format!(
            "recorded {:.1} s: {}",
            recording.seconds,
            recording.file.display()
        ));
        self.camera.status.metrics.recordings.inc();
        self.camera.recorded.notify_one();
        let name = &self.camera.status.name;
        let service = &self.camera.shared.address.name;
        let event = Event::new(name, service, EventKind::Recording(recording));
        self.camera.send_event(event);
    }

    fn report_recording_failure(&mut self, why: &str) {
        self.recorded_by = None;
        self.recordings.give_up();
        self.camera.status.metrics.recordings_failed.inc();
        let text = format!("WARNING: not recorded: {why}");
        self.camera.log(text);
    }

    /// Runs once a second.
    fn check_stall(&mut self) -> Option<TurnEnd> {
        self.update_metrics();
        let silent = self.last_frame_at.elapsed();
        (silent > STALL_TIMEOUT).then(|| {
            let seconds = silent.as_secs();
            TurnEnd::CameraLost(match self.frames {
                0 => Fault::silent(seconds),
                _ => Fault::new(Reason::NoAnswer, format!("no frame for {seconds} s")),
            })
        })
    }

    fn update_metrics(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.updated_at).as_secs_f64();
        self.updated_at = now;
        let frames = self.pipeline.frames();
        if frames > self.frames {
            self.last_frame_at = now;
            self.camera.report_online();
            let status = &self.camera.status;
            if status.current().state == State::Connecting {
                status.set_state(State::Starting);
            }
        }
        let status = &self.camera.status;
        if seconds > 0.0 {
            status
                .metrics
                .fps
                .set((frames - self.frames) as f64 / seconds);
        }
        self.frames = frames;
        let sent = self.pipeline.frames_sent();
        status
            .metrics
            .frames_sent
            .inc_by(sent.saturating_sub(self.frames_sent));
        self.frames_sent = sent;
        if self.pipeline.has_stream() {
            status.metrics.streamed.inc_by(seconds);
        }
    }
}

/// State changes of GStreamer block, so they run on a thread for blocking work.
async fn run_blocking(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        // Only a panic can cause this, and that is a bug.
        std::panic::resume_unwind(error.into_panic());
    }
}

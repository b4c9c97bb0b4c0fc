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
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::ParsedAnswer;
use super::bus_message::BusMessage;
use super::pipeline::CameraPipeline;
use super::{Camera, TurnEnd};
use crate::event::{Event, EventKind, Recording};
use crate::record::Recorder;
use crate::service::StreamSlot;
use crate::status::State;

/// A camera that sends no frame for this long is treated as lost.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A turn that received video for this long resets the backoff.
const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(10);
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait at the end of a turn for recordings to finish.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(15);

pub struct Turn<'a> {
    camera: &'a mut Camera,
    pipeline: Arc<CameraPipeline>,
    recorder: Option<Arc<Recorder>>,
    recordings: JoinSet<Result<Recording, String>>,
    /// The `kind` of the element's last warning.
    last_error_kind: String,
    frames: u64,
    frames_sent: u64,
    started: Instant,
    /// When the metrics were last updated.
    updated_at: Instant,
    /// When the last frame was seen.
    last_frame_at: Instant,
}

impl<'a> Turn<'a> {
    pub fn new(camera: &'a mut Camera, slot: &StreamSlot) -> Result<Self, gst::glib::BoolError> {
        let config = &camera.config;
        let trigger = config.trigger.as_ref();
        let recorder = trigger.map(|trigger| Arc::new(Recorder::new(&config.name, trigger)));
        let pipeline =
            CameraPipeline::new(config, &camera.shared.api, slot.key(), recorder.as_ref())?;
        let now = Instant::now();
        Ok(Self {
            camera,
            pipeline: Arc::new(pipeline),
            recorder,
            recordings: JoinSet::new(),
            last_error_kind: String::new(),
            frames: 0,
            frames_sent: 0,
            started: now,
            updated_at: now,
            last_frame_at: now,
        })
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
            let recording = self.recorder.as_ref().is_some_and(|it| it.is_recording());
            let end = tokio::select! {
                () = stop.cancelled() => Some(TurnEnd::Stopped),
                Some(message) = messages.next() => self.handle_message(&message),
                Some(done) = self.recordings.join_next() => {
                    self.finish_recording(done);
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
        // The last messages: the last answer, or a warning that the stream could not be deleted.
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(false);
            while let Some(message) = bus.pop() {
                match BusMessage::parse(&message, &self.camera.config.url) {
                    Some(BusMessage::Answer(message)) => self.handle_answer(message),
                    Some(BusMessage::ElementWarning(failure)) => {
                        self.camera.report_problem(&failure.message)
                    }
                    _ => {}
                }
            }
        }
        // Only after the last answer: it may have started a recording that gets no more frames.
        if let Some(recorder) = &self.recorder {
            recorder.finish();
        }
        let ended = timeout(RECORDING_TIMEOUT, async {
            while let Some(done) = self.recordings.join_next().await {
                self.finish_recording(done);
            }
        });
        if ended.await.is_err() {
            self.report_recording_failure("the disk accepts no data");
        }
    }

    fn handle_message(&mut self, message: &gst::Message) -> Option<TurnEnd> {
        match BusMessage::parse(message, &self.camera.config.url)? {
            BusMessage::Answer(message) => self.handle_answer(message),
            BusMessage::State(change) => return self.handle_state(change),
            BusMessage::Cost(cents) => {
                self.camera.status.metrics.cost.inc_by(cents.max(0.0));
            }
            BusMessage::ElementWarning(FailureMessage {
                kind,
                stage,
                message: text,
                ..
            }) => {
                if kind == "busy" && stage == "create" {
                    return Some(TurnEnd::KeyBusy(text));
                }
                // Nothing was sent to the service, and no state message follows.
                if stage == "settings" {
                    return Some(TurnEnd::SettingsRefused(text));
                }
                self.last_error_kind = kind;
                // After a final error the state message repeats the text.
                if !matches!(
                    self.last_error_kind.as_str(),
                    "not-authorized" | "out-of-credits" | "invalid-settings"
                ) {
                    self.camera.report_problem(&text);
                }
            }
            BusMessage::Warning(text) => self.camera.log(text),
            BusMessage::CameraLost(why) => return Some(TurnEnd::CameraLost(why)),
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
                return Some(TurnEnd::CameraLost("the camera ended its video".to_owned()));
            }
            enums::State::Closed => {
                return Some(match self.last_error_kind.as_str() {
                    "invalid-settings" => TurnEnd::SettingsRefused(reason),
                    "not-authorized" | "out-of-credits" => TurnEnd::KeyRefused(reason),
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
        let trigger = self.camera.trigger.as_mut();
        let (text, json) = (answer.usable_text(), answer.json.as_ref());
        let fires = trigger.is_some_and(|it| it.fires(text, json, Instant::now()));
        self.camera.send_event(answer.to_event(&status.name, fires));
        if fires {
            self.start_recording(answer.capture_time());
        }
    }

    fn start_recording(&mut self, event: Option<gst::ClockTime>) {
        let (Some(recorder), Some(event)) = (&self.recorder, event) else {
            return;
        };
        match recorder.start(event) {
            Ok(Some(file)) => drop(self.recordings.spawn_blocking(move || file.write())),
            Ok(None) => {}
            Err(why) => self.report_recording_failure(why),
        }
    }

    fn finish_recording(&mut self, done: Result<Result<Recording, String>, JoinError>) {
        match done {
            Ok(Ok(recording)) => {
                let cut_short = self.recorder.as_ref().is_some_and(|it| it.take_cut_short());
                let text = format!(
                    "recorded {:.1} s: {}{}",
                    recording.seconds,
                    recording.file.display(),
                    if cut_short {
                        "; WARNING: it ends early because the disk is too slow"
                    } else {
                        ""
                    }
                );
                self.camera.log(text);
                self.camera.status.metrics.recordings.inc();
                let name = &self.camera.status.name;
                self.camera
                    .send_event(Event::new(name, EventKind::Recording(recording)));
            }
            Ok(Err(why)) => self.report_recording_failure(&why),
            Err(panicked) => self.report_recording_failure(&panicked.to_string()),
        }
    }

    fn report_recording_failure(&self, why: &str) {
        self.camera.status.metrics.recordings_failed.inc();
        let text = format!("WARNING: not recorded: {why}");
        self.camera.log(text);
    }

    /// Runs once a second.
    fn check_stall(&mut self) -> Option<TurnEnd> {
        self.update_metrics();
        let silent = self.last_frame_at.elapsed();
        (silent > STALL_TIMEOUT)
            .then(|| TurnEnd::CameraLost(format!("no frame for {} s", silent.as_secs())))
    }

    fn update_metrics(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.updated_at).as_secs_f64();
        self.updated_at = now;
        let status = &self.camera.status;
        let frames = self.pipeline.frames();
        if frames > self.frames {
            self.last_frame_at = now;
            if status.current().state == State::Connecting {
                status.set_state(State::Starting);
            }
        }
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

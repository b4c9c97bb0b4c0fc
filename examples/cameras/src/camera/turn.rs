//! A camera's turn at a place: from the connection to the camera until its pipeline is down, and the
//! stream at the service deleted.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gst::prelude::*;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::Read;
use super::feed::Feed;
use super::said::Said;
use super::{Camera, End};
use crate::event::{Event, Recording, What};
use crate::places::Place;
use crate::record::Recorder;
use crate::status::State;

/// How long a camera may bring nothing.
const STALL: Duration = Duration::from_secs(10);
/// What it must last for the next failure to be a first one.
const WORKED: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_secs(1);
/// What the end of a recording may take.
const RECORDING_PATIENCE: Duration = Duration::from_secs(15);

pub struct Turn<'a> {
    camera: &'a mut Camera,
    feed: Arc<Feed>,
    recorder: Option<Arc<Recorder>>,
    recordings: JoinSet<Result<Recording, String>>,
    /// Of the element's last trouble.
    kind: String,
    frames: u64,
    frames_sent: u64,
    started: Instant,
    /// When it was looked at last.
    looked: Instant,
    /// When the last frame was there.
    came: Instant,
}

impl<'a> Turn<'a> {
    pub fn new(camera: &'a mut Camera, place: &Place) -> Result<Self, gst::glib::BoolError> {
        let config = &camera.config;
        let trigger = config.trigger.as_ref();
        let recorder = trigger.map(|trigger| Arc::new(Recorder::new(&config.name, trigger)));
        let feed = Feed::new(config, &camera.shared.api, place.key(), recorder.as_ref())?;
        let now = Instant::now();
        Ok(Self {
            camera,
            feed: Arc::new(feed),
            recorder,
            recordings: JoinSet::new(),
            kind: String::new(),
            frames: 0,
            frames_sent: 0,
            started: now,
            looked: now,
            came: now,
        })
    }

    /// Whether a failure after this is a first one.
    pub fn worked(&self) -> bool {
        self.frames > 0 && self.came.duration_since(self.started) >= WORKED
    }

    pub async fn play(&mut self, place: &Place, stop: &CancellationToken) -> End {
        self.camera.status.is(State::Connecting);
        let Some(bus) = self.feed.pipeline.bus() else {
            return End::Failed("a pipeline has a bus".to_owned());
        };
        let mut messages = bus.stream();
        let feed = self.feed.clone();
        blocking(move || feed.start()).await;
        let length = self.camera.shared.turn;
        let mut over = pin!(async {
            sleep(length).await;
            place.wanted().await;
        });
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // An event is recorded to its end.
            let recording = self.recorder.as_ref().is_some_and(|it| it.is_running());
            let end = tokio::select! {
                () = stop.cancelled() => Some(End::Stopped),
                Some(message) = messages.next() => self.message(&message),
                Some(done) = self.recordings.join_next() => {
                    self.recorded(done);
                    None
                }
                _ = tick.tick() => self.look(),
                () = &mut over, if !recording => Some(End::Over),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Everything ends: first what costs.
    pub async fn close(mut self) {
        self.count();
        let feed = self.feed.clone();
        blocking(move || feed.stop()).await;
        self.camera.status.fps.set(0.0);
        // That the stream could not be deleted, or the last answer.
        if let Some(bus) = self.feed.pipeline.bus() {
            bus.set_flushing(false);
            while let Some(message) = bus.pop() {
                match Said::of(&message, &self.camera.config.url) {
                    Some(Said::Answer(said)) => self.answer(said),
                    Some(Said::Trouble { text, .. }) => self.camera.trouble(&text),
                    _ => {}
                }
            }
        }
        // After the last answer, which may have begun a file that nothing more comes for.
        if let Some(recorder) = &self.recorder {
            recorder.end();
        }
        let ended = timeout(RECORDING_PATIENCE, async {
            while let Some(done) = self.recordings.join_next().await {
                self.recorded(done);
            }
        });
        if ended.await.is_err() {
            self.not_recorded("the disk takes nothing");
        }
    }

    fn message(&mut self, message: &gst::Message) -> Option<End> {
        match Said::of(message, &self.camera.config.url)? {
            Said::Answer(said) => self.answer(said),
            Said::State { state, reason } => return self.state(&state, reason),
            Said::Cost(cents) => {
                self.camera.status.cost.inc_by(cents.max(0.0));
            }
            Said::Trouble { kind, stage, text } => {
                if kind == "busy" && stage == "create" {
                    return Some(End::KeyBusy(text));
                }
                // Nothing was sent, and no state changes.
                if stage == "settings" {
                    return Some(End::SettingsRefused(text));
                }
                self.kind = kind;
                // Of what is final, the state says the same next.
                if !matches!(
                    self.kind.as_str(),
                    "not-authorized" | "out-of-credits" | "invalid-settings"
                ) {
                    self.camera.trouble(&text);
                }
            }
            Said::Warning(text) => self.camera.shared.log.of(&self.camera.config.name, text),
            Said::CameraLost(why) => return Some(End::CameraLost(why)),
        }
        None
    }

    fn state(&mut self, state: &str, reason: String) -> Option<End> {
        let status = &self.camera.status;
        match state {
            "streaming" => status.is(State::Streaming),
            "reconnecting" => {
                status.reconnects.inc();
                status.is(State::Reconnecting);
            }
            // Which it says before the pipeline does.
            "closed" if reason == "end of stream" => {
                return Some(End::CameraLost("the camera ended its video".to_owned()));
            }
            "closed" => {
                return Some(match self.kind.as_str() {
                    "invalid-settings" => End::SettingsRefused(reason),
                    "not-authorized" | "out-of-credits" => End::KeyRefused(reason),
                    _ => End::Failed(reason),
                });
            }
            _ => {}
        }
        None
    }

    fn answer(&mut self, said: gst::Structure) {
        let read = Read::new(said, self.camera.config.schema.is_some());
        let status = &self.camera.status;
        let counter = match read.ok() {
            true => &status.answers,
            false => &status.answers_failed,
        };
        counter.inc();
        if let Some(latency) = read.latency_ms() {
            status.latency.observe(latency / 1000.0);
        }
        let text = read.result().or(read.error()).unwrap_or_default();
        status.answered(text, read.latency_ms());
        let trigger = self.camera.trigger.as_mut();
        let fires = trigger.is_some_and(|it| it.fires(read.json.as_ref(), Instant::now()));
        self.camera.tell(read.event(&status.name, fires));
        if fires {
            self.record(read.capture_time());
        }
    }

    fn record(&mut self, event: Option<gst::ClockTime>) {
        let (Some(recorder), Some(event)) = (&self.recorder, event) else {
            return;
        };
        match recorder.fire(event) {
            Ok(Some(writing)) => drop(self.recordings.spawn_blocking(move || writing.write())),
            Ok(None) => {}
            Err(why) => self.not_recorded(why),
        }
    }

    fn recorded(&mut self, done: Result<Result<Recording, String>, JoinError>) {
        match done {
            Ok(Ok(recording)) => {
                let cut = self.recorder.as_ref().is_some_and(|it| it.was_cut());
                let text = format!(
                    "recorded {:.1} s: {}{}",
                    recording.seconds,
                    recording.file.display(),
                    if cut {
                        ", WARNING: it ends early, as the disk is too slow"
                    } else {
                        ""
                    }
                );
                self.camera.shared.log.of(&self.camera.config.name, text);
                self.camera.status.recordings.inc();
                let name = &self.camera.status.name;
                self.camera
                    .tell(Event::new(name, What::Recording(recording)));
            }
            Ok(Err(why)) => self.not_recorded(&why),
            Err(panicked) => self.not_recorded(&panicked.to_string()),
        }
    }

    fn not_recorded(&self, why: &str) {
        self.camera.status.recordings_failed.inc();
        let text = format!("WARNING: not recorded: {why}");
        self.camera.shared.log.of(&self.camera.config.name, text);
    }

    /// Each second.
    fn look(&mut self) -> Option<End> {
        self.count();
        let silent = self.came.elapsed();
        (silent > STALL).then(|| End::CameraLost(format!("none came for {} s", silent.as_secs())))
    }

    fn count(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.looked).as_secs_f64();
        self.looked = now;
        let status = &self.camera.status;
        let frames = self.feed.frames();
        if frames > self.frames {
            self.came = now;
            if status.shown().state == State::Connecting {
                status.is(State::Starting);
            }
        }
        if seconds > 0.0 {
            status.fps.set((frames - self.frames) as f64 / seconds);
        }
        self.frames = frames;
        let sent = self.feed.frames_sent();
        status
            .frames_sent
            .inc_by(sent.saturating_sub(self.frames_sent));
        self.frames_sent = sent;
        if self.feed.has_stream() {
            status.streamed.inc_by(seconds);
        }
    }
}

/// What GStreamer does meanwhile takes a moment.
async fn blocking(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(work).await {
        // A panic, which is a bug.
        std::panic::resume_unwind(error.into_panic());
    }
}

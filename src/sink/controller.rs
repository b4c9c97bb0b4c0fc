//! What happens when: one thread an element turns everything that happens (the session's events,
//! the peer's, the application's wishes) into the next step. It is a plain thread, not a task:
//! applications' signal handlers run on it, and may use a runtime of their own.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::attempt::Attempt;
use super::drain::{Drain, Pace};
use super::peer::{MediaConfig, PeerEvent};
use super::settings::Plan;
use super::video_in::VideoIn;
use super::{CAT, OnError, OvershootSink, State, messages};
use crate::RUNTIME;
use crate::session::error::{Error, Kind, Stage};
use crate::session::protocol::Feedback;
use crate::session::{self, Answer, Created, Event, lease};

/// Peer events and feedback that may wait; there are a handful in a stream's life.
const INBOX: usize = 64;
/// Longest time that the last frame may take through the encoder.
const FLUSH_BOUND: Duration = Duration::from_secs(1);
/// Longest time that [`Handle::stop`] waits: for the session, and for webrtcbin to go down.
const STOP_BOUND: Duration = session::CLOSE_BOUND.saturating_add(Duration::from_millis(400));

/// What reaches the controller from other threads.
pub enum Input {
    /// With the serial of the attempt that it is about.
    Peer(u64, PeerEvent),
    Feedback(Feedback),
}

/// What the application changes while the controller runs: only the newest value counts.
pub struct Wishes {
    pub prompt: watch::Receiver<String>,
    /// bit/s
    pub bitrate: watch::Receiver<u32>,
    /// The source's rate, once there are caps.
    pub source: watch::Receiver<Option<gst::Fraction>>,
}

/// A running controller.
pub struct Handle {
    stop: CancellationToken,
    end: CancellationToken,
    inbox: mpsc::Sender<Input>,
    done: std_mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts connecting.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        element: &OvershootSink,
        plan: Plan,
        video: Arc<VideoIn>,
        wishes: Wishes,
    ) -> std::io::Result<Self> {
        let (inbox, received) = mpsc::channel(INBOX);
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let mut controller = Controller {
            element: element.downgrade(),
            name: element.name().into(),
            plan,
            video,
            wishes,
            inbox: inbox.clone(),
            received,
            stop: stop.clone(),
            end: end.clone(),
            attempt: None,
            phase: Phase::Waiting(Instant::now()),
            serial: 0,
            progress: false,
            ended: false,
            reconnects: 0,
            streamed: false,
            more_turn_servers: Vec::new(),
            interval: Duration::ZERO,
            pace: Pace::default(),
        };
        let (finished, done) = std_mpsc::channel();
        let thread = thread::Builder::new()
            .name("overshoot-ctl".to_owned())
            .spawn(move || {
                controller.run();
                drop(controller);
                // Nobody waits any more where the bound was passed.
                let _ = finished.send(());
            })?;
        Ok(Self {
            stop,
            end,
            inbox,
            done,
            thread,
        })
    }

    /// The video has ended: the last answers are waited for, then EOS goes on.
    pub fn end(&self) {
        self.end.cancel();
    }

    /// # Errors
    /// Gives it back where too much waits already.
    pub fn give_feedback(&self, feedback: Feedback) -> Result<(), Feedback> {
        let sent = self.inbox.try_send(Input::Feedback(feedback));
        sent.map_err(|error| match error.into_inner() {
            Input::Feedback(feedback) => feedback,
            Input::Peer(..) => unreachable!("it was feedback"),
        })
    }

    /// Asks the controller to end everything; [`Handle::join`] waits for it.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits, with a bound, until the stream is deleted and everything is torn down.
    pub fn join(self) {
        self.stop();
        if self.thread.thread().id() == thread::current().id() {
            // From a signal handler: the controller ends as soon as the handler returns.
            gst::warning!(CAT, "stopped from within a signal handler");
            return;
        }
        match self.done.recv_timeout(STOP_BOUND) {
            Ok(()) => {
                if self.thread.join().is_err() {
                    gst::error!(CAT, "the controller panicked");
                }
            }
            Err(_) => gst::error!(CAT, "closing takes longer than {STOP_BOUND:?}; it goes on"),
        }
    }
}

enum Phase {
    Connecting,
    Streaming,
    /// The last frames leave the encoder, until then at the latest.
    Flushing(Instant),
    /// The last answers are waited for.
    Draining(Drain),
    /// Until the next attempt.
    Waiting(Instant),
    /// There is nothing left to do but to stop.
    Over,
}

/// What the controller waited for.
enum Next {
    Stop,
    End,
    Input(Input),
    Session(Option<Event>),
    Bitrate,
    Source,
    Deadline,
}

struct Controller {
    element: glib::WeakRef<OvershootSink>,
    name: String,
    plan: Plan,
    video: Arc<VideoIn>,
    wishes: Wishes,
    inbox: mpsc::Sender<Input>,
    received: mpsc::Receiver<Input>,
    stop: CancellationToken,
    end: CancellationToken,
    attempt: Option<Attempt>,
    phase: Phase,
    serial: u64,
    /// A PROGRESS message began what another must end.
    progress: bool,
    /// The end of the video was seen to.
    ended: bool,
    /// Since an answer came last.
    reconnects: u32,
    /// Whether video ever flowed.
    streamed: bool,
    /// Named by a response; used after a connection failed.
    more_turn_servers: Vec<String>,
    /// From one answer to the next.
    interval: Duration,
    pace: Pace,
}

impl Controller {
    fn run(&mut self) {
        loop {
            // Waiting is the only thing that happens inside the runtime.
            let next = RUNTIME.block_on(self.next());
            let Some(element) = self.element.upgrade() else {
                break;
            };
            if matches!(next, Next::Stop) {
                break;
            }
            if let Err(error) = self.step(&element, next) {
                self.failed(&element, error);
            }
        }
        self.close();
        if let Some(element) = self.element.upgrade() {
            self.progress_ends(&element, gst::ProgressType::Canceled, "Stopped");
            element.imp().show(State::Closed, None, Some("stopped"));
        }
    }

    async fn next(&mut self) -> Next {
        let deadline = self.deadline();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Next::Stop,
            Some(input) = self.received.recv() => Next::Input(input),
            event = session_event(&mut self.attempt) => Next::Session(event),
            Ok(()) = self.wishes.bitrate.changed() => Next::Bitrate,
            Ok(()) = self.wishes.source.changed() => Next::Source,
            () = self.end.cancelled(), if !self.ended => Next::End,
            () = until(deadline) => Next::Deadline,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connecting => self.attempt.as_ref().and_then(|attempt| attempt.deadline),
            Phase::Flushing(until) | Phase::Waiting(until) => Some(*until),
            Phase::Draining(drain) => Some(drain.deadline()),
            Phase::Streaming | Phase::Over => None,
        }
    }

    fn step(&mut self, element: &OvershootSink, next: Next) -> Result<(), Error> {
        match next {
            Next::Stop => Ok(()),
            Next::End => self.ended(element),
            Next::Input(Input::Peer(serial, event)) => {
                if self.attempt.as_ref().is_some_and(|a| a.is(serial)) {
                    self.peer_event(element, event)
                } else {
                    Ok(())
                }
            }
            Next::Input(Input::Feedback(feedback)) => {
                let session = self.attempt.as_ref().and_then(Attempt::session);
                match session.map(|session| session.give_feedback(feedback)) {
                    Some(Ok(())) => {}
                    _ => messages::post_failure(element, &no_stream_for_feedback(), false, true),
                }
                Ok(())
            }
            Next::Session(event) => self.session_event(element, event),
            Next::Bitrate => {
                let bitrate = *self.wishes.bitrate.borrow_and_update();
                if let Some(media) = self.attempt.as_ref().and_then(|a| a.peer.media()) {
                    media.set_bitrate(bitrate);
                }
                Ok(())
            }
            Next::Source => {
                self.wishes.source.mark_unchanged();
                self.progress_starts(element);
                self.open_session()
            }
            Next::Deadline => self.time_is_up(element),
        }
    }

    fn time_is_up(&mut self, element: &OvershootSink) -> Result<(), Error> {
        match self.phase {
            Phase::Connecting => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.time_is_up()?;
                }
                self.open_session()
            }
            Phase::Flushing(_) => {
                self.drain();
                Ok(())
            }
            Phase::Draining(_) => {
                self.finish(element);
                Ok(())
            }
            Phase::Waiting(_) => self.connect(element),
            Phase::Streaming | Phase::Over => Ok(()),
        }
    }

    /// PROGRESS is told from the first caps on: players hold a pipeline in PAUSED while there is
    /// some, and a live source brings caps only once it plays.
    fn progress_starts(&mut self, element: &OvershootSink) {
        if matches!(self.phase, Phase::Connecting | Phase::Waiting(_)) && self.serial <= 1 {
            self.progress = true;
            messages::post_progress(element, gst::ProgressType::Start, "Connecting");
        }
    }

    fn progress_ends(&mut self, element: &OvershootSink, kind: gst::ProgressType, text: &str) {
        if std::mem::take(&mut self.progress) {
            messages::post_progress(element, kind, text);
        }
    }

    /// Begins an attempt.
    fn connect(&mut self, element: &OvershootSink) -> Result<(), Error> {
        if self.serial == 0 {
            element.imp().show(State::Connecting, None, None);
        }
        self.serial += 1;
        gst::debug!(CAT, obj = element, "attempt {}", self.serial);
        self.phase = Phase::Connecting;
        self.attempt = Some(Attempt::start(
            &self.name,
            self.serial,
            &self.plan,
            &self.more_turn_servers,
            self.inbox.clone(),
        )?);
        Ok(())
    }

    /// Creates the stream once the offer and, where it matters, the source's rate are known.
    fn open_session(&mut self) -> Result<(), Error> {
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        let source = *self.wishes.source.borrow();
        let known = source.is_some() || !self.plan.needs_source_rate();
        let (plan, video, interval) = (&self.plan, &self.video, &mut self.interval);
        attempt.open(plan, self.wishes.prompt.clone(), || {
            known.then(|| {
                let request = plan.request(source)?;
                video.set_rate(plan.max_framerate(&request.processing));
                *interval = Duration::from_secs_f64(request.processing.interval_seconds());
                Ok(request)
            })
        })
    }

    fn peer_event(&mut self, element: &OvershootSink, event: PeerEvent) -> Result<(), Error> {
        match event {
            PeerEvent::Offer(offer) => {
                gst::debug!(CAT, obj = element, "the offer is complete");
                if let Some(attempt) = &mut self.attempt {
                    attempt.offered(offer);
                }
                self.open_session()
            }
            PeerEvent::Connected => self.connected(element),
            PeerEvent::Drained => {
                if matches!(self.phase, Phase::Flushing(_)) {
                    self.drain();
                }
                Ok(())
            }
            PeerEvent::Failed(error) => Err(error),
        }
    }

    fn connected(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Some(attempt) = &self.attempt else {
            return Ok(());
        };
        let Some(media) = attempt.peer.media() else {
            return Ok(());
        };
        if !matches!(self.phase, Phase::Connecting) {
            return Ok(());
        }
        attempt.peer.verify()?;
        attempt.peer.dump("connected");
        self.video.attach(media);
        self.phase = Phase::Streaming;
        self.streamed = true;
        element
            .imp()
            .show(State::Streaming, attempt.stream_id.as_deref(), None);
        self.progress_ends(element, gst::ProgressType::Complete, "Connected");
        element.imp().let_preroll();
        Ok(())
    }

    fn session_event(
        &mut self,
        element: &OvershootSink,
        event: Option<Event>,
    ) -> Result<(), Error> {
        match event {
            Some(Event::Created(created)) => self.created(element, &created),
            Some(Event::Failed(error)) => Err(error),
            Some(event) => {
                if let Event::Answer(answer) = &event {
                    self.reconnects = 0;
                    self.time(answer);
                }
                self.tell(element, event);
                Ok(())
            }
            None => Err(Error::new(
                Kind::Network,
                Stage::Socket,
                "The session ended by itself.",
            )),
        }
    }

    fn created(&mut self, element: &OvershootSink, created: &Created) -> Result<(), Error> {
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        gst::debug!(
            CAT,
            obj = element,
            "stream {} is created",
            created.stream_id
        );
        attempt.created(created);
        let state = match self.streamed {
            true => State::Reconnecting,
            false => State::Connecting,
        };
        element.imp().show(state, Some(&created.stream_id), None);
        let consumer = created.stream_id.clone();
        attempt.peer.accept(
            &created.answer,
            MediaConfig {
                bitrate: *self.wishes.bitrate.borrow_and_update(),
                max_width: self.plan.max_width,
                max_height: self.plan.max_height,
                encoder_setup: &|encoder| {
                    element.emit_by_name::<bool>("encoder-setup", &[&consumer, &"sink", encoder])
                },
            },
        )
    }

    /// Notes when answers come.
    fn time(&mut self, answer: &Answer) {
        let latency = messages::latency(answer);
        self.pace.answer(answer.arrived, latency);
        if let Phase::Draining(drain) = &mut self.phase {
            drain.answer(answer.arrived, latency);
        }
    }

    /// Passes on what changes nothing for the controller.
    fn tell(&self, element: &OvershootSink, event: Event) {
        let id = self.attempt.as_ref().and_then(|a| a.stream_id.as_deref());
        match event {
            Event::Answer(answer) => element.imp().deliver(&answer),
            Event::PromptTaken(prompt) => messages::post(element, messages::prompt(&prompt, id)),
            Event::Renewed(renewed) => {
                if let Some(credits) = messages::credits(&renewed) {
                    messages::post(element, credits);
                }
            }
            Event::FeedbackTaken => gst::info!(CAT, obj = element, "feedback taken"),
            Event::Warning(error) => {
                messages::post_failure(element, &error, false, self.streamed);
            }
            Event::Failed(error) => gst::debug!(CAT, obj = element, "while closing: {error}"),
            Event::Created(_) => {}
        }
    }

    /// The video has ended.
    fn ended(&mut self, element: &OvershootSink) -> Result<(), Error> {
        self.ended = true;
        match self.phase {
            Phase::Streaming => {
                self.phase = Phase::Flushing(Instant::now() + FLUSH_BOUND);
                if !self.video.end() {
                    self.drain();
                }
            }
            // Nothing was sent, so no answer will come.
            Phase::Connecting | Phase::Waiting(_) => self.finish(element),
            Phase::Over => element.imp().pass_eos(),
            Phase::Flushing(_) | Phase::Draining(_) => {}
        }
        Ok(())
    }

    fn drain(&mut self) {
        let last_frame = self.video.last_frame().unwrap_or_else(Instant::now);
        let bound = self.plan.drain_timeout;
        self.phase = Phase::Draining(Drain::new(last_frame, self.interval, bound, self.pace));
    }

    /// Everything was said: the stream is deleted, and EOS goes on.
    fn finish(&mut self, element: &OvershootSink) {
        self.close();
        self.phase = Phase::Over;
        self.progress_ends(element, gst::ProgressType::Canceled, "End of stream");
        element
            .imp()
            .show(State::Closed, None, Some("end of stream"));
        element.imp().let_preroll();
        element.imp().pass_eos();
    }

    /// Tries again, or gives up.
    fn failed(&mut self, element: &OvershootSink, error: Error) {
        gst::info!(CAT, obj = element, "{error} ({:?})", error.kind);
        let ending = matches!(self.phase, Phase::Flushing(_) | Phase::Draining(_));
        let spare = self
            .attempt
            .as_mut()
            .map(|attempt| std::mem::take(&mut attempt.turn_servers))
            .unwrap_or_default();
        self.close();
        self.progress_ends(element, gst::ProgressType::Error, "Not connected");
        if ending {
            messages::post_failure(element, &error, false, true);
            return self.finish(element);
        }
        let relay_helps = error.stage == Stage::Connect
            && error.kind == Kind::Media
            && self.more_turn_servers.is_empty()
            && !spare.is_empty();
        if relay_helps {
            self.more_turn_servers = spare;
        }
        if relay_helps || self.may_reconnect(&error) {
            let pause = match relay_helps {
                true => Duration::ZERO,
                false => lease::socket_backoff(self.reconnects, rand::random()),
            };
            let pause = error.retry_after.unwrap_or(pause);
            self.reconnects += 1;
            messages::post_failure(element, &error, false, self.streamed);
            element
                .imp()
                .show(State::Reconnecting, None, Some(&error.message));
            self.phase = Phase::Waiting(Instant::now() + pause);
        } else {
            self.give_up(element, &error);
        }
        element.imp().let_preroll();
    }

    /// A first connection that fails is reported at once, as a wrong address would never be
    /// noticed else; with `on-error=warn` the pipeline is to run by itself, and it is tried again.
    fn may_reconnect(&self, error: &Error) -> bool {
        let left = u32::try_from(self.plan.max_reconnects).is_ok_and(|max| self.reconnects < max)
            || self.plan.max_reconnects < 0;
        self.plan.reconnect
            && left
            && error.retryable()
            && (self.streamed || self.plan.on_error == OnError::Warn)
    }

    fn give_up(&mut self, element: &OvershootSink, error: &Error) {
        self.phase = Phase::Over;
        let fatal = self.plan.on_error == OnError::Error;
        messages::post_failure(element, error, fatal, self.streamed);
        element
            .imp()
            .show(State::Closed, None, Some(&error.message));
    }

    /// Ends the attempt, if there is one.
    fn close(&mut self) {
        self.video.detach();
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let element = self.element.upgrade();
        attempt.close(|event| {
            if let Some(element) = &element {
                self.tell(element, event);
            }
        });
    }
}

fn no_stream_for_feedback() -> Error {
    Error::new(
        Kind::InvalidSettings,
        Stage::Feedback,
        "There is no stream to give feedback about: do it while the state is streaming.",
    )
}

async fn session_event(attempt: &mut Option<Attempt>) -> Option<Event> {
    match attempt {
        Some(attempt) => attempt.next().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

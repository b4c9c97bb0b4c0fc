//! What happens when: one thread for each element turns every event (of the session, of the peer, of the
//! application) into the next step. It is a plain thread, not a task: applications' signal handlers run on it,
//! and may use a runtime of their own.
//!
//! May use `answers`, `webrtc`, `config`, `frames` and `codec`, and calls the element's methods to show what
//! happened. Waiting happens in one place, [`Controller::next`]; no step waits for the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use crate::RUNTIME;
use crate::session::error::{Error, Kind, Stage};
use crate::session::question::OneShotQuestion;
use crate::session::retry::until;
use crate::session::{Answer, Event};
use crate::sink::answers::messages;
use crate::sink::answers::stats::Stats;
use crate::sink::config::plan::Plan;
use crate::sink::config::transport::Route;
use crate::sink::enums::State;
use crate::sink::frames::feeder::Feeder;
use crate::sink::webrtc::peer::Peer;
use crate::sink::{CAT, OvershootSink};

mod attempt;
mod connect;
pub mod drain;
#[cfg(test)]
mod fuzz_tests;
pub mod handle;
pub mod inbox;
mod one_shot_questions;
mod phase;
mod room_client;
mod room_events;
mod shutdown;
mod step;
mod watchdog;

use attempt::{Attempt, AttemptEvent};
use drain::AnswerPace;
use inbox::{Command, ControllerChannels, LiveSettings};
use phase::Phase;
use watchdog::Watchdog;

/// Longest time that the last frame may take through the encoder.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What the controller waited for.
enum Next {
    Stop,
    End,
    Command(Command),
    Attempt(AttemptEvent),
    Bitrate,
    Source,
    Look,
    Deadline,
}

struct Controller {
    element: glib::WeakRef<OvershootSink>,
    name: String,
    plan: Plan,
    video: Arc<Feeder>,
    live: LiveSettings,
    channels: ControllerChannels,
    /// The way that attempts take; another one than the plan's after a fall-back.
    route: Route,
    /// Why the way to the service was left for a room, until that is connected.
    fallen_back: Option<Error>,
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
    pace: AnswerPace,
    stats: Arc<Stats>,
    /// How many streams were created.
    epoch: u64,
    /// No video comes, and the application knows.
    stalled: bool,
    /// The application knows that answers are cut off.
    cut_off_told: bool,
    watchdog: Watchdog,
    /// Questions that wait for their only answer.
    open_questions: Vec<OneShotQuestion>,
    /// When it is looked after the stream next, while video flows.
    stats_due: Option<Instant>,
}

impl Controller {
    fn new(
        element: &OvershootSink,
        plan: Plan,
        video: Arc<Feeder>,
        live: LiveSettings,
        channels: ControllerChannels,
    ) -> Self {
        Self {
            element: element.downgrade(),
            name: element.name().into(),
            route: plan.route.clone(),
            fallen_back: None,
            plan,
            video,
            live,
            channels,
            phase: Phase::Waiting(Instant::now()),
            serial: 0,
            progress: false,
            ended: false,
            reconnects: 0,
            streamed: false,
            more_turn_servers: Vec::new(),
            interval: Duration::ZERO,
            pace: AnswerPace::default(),
            stats: element.imp().public_state().stats.clone(),
            epoch: 0,
            stalled: false,
            cut_off_told: false,
            watchdog: Watchdog::default(),
            open_questions: Vec::new(),
            stats_due: None,
        }
    }

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
        self.close_attempt();
        if let Some(element) = self.element.upgrade() {
            self.fail_open_questions(&element, None);
            self.end_progress(&element, gst::ProgressType::Canceled, "Stopped");
            element
                .imp()
                .show_state(State::Closed, None, Some("stopped"));
        }
    }

    async fn next(&mut self) -> Next {
        let deadline = self.phase.deadline();
        tokio::select! {
            biased;
            () = self.channels.stop.cancelled() => Next::Stop,
            Some(command) = self.channels.received.recv() => Next::Command(command),
            event = self.phase.next_event() => Next::Attempt(event),
            Ok(()) = self.live.bitrate.changed() => Next::Bitrate,
            Ok(()) = self.live.source.changed() => Next::Source,
            () = self.channels.end.cancelled(), if !self.ended => Next::End,
            () = until(deadline.map(Into::into)) => Next::Deadline,
            () = until(self.stats_due.map(Into::into)) => Next::Look,
        }
    }

    fn step(&mut self, element: &OvershootSink, next: Next) -> Result<(), Error> {
        match next {
            Next::Stop => Ok(()),
            Next::End => self.video_ended(element),
            Next::Command(Command::Peer(serial, event)) => {
                if self.phase.attempt().is_some_and(|a| a.has_serial(serial)) {
                    self.peer_event(element, event)
                } else {
                    Ok(())
                }
            }
            Next::Command(Command::Feedback(feedback)) => {
                let session = self.phase.attempt().and_then(Attempt::session);
                match session.map(|session| session.give_feedback(feedback)) {
                    Some(Ok(())) => {}
                    _ => messages::post_failure(element, &no_stream_for_feedback(), false, true),
                }
                Ok(())
            }
            Next::Command(Command::Ask(ask)) => {
                self.ask(element, ask);
                Ok(())
            }
            Next::Attempt(AttemptEvent::Session(event)) => self.session_event(element, event),
            Next::Attempt(AttemptEvent::Room(event)) => self.room_event(element, event),
            Next::Bitrate => {
                let bitrate = *self.live.bitrate.borrow_and_update();
                let peer = self.phase.attempt().map(|attempt| &attempt.peer);
                if let Some(congestion) = peer.and_then(Peer::congestion) {
                    congestion.set_max_bitrate(bitrate);
                } else if let Some(media) = peer.and_then(Peer::media) {
                    media.set_bitrate(bitrate);
                    self.stats.set_target(bitrate);
                }
                Ok(())
            }
            Next::Source => {
                self.live.source.mark_unchanged();
                self.start_progress(element);
                self.open_session(element)
            }
            Next::Look => self.poll(element),
            Next::Deadline => self.deadline_passed(element),
        }
    }

    fn deadline_passed(&mut self, element: &OvershootSink) -> Result<(), Error> {
        match &mut self.phase {
            Phase::Connecting(attempt) => {
                attempt.deadline_passed()?;
                self.open_session(element)
            }
            Phase::Flushing(..) => {
                self.drain();
                Ok(())
            }
            Phase::Draining(..) => {
                self.finish(element);
                Ok(())
            }
            Phase::Waiting(_) => self.connect(element),
            Phase::Streaming(_) | Phase::Over => Ok(()),
        }
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
                    if let Some(serial) = answer.ask_serial {
                        self.close_question(serial);
                    }
                    self.reconnects = 0;
                    self.watchdog.answered();
                    self.note_pace(answer);
                    self.warn_if_cut_off(element, answer);
                }
                self.forward(element, event);
                Ok(())
            }
            None => Err(Error::new(
                Kind::Network,
                Stage::Socket,
                "The session ended by itself.",
            )),
        }
    }

    /// Notes when answers come.
    fn note_pace(&mut self, answer: &Answer) {
        // Answers to one-shot questions tell nothing of when the next one is due.
        if answer.ask_serial.is_some() {
            return;
        }
        let latency = messages::latency(answer);
        self.pace.answer(answer.arrived, latency);
        if let Phase::Draining(_, drain) = &mut self.phase {
            drain.answer(answer.arrived, latency);
        }
    }

    /// Once is enough: with the same settings the next ones are cut off as well.
    fn warn_if_cut_off(&mut self, element: &OvershootSink, answer: &Answer) {
        if answer.result.finish_reason.as_deref() == Some("length") && !self.cut_off_told {
            self.cut_off_told = true;
            messages::post_failure(
                element,
                &self.plan.cut_off_warning(self.interval),
                false,
                true,
            );
        }
    }

    /// Passes on what changes nothing for the controller.
    fn forward(&self, element: &OvershootSink, event: Event) {
        let id = self.phase.stream_id();
        match event {
            Event::Answer(answer) => {
                self.stats.answer(&answer);
                element
                    .imp()
                    .deliver_answer(&answer, self.interval, self.epoch);
            }
            Event::PartialAnswer(partial) => {
                messages::post(element, messages::partial(&partial, id))
            }
            Event::PromptAccepted(prompt) => {
                let serial = element.imp().prompt_serial(&prompt);
                messages::post(element, messages::prompt(&prompt, serial, id));
            }
            Event::Renewed(renewed) => {
                self.stats.renewed(&renewed);
                if let (Some(token), Some(attempt)) = (&renewed.livekit_token, self.phase.attempt())
                {
                    attempt.refresh(token);
                }
                if let Some(credits) = messages::credits(&renewed) {
                    messages::post(element, credits);
                }
            }
            Event::FeedbackAccepted => gst::info!(CAT, obj = element, "feedback taken"),
            Event::Warning(error) => {
                messages::post_failure(element, &error, false, self.streamed);
            }
            Event::Failed(error) => gst::warning!(CAT, obj = element, "while closing: {error}"),
            Event::Created(_) => {}
        }
    }
}

fn no_stream_for_feedback() -> Error {
    Error::new(
        Kind::InvalidSettings,
        Stage::Feedback,
        "There is no stream to give feedback about: do it while the state is streaming.",
    )
}

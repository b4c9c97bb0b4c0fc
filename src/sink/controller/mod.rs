// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The state machine of a stream: connect, watch, drain, replace. One thread for each element handles every event of
//! the session, of the peer and of the application. It is a plain thread and not a task, because applications'
//! signal handlers run on it and may use a runtime of their own.
//!
//! This module may use `answers`, `webrtc`, `evidence`, `config`, `frames` and `codec`. It calls the element's methods to report
//! what happened. Only [`Controller::next`] waits; no step waits for the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use tokio::sync::watch;

use crate::RUNTIME;
use crate::session::costs::account::Account;
use crate::session::error::Error;
use crate::session::prompt::Prompt;
use crate::session::question::OneShotQuestion;
use crate::session::retry::until;
use crate::sink::OvershootSink;
use crate::sink::answers::stats::Stats;
use crate::sink::config::plan::Plan;
use crate::sink::config::transport::Route;
use crate::sink::enums::State;
use crate::sink::evidence::keeper::Keeper;
use crate::sink::frames::encoded_scene::EncodedScene;
use crate::sink::frames::feeder::Feeder;
use crate::sink::webrtc::peer::Peer;

mod attempt;
mod budget;
mod connect;
pub mod drain;
#[cfg(test)]
mod fuzz_tests;
pub mod handle;
mod hardware_probe;
mod idle;
pub mod inbox;
pub mod newest_frame;
mod one_shot_questions;
mod other_address;
mod phase;
mod playback;
mod prompt;
#[cfg(test)]
mod quiet_day_tests;
mod replacement;
mod report;
mod retries;
mod room_client;
mod room_events;
mod scene;
mod session_events;
mod shutdown;
mod step;
mod waiting_answers;
mod watchdog;

use attempt::AttemptEvent;
use drain::AnswerPace;
use idle::{Cause, Wake};
use inbox::{Command, ControllerChannels, LiveSettings};
use phase::Phase;
use replacement::{Outgoing, OutgoingEvent};
use retries::Retries;
use waiting_answers::WaitingAnswers;
use watchdog::Watchdog;

/// Longest time that the last frame may need to pass through the encoder.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The event that ends a wait of the controller.
enum Next {
    Stop,
    Playback,
    Command(Command),
    Attempt(AttemptEvent),
    Outgoing(OutgoingEvent),
    Bitrate,
    Source,
    Questions,
    Prompt,
    Poll,
    Repeat,
    Change,
    HeldFrame,
    Deadline,
    Budget,
    Evidence,
}

struct Controller {
    element: glib::WeakRef<OvershootSink>,
    name: String,
    plan: Plan,
    video: Arc<Feeder>,
    live: LiveSettings,
    channels: ControllerChannels,
    /// The route of the next attempt. It differs from the plan's after a fallback to a room.
    route: Route,
    /// The error that caused the fallback to a room. `None` once the room is connected.
    room_fallback_cause: Option<Error>,
    phase: Phase,
    /// The wake-up whose first answer has not arrived. `None` also after its connection failed: then it is a reconnection.
    wake: Option<Wake>,
    /// The stream that the current one replaces, or one that is being deleted.
    outgoing: Option<Outgoing>,
    /// The number of the newest attempt; the first is 1.
    serial: u64,
    /// A PROGRESS start was posted, and its end was not.
    progress_open: bool,
    /// The part of the video that plays ([`Playback::part`](inbox::Playback::part)).
    part: u64,
    /// The end of this part was handled.
    video_end_handled: bool,
    retries: Retries,
    /// The number of streams that the service no longer knew, since the last answer.
    forgotten_streams: u32,
    /// An answer about this part has arrived.
    answered: bool,
    /// Whether video has flowed in any attempt.
    streamed: bool,
    /// TURN servers that the service's response named. They are used after a connection failed.
    more_turn_servers: Vec<String>,
    /// Time from one answer to the next.
    interval: Duration,
    pace: AnswerPace,
    stats: Arc<Stats>,
    account: Arc<Account>,
    evidence: Option<Arc<Keeper>>,
    waiting_answers: WaitingAnswers,
    /// Changes of the account.
    account_changes: watch::Receiver<()>,
    /// The number of streams created so far.
    epoch: u64,
    /// Since when the first frame has been awaited while the pipeline plays.
    waiting_since: Option<Instant>,
    /// The application has been warned that no frame has ever arrived.
    no_frame_reported: bool,
    /// No video arrives, and the application has been warned.
    stalled: bool,
    /// The prompt of the newest answer.
    answered_prompt: Option<Prompt>,
    /// The application has been warned that answers are cut off.
    cut_off_reported: bool,
    watchdog: Watchdog,
    /// Looks at the scene of video that is passed through.
    encoded_scene: Option<EncodedScene>,
    /// One-shot questions without an answer so far.
    open_questions: Vec<OneShotQuestion>,
    /// When input and stream are polled next.
    next_poll: Option<Instant>,
}

impl Controller {
    fn new(
        element: &OvershootSink,
        plan: Plan,
        video: Arc<Feeder>,
        live: LiveSettings,
        channels: ControllerChannels,
    ) -> Self {
        let (stats, account, evidence) = {
            let public = element.imp().public_state();
            let evidence = public.evidence.clone();
            (public.stats.clone(), public.account.clone(), evidence)
        };
        Self {
            element: element.downgrade(),
            name: element.name().into(),
            route: plan.route.clone(),
            room_fallback_cause: None,
            plan,
            video,
            live,
            channels,
            phase: Phase::Waiting(Instant::now()),
            wake: None,
            outgoing: None,
            serial: 0,
            progress_open: false,
            part: 0,
            video_end_handled: false,
            retries: Retries::default(),
            forgotten_streams: 0,
            answered: false,
            streamed: false,
            more_turn_servers: Vec::new(),
            interval: Duration::ZERO,
            pace: AnswerPace::default(),
            stats,
            account_changes: account.subscribe(),
            account,
            evidence,
            waiting_answers: WaitingAnswers::default(),
            epoch: 0,
            waiting_since: None,
            no_frame_reported: false,
            stalled: false,
            answered_prompt: None,
            cut_off_reported: false,
            watchdog: Watchdog::default(),
            encoded_scene: None,
            open_questions: Vec::new(),
            next_poll: Some(Instant::now()),
        }
    }

    fn run(&mut self) {
        loop {
            // Only the wait runs inside the runtime.
            let next = RUNTIME.block_on(self.next());
            let Some(element) = self.element.upgrade() else {
                break;
            };
            if matches!(next, Next::Stop) {
                break;
            }
            if let Err(error) = self.step(&element, next) {
                self.handle_failure(&element, error);
            }
        }
        self.end_scene();
        self.close_attempt();
        if let Some(element) = self.element.upgrade() {
            self.deliver_all(&element);
            self.fail_open_questions(&element, None);
            self.end_progress(&element, gst::ProgressType::Canceled, "Stopped");
            element
                .imp()
                .show_state(State::Closed, None, Some("stopped"));
        }
    }

    async fn next(&mut self) -> Next {
        let is_idle = matches!(self.phase, Phase::Idle(_));
        let awaits_prompt = is_idle && !self.awaits_event();
        let (deadline, budget) = (self.deadline(), self.next_budget_check());
        let evidence = self.waiting_answers.deadline();
        tokio::select! {
            biased;
            () = self.channels.stop.cancelled() => Next::Stop,
            Some(command) = self.channels.received.recv() => Next::Command(command),
            event = self.phase.next_event() => Next::Attempt(event),
            event = Outgoing::next_event(&mut self.outgoing) => Next::Outgoing(event),
            Ok(()) = self.live.bitrate.changed() => Next::Bitrate,
            Ok(()) = self.live.source.changed() => Next::Source,
            Ok(()) = self.live.questions.changed() => Next::Questions,
            Ok(()) = self.channels.playback.changed() => Next::Playback,
            () = until(deadline.map(Into::into)) => Next::Deadline,
            () = until(self.next_poll.map(Into::into)) => Next::Poll,
            () = self.video.wait_for_repeat() => Next::Repeat,
            () = self.video.wait_for_held() => Next::HeldFrame,
            () = self.video.wait_for_change(), if is_idle => Next::Change,
            Ok(()) = self.live.prompt.changed(), if awaits_prompt => Next::Prompt,
            () = until(budget.map(Into::into)) => Next::Budget,
            () = until(evidence.map(Into::into)) => Next::Evidence,
            Ok(()) = self.account_changes.changed() => Next::Budget,
        }
    }

    fn step(&mut self, element: &OvershootSink, next: Next) -> Result<(), Error> {
        match next {
            Next::Stop => Ok(()),
            Next::Playback => {
                self.follow_playback(element);
                Ok(())
            }
            Next::Command(Command::Peer(serial, event)) => {
                if self
                    .phase
                    .attempt()
                    .is_some_and(|attempt| attempt.has_serial(serial))
                {
                    self.peer_event(element, event)
                } else {
                    Ok(())
                }
            }
            Next::Command(Command::HardwareProbed(serial)) => self.hardware_probed(element, serial),
            Next::Command(Command::Call(call)) => {
                self.call(element, call);
                Ok(())
            }
            Next::Command(Command::Ask(question)) => {
                self.ask(element, question);
                Ok(())
            }
            Next::Command(Command::Evidence(serial, found)) => {
                self.evidence_found(element, serial, found);
                Ok(())
            }
            Next::Evidence => {
                self.deliver_ready(element);
                Ok(())
            }
            Next::Attempt(AttemptEvent::Session(event)) => self.session_event(element, event),
            Next::Attempt(AttemptEvent::Room(event)) => self.room_event(element, event),
            Next::Outgoing(event) => {
                self.outgoing_event(element, event);
                Ok(())
            }
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
            Next::Questions => {
                self.live.questions.mark_unchanged();
                self.follow_questions(element)
            }
            Next::Poll => self.poll(element),
            Next::Repeat => {
                self.video.repeat_last_frame();
                Ok(())
            }
            Next::HeldFrame => {
                self.video.send_held();
                Ok(())
            }
            Next::Change => {
                let is_event = self.awaits_event();
                self.wake(
                    element,
                    if is_event {
                        Cause::Event
                    } else {
                        Cause::Change
                    },
                )
            }
            Next::Prompt => self.wake(element, Cause::Prompt),
            Next::Deadline => self.deadline_passed(element),
            Next::Budget => self.follow_budget(element),
        }
    }

    /// When the phase must act. The drain waits for the last pictures.
    fn deadline(&self) -> Option<Instant> {
        let is_draining = matches!(self.phase, Phase::Draining(..));
        let waits = is_draining && !self.waiting_answers.is_empty();
        let deadline = self.phase.deadline().filter(|_| !waits);
        let end_by = self.wake.as_ref().and_then(Wake::end_by);
        deadline.into_iter().chain(end_by).min()
    }

    fn deadline_passed(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let end_by = self.wake.as_ref().and_then(Wake::end_by);
        if end_by.is_some_and(|end| end <= Instant::now()) {
            self.end_unconnected(element);
            return Ok(());
        }
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
            Phase::Idle(_) => self.wake(element, Cause::Interval),
            Phase::Streaming(_) | Phase::Spent | Phase::Ended(_) | Phase::Over => Ok(()),
        }
    }
}

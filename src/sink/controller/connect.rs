// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Connecting: from the start of an attempt until video flows.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::attempt::Attempt;
use super::hardware_probe::HardwareProbe;
use super::idle::Cause;
use super::newest_frame::newest_frame;
use super::report;
use super::{Controller, Phase};
use crate::session::error::Error;
use crate::session::livekit::Candidate;
use crate::session::v02::api::DEFAULT_MODEL;
use crate::session::{Api, Created};
use crate::sink::answers::stats;
use crate::sink::config::idle::Idle;
use crate::sink::enums::{Evidence, State};
use crate::sink::webrtc::event::PeerEvent;
use crate::sink::webrtc::peer::ChainSettings;
use crate::sink::{CAT, OvershootSink};

impl Controller {
    /// Posts PROGRESS start, but not before the first caps: players keep a pipeline in PAUSED while progress is
    /// open, and a live source delivers caps only in PLAYING.
    pub(super) fn start_progress(&mut self, element: &OvershootSink) {
        if matches!(self.phase, Phase::Connecting(_) | Phase::Waiting(_)) && self.serial <= 1 {
            self.progress_open = true;
            report::post_progress(element, gst::ProgressType::Start, "Connecting");
        }
    }

    /// Posts the PROGRESS message that ends the open one, if any.
    pub(super) fn end_progress(
        &mut self,
        element: &OvershootSink,
        kind: gst::ProgressType,
        text: &str,
    ) {
        if std::mem::take(&mut self.progress_open) {
            report::post_progress(element, kind, text);
        }
    }

    /// Starts an attempt.
    pub(super) fn connect(&mut self, element: &OvershootSink) -> Result<(), Error> {
        if self.serial == 0 {
            element.imp().show_state(State::Connecting, None, None);
        }
        if let Some(field) = self.stream_ending_limit() {
            self.end_for_budget(element, field);
            return Ok(());
        }
        if let (0, Some(Idle::NoEvent { before })) = (self.epoch, self.plan.idle) {
            self.video.rest_until_event(before);
        }
        self.serial += 1;
        self.retries.attempt_started();
        self.stats.set_api_url(self.plan.api_url.as_str());
        element.imp().show_api(self.plan.api);
        gst::debug!(CAT, obj = element, "attempt {}", self.serial);
        self.phase = Phase::Connecting(Attempt::start(
            &self.name,
            self.serial,
            &self.plan,
            &self.route,
            &self.more_turn_servers,
            self.channels.inbox.clone(),
        )?);
        self.open_session(element)
    }

    /// Makes the offer once the source's format is known. Creates the stream once the offer is ready and, if the
    /// request needs it, the source's frame rate is known.
    pub(super) fn open_session(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let has_ended = matches!(self.phase, Phase::Ended(_));
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        let source = self.live.source.borrow().clone();
        let Some(input) = source.input.filter(|_| !has_ended) else {
            return Ok(());
        };
        if !attempt.set_input(&self.plan, &input?) {
            return self.start_over(element);
        }
        let source_rate = source.rate;
        let rate_known = source_rate.is_some() || !self.plan.needs_source_rate();
        let (plan, video, interval) = (&self.plan, &self.video, &mut self.interval);
        let newest_frame = newest_frame(&self.stats, &self.video);
        let (worked, live) = (self.epoch > 0, &self.live);
        let account = self.account.clone();
        attempt.open_session(plan, worked, live, (newest_frame, account), || {
            rate_known.then(|| {
                let request = live.apply_to(plan.request(source_rate)?, plan.api);
                video.set_limit(plan.limit(&request));
                *interval = Duration::from_secs_f64(request.processing.interval_seconds());
                Ok(request)
            })
        })
    }

    /// Follows the changed questions.
    pub(super) fn follow_questions(&mut self, element: &OvershootSink) -> Result<(), Error> {
        match self.plan.api {
            Api::V02 if matches!(self.phase, Phase::Idle(_)) => match self.awaits_event() {
                true => Ok(()),
                false => self.wake(element, Cause::Prompt),
            },
            Api::V02 => self.follow_own_question(element),
            Api::V1 => {
                self.limit_frames();
                // It depends on the interval which frames it looks at.
                if self.encoded_scene.is_some() {
                    self.watch_scene(element);
                }
                Ok(())
            }
        }
    }

    /// Sends the frames that the questions need.
    pub(super) fn limit_frames(&mut self) {
        let rate = self.live.source.borrow().rate;
        // It was checked at the start.
        if let Ok(request) = self.plan.request(rate) {
            let request = self.live.apply_to(request, self.plan.api);
            self.video.set_limit(self.plan.limit(&request));
            self.interval = Duration::from_secs_f64(request.processing.interval_seconds());
        }
    }

    /// Starts a new attempt because the input's format has changed and the connection cannot carry the new one.
    fn start_over(&mut self, element: &OvershootSink) -> Result<(), Error> {
        gst::info!(CAT, obj = element, "the input has changed its format");
        element.imp().hold_frames();
        self.close_attempt();
        if self.streamed {
            let reason = "the input has changed its format";
            element
                .imp()
                .show_state(State::Reconnecting, None, Some(reason));
        }
        self.connect(element)
    }

    pub(super) fn peer_event(
        &mut self,
        element: &OvershootSink,
        event: PeerEvent,
    ) -> Result<(), Error> {
        match event {
            PeerEvent::Offer(offer) => {
                gst::debug!(CAT, obj = element, "the offer is complete");
                if let Some(attempt) = self.phase.attempt_mut() {
                    let size = element.imp().sent_size(self.plan.size_limits);
                    attempt.offer_ready(offer, size);
                }
                self.open_session(element)
            }
            PeerEvent::Candidate(candidate) => {
                if let Some(attempt) = self.phase.attempt() {
                    attempt.candidate_found(candidate);
                }
                Ok(())
            }
            PeerEvent::Connected => self.peer_connected(element),
            PeerEvent::Drained => {
                if matches!(self.phase, Phase::Flushing(..)) {
                    self.drain();
                }
                Ok(())
            }
            // The stream can still be asked about.
            PeerEvent::Failed(_) if matches!(self.phase, Phase::Ended(_)) => Ok(()),
            PeerEvent::Failed(error) => Err(error),
        }
    }

    fn peer_connected(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Phase::Connecting(attempt) = &self.phase else {
            return Ok(());
        };
        let Some(media) = attempt.peer.media() else {
            return Ok(());
        };
        if let Err(error) = attempt.peer.verify() {
            // The certificate is wrong, but the remote peer can be reached: another route would not help.
            self.route.disable_room_fallback();
            return Err(error);
        }
        attempt.peer.dump("connected");
        self.room_fallback_cause = None;
        self.stats.connected();
        self.watchdog.restart();
        self.next_poll = Some(Instant::now() + stats::POLL_INTERVAL);
        self.video.attach(&media.input);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Connecting(attempt) => Phase::Streaming(attempt),
            phase => phase,
        };
        self.streamed = true;
        element
            .imp()
            .show_state(State::Streaming, self.phase.stream_id(), None);
        self.end_progress(element, gst::ProgressType::Complete, "Connected");
        element.imp().release_preroll(self.part);
        self.limit_outgoing();
        if self.ends_after_wake() {
            self.wake = None;
            self.flush();
            return Ok(());
        }
        self.watch_scene(element);
        // It may have changed while the stream was made.
        self.follow_own_question(element)
    }

    /// Uses what has waited for the probe of the hardware encoders.
    pub(super) fn hardware_probed(
        &mut self,
        element: &OvershootSink,
        serial: u64,
    ) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut().filter(|a| a.has_serial(serial)) else {
            return Ok(());
        };
        let waiting = attempt.hardware.end();
        if let Some(answer) = &waiting.answer {
            self.accept_answer(element, answer)?;
        }
        for candidate in &waiting.candidates {
            self.add_candidate(candidate);
        }
        Ok(())
    }

    /// Adds a candidate of the remote peer.
    pub(super) fn add_candidate(&mut self, candidate: &Candidate) {
        let Some(attempt) = self.phase.attempt_mut() else {
            return;
        };
        match &mut attempt.hardware {
            HardwareProbe::Running(waiting) => waiting.candidates.push(candidate.clone()),
            HardwareProbe::Done => attempt.peer.add_candidate(candidate),
        }
    }

    pub(super) fn stream_created(
        &mut self,
        element: &OvershootSink,
        created: &Created,
    ) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        gst::debug!(
            CAT,
            obj = element,
            "stream {} was created",
            created.stream_id
        );
        attempt.stream_created(&self.plan, created)?;
        self.epoch += 1;
        self.remember_address();
        if let Some(model) = &created.substitute_model {
            let text = format!(
                "The default model {DEFAULT_MODEL} is not ready: asking {model}. To choose another one, set model."
            );
            report::post_info(element, &text);
        }
        let state = match self.streamed && self.wake.is_none() {
            true => State::Reconnecting,
            false => State::Connecting,
        };
        if !self.is_replacing() {
            let id = Some(&*created.stream_id);
            element.imp().show_state(state, id, None);
        }
        self.warn_of_room_fallback(element);
        match &created.answer {
            Some(answer) => self.accept_answer(element, answer),
            None => Ok(()),
        }
    }

    /// Applies the SDP answer of the service or of the room, once the hardware encoders were probed.
    pub(super) fn accept_answer(
        &mut self,
        element: &OvershootSink,
        answer: &str,
    ) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        if let HardwareProbe::Running(waiting) = &mut attempt.hardware {
            waiting.answer = Some(answer.to_owned());
            return Ok(());
        }
        let consumer_id = attempt.stream_id().unwrap_or_default().to_owned();
        let bitrate = *self.live.bitrate.borrow_and_update();
        let upstream = element.static_pad("sink");
        attempt.peer.accept(
            answer,
            ChainSettings {
                bitrate,
                limits: self.plan.size_limits,
                input: attempt.step.input(),
                frames_are_read: self.plan.evidence.stills != Evidence::None,
                upstream: upstream.map(|pad| pad.downgrade()).unwrap_or_default(),
                encoder_setup: &|encoder| {
                    let element = element.public_element();
                    element.emit_by_name::<bool>("encoder-setup", &[&consumer_id, &"sink", encoder])
                },
            },
        )?;
        if let Some(codec) = attempt.rejected_codec() {
            let reason = format!(
                "the service's SDP answer does not accept this kind of {}",
                codec.title()
            );
            element.imp().request_decoder(&reason);
        }
        if let Some(media) = attempt.peer.media() {
            let stamps = media.input.stamps.clone();
            if let (Some(evidence), Some(encoder)) = (&self.evidence, &media.encoder) {
                evidence.watch_encoder(encoder, &stamps);
            }
            self.stats
                .start_counting(&media.src, media.encoder.as_ref(), bitrate, move |pts| {
                    stamps.running_time(pts)
                });
            if let Some(congestion) = attempt.peer.congestion() {
                let stats = self.stats.clone();
                let on_target = Box::new(move |bitrate| stats.set_target(bitrate));
                match &media.encoder {
                    Some(encoder) => congestion.drive_encoder(encoder, bitrate, on_target),
                    None => congestion.disable(),
                }
            }
        }
        Ok(())
    }
}

//! From nothing to video that flows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::attempt::Attempt;
use super::{Controller, Phase};
use crate::session::error::Error;
use crate::session::{Created, SentFrame};
use crate::sink::answers::{messages, stats};
use crate::sink::enums::State;
use crate::sink::webrtc::event::PeerEvent;
use crate::sink::webrtc::peer::ChainSettings;
use crate::sink::{CAT, OvershootSink};

impl Controller {
    /// PROGRESS is told from the first caps on: players hold a pipeline in PAUSED while there is
    /// some, and a live source brings caps only once it plays.
    pub(super) fn start_progress(&mut self, element: &OvershootSink) {
        if matches!(self.phase, Phase::Connecting(_) | Phase::Waiting(_)) && self.serial <= 1 {
            self.progress = true;
            messages::post_progress(element, gst::ProgressType::Start, "Connecting");
        }
    }

    pub(super) fn end_progress(
        &mut self,
        element: &OvershootSink,
        kind: gst::ProgressType,
        text: &str,
    ) {
        if std::mem::take(&mut self.progress) {
            messages::post_progress(element, kind, text);
        }
    }

    /// Begins an attempt.
    pub(super) fn connect(&mut self, element: &OvershootSink) -> Result<(), Error> {
        if self.serial == 0 {
            element.imp().show_state(State::Connecting, None, None);
        }
        self.serial += 1;
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

    /// Makes the offer once it is known what the source brings, and creates the stream once there
    /// is an offer and, where it matters, the source's rate is known.
    pub(super) fn open_session(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        let source = self.live.source.borrow().clone();
        let Some(input) = source.input else {
            return Ok(());
        };
        if !attempt.set_input(&self.plan, &input?) {
            return self.start_over(element);
        }
        let source = source.rate;
        let known = source.is_some() || !self.plan.needs_source_rate();
        let (plan, video, interval) = (&self.plan, &self.video, &mut self.interval);
        let newest_frame = {
            let (stats, video) = (self.stats.clone(), self.video.clone());
            // When it came to the element, which the service's latencies count from, too.
            Arc::new(move |then| {
                let frame = stats.frame_sent_by(then)?;
                let captured = frame.captured + Duration::from(video.age());
                Some(SentFrame { captured, ..frame })
            })
        };
        attempt.open_session(plan, self.live.prompt.clone(), newest_frame, || {
            known.then(|| {
                let request = plan.request(source)?;
                video.set_limit(plan.limit(&request));
                *interval = Duration::from_secs_f64(request.processing.interval_seconds());
                Ok(request)
            })
        })
    }

    /// The input has become another one, and the connection can't carry it.
    fn start_over(&mut self, element: &OvershootSink) -> Result<(), Error> {
        gst::info!(CAT, obj = element, "the input has changed its format");
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
                    attempt.offer_ready(offer, size(element));
                }
                self.open_session(element)
            }
            PeerEvent::Candidate(candidate) => {
                if let Some(attempt) = self.phase.attempt() {
                    attempt.candidate_found(candidate);
                }
                Ok(())
            }
            PeerEvent::Connected => self.connected(element),
            PeerEvent::Drained => {
                if matches!(self.phase, Phase::Flushing(..)) {
                    self.drain();
                }
                Ok(())
            }
            PeerEvent::Failed(error) => Err(error),
        }
    }

    pub(super) fn connected(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Phase::Connecting(attempt) = &self.phase else {
            return Ok(());
        };
        let Some(media) = attempt.peer.media() else {
            return Ok(());
        };
        if let Err(error) = attempt.peer.verify() {
            // Whoever that is can be reached: no reason to go another way.
            self.route.disable_room_fallback();
            return Err(error);
        }
        attempt.peer.dump("connected");
        self.fallen_back = None;
        self.stats.connected();
        self.watchdog.starts();
        self.stats_due = Some(Instant::now() + stats::POLL_INTERVAL);
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
        element.imp().release_preroll();
        Ok(())
    }

    pub(super) fn created(
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
            "stream {} is created",
            created.stream_id
        );
        attempt.stream_created(&self.plan, created)?;
        self.epoch += 1;
        let state = match self.streamed {
            true => State::Reconnecting,
            false => State::Connecting,
        };
        element
            .imp()
            .show_state(state, Some(&created.stream_id), None);
        self.warn_of_room_fallback(element);
        match &created.answer {
            Some(answer) => self.accept(element, answer),
            None => Ok(()),
        }
    }

    /// Takes the SDP answer, the service's or the room's.
    pub(super) fn accept(&mut self, element: &OvershootSink, answer: &str) -> Result<(), Error> {
        let Some(attempt) = self.phase.attempt_mut() else {
            return Ok(());
        };
        let consumer = attempt.stream_id().unwrap_or_default().to_owned();
        let bitrate = *self.live.bitrate.borrow_and_update();
        attempt.peer.accept(
            answer,
            ChainSettings {
                bitrate,
                max_width: self.plan.max_width,
                max_height: self.plan.max_height,
                encoder_setup: &|encoder| {
                    element.emit_by_name::<bool>("encoder-setup", &[&consumer, &"sink", encoder])
                },
            },
        )?;
        if let Some(codec) = attempt.rejected_codec() {
            let reason = format!(
                "the service's answer does not take this kind of {}",
                codec.title()
            );
            element.imp().request_decoder(&reason);
        }
        if let Some(media) = attempt.peer.media() {
            self.stats
                .start_counting(&media.src, media.encoder.as_ref(), bitrate);
            if let Some(congestion) = attempt.peer.congestion() {
                let stats = self.stats.clone();
                let tell = Box::new(move |bitrate| stats.set_target(bitrate));
                match &media.encoder {
                    Some(encoder) => congestion.drive_encoder(encoder, bitrate, tell),
                    None => congestion.disable(),
                }
            }
        }
        Ok(())
    }
}

/// Of the pictures, where the caps tell.
fn size(element: &OvershootSink) -> Option<(u32, u32)> {
    let caps = element.static_pad("sink")?.current_caps()?;
    let structure = caps.structure(0)?;
    let pixels = |name| u32::try_from(structure.get::<i32>(name).ok()?).ok();
    Some((pixels("width")?, pixels("height")?))
}

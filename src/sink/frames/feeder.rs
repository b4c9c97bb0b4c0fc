// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Passes frames from the streaming thread to the encoder, or drops them. It never waits for the network.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::arrivals::Arrivals;
use super::chain_input::ChainInput;
use super::counters::Counters;
use super::encoded_scene::EncodedInput;
use super::gop_cache::{CachedFrame, GopCache};
use super::key_frame_requests::SourceRequest;
use super::rate_limit::{Limit, RateLimit};
use super::repeat::LastFrame;
use super::rest::Rest;
use super::scene::{Scene, Still};
use super::stall_detector::StallDetector;
use super::target::Target;
use super::timeline::Arrival;
use crate::lock::lock;
use crate::sink::codec::damage::is_damaged;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;

/// A frame for a chain.
type Push = (gst_app::AppSrc, Option<gst::Buffer>);

pub(super) struct State {
    limit: RateLimit,
    /// What `limit` applies.
    pub(super) rule: Limit,
    pub(super) target: Option<Target>,
    /// The chain of a stream that is replaced. It gets frames until the newer stream has answered.
    pub(super) outgoing: Option<Target>,
    /// With it a new connection has a frame at once, even if the next one is a minute away, and encoded
    /// video can start before its next key frame, at the remote peer or in a decoder.
    pub(super) cache: GopCache,
    last_frame_sent: Option<Instant>,
    pub(super) last_frame: Option<LastFrame>,
    /// Sees all frames, including those that are dropped.
    stall_detector: StallDetector,
    arrivals: Arrivals,
    pub(super) live: bool,
    /// The number of calls of [`Feeder::detach`].
    pub(super) detached: u64,
    /// Frames that the encoders of earlier connections output.
    pub(super) encoded_before: u64,
    pub(super) rest: Rest,
}

impl State {
    pub(super) fn record_sent(&mut self, sample: &gst::Sample, codec: Option<Codec>) {
        let now = Instant::now();
        self.last_frame_sent = Some(now);
        // An encoded frame changes the picture each time it is decoded.
        self.last_frame = codec.is_none().then(|| LastFrame::new(sample.clone(), now));
    }

    /// The chain of the stream that is replaced gets the frame as well.
    fn pass_to_outgoing(
        &mut self,
        sample: &gst::Sample,
        arrival: &Arrival,
        access: RandomAccess,
        codec: Option<Codec>,
    ) -> Option<Push> {
        let target = self.outgoing.as_mut()?;
        if target.chain.codec != codec || (codec.is_some() && !target.can_decode(access)) {
            return None;
        }
        let buffer = target.pass_on(sample, arrival, access, self.rule.rate());
        Some((target.chain.appsrc.clone(), buffer))
    }

    pub(super) fn repeat_at(&self) -> Option<Instant> {
        let last = self.last_frame.as_ref().filter(|_| self.target.is_some())?;
        last.repeat_at(self.stall_detector.newest())
    }
}

/// Receives frames, and passes them to the current chain or drops them.
pub struct Feeder {
    pub(super) state: Mutex<State>,
    counters: Counters,
    /// A raw frame was sent.
    pub(super) frame_sent: Notify,
    /// A change came while the feeder rested.
    pub(super) woken: Notify,
    failed: AtomicBool,
    /// A picture that stands alone had an end.
    has_picture_ends: AtomicBool,
    /// Set if still scenes are asked about seldom.
    scene: Option<Arc<Scene>>,
    /// Looks at the scene of encoded video.
    encoded_scene: Mutex<Option<Arc<EncodedInput>>>,
}

impl Feeder {
    pub fn new(limit: Limit, still: Option<Still>) -> Self {
        Self {
            state: Mutex::new(State {
                limit: RateLimit::new(limit),
                rule: limit,
                target: None,
                outgoing: None,
                cache: GopCache::default(),
                last_frame_sent: None,
                last_frame: None,
                stall_detector: StallDetector::default(),
                arrivals: Arrivals::default(),
                live: false,
                detached: 0,
                encoded_before: 0,
                rest: Rest::default(),
            }),
            counters: Counters::default(),
            frame_sent: Notify::new(),
            woken: Notify::new(),
            failed: AtomicBool::new(false),
            has_picture_ends: AtomicBool::new(false),
            scene: still.map(Scene::new).map(Arc::new),
            encoded_scene: Mutex::default(),
        }
    }

    /// Sets the limit that decides which frames pass.
    pub fn set_limit(&self, limit: Limit) {
        let mut state = lock(&self.state);
        state.limit = RateLimit::new(limit);
        state.rule = limit;
    }

    /// Whether the current connection gets encoded video.
    pub fn passes_encoded(&self) -> bool {
        let state = lock(&self.state);
        let target = state.target.as_ref();
        target.is_some_and(|target| target.chain.codec.is_some())
    }

    pub fn is_live(&self) -> bool {
        lock(&self.state).live
    }

    /// Live frames are dropped for newer ones; other frames wait for the encoder.
    pub fn set_live(&self, live: bool) {
        let chains = {
            let mut state = lock(&self.state);
            state.live = live;
            let targets = [&state.target, &state.outgoing];
            targets.map(|target| target.as_ref().map(|target| target.chain.clone()))
        };
        for chain in chains.into_iter().flatten() {
            chain.set_live(live);
        }
    }

    /// No frame can be sent any more: the source must stop.
    pub fn fail(&self) {
        self.failed.store(true, Relaxed);
    }

    pub fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    /// When the last frame was passed to a chain.
    pub fn last_frame_sent(&self) -> Option<Instant> {
        lock(&self.state).last_frame_sent
    }

    /// The newest frame that was sent to be encoded, as it came.
    pub fn newest_sent(&self) -> Option<gst::Sample> {
        let state = lock(&self.state);
        state.last_frame.as_ref().map(|last| last.sample.clone())
    }

    /// The scene, if still scenes are asked about seldom.
    pub fn scene(&self) -> Option<&Arc<Scene>> {
        self.scene.as_ref()
    }

    /// Sets what looks at the scene of encoded video.
    pub fn set_encoded_scene(&self, input: Option<Arc<EncodedInput>>) {
        *lock(&self.encoded_scene) = input;
    }

    /// Names the scene of the frame of this time: the same for two frames between which it has not changed.
    pub fn scene_at(&self, frame: Instant) -> Instant {
        self.scene.as_ref().map_or(frame, |scene| scene.at(frame))
    }

    /// Sets the frame rate of the source; 0/1 if it is unknown.
    pub fn set_expected_rate(&self, rate: gst::Fraction) {
        lock(&self.state).stall_detector.set_expected_rate(rate);
    }

    /// When the newest frame arrived, whether it was sent or not.
    pub fn newest_arrival(&self) -> Option<Instant> {
        lock(&self.state).stall_detector.newest()
    }

    /// The time since the last frame, if the source has stalled. Time up to `paused` does not count.
    pub fn silence(&self, paused: Option<Instant>) -> Option<Duration> {
        let state = lock(&self.state);
        state.stall_detector.silence(Instant::now(), paused)
    }

    /// Whether the source was stalled at that time.
    pub fn was_stalled(&self, then: Instant) -> bool {
        lock(&self.state).stall_detector.was_stalled(then)
    }

    /// How old the newest frame was on arrival: the delay of the source and of the elements before this one.
    pub fn age(&self) -> gst::ClockTime {
        lock(&self.state).arrivals.age()
    }

    /// When the frame with the running time next to this one was captured, and how far that is from it.
    pub fn captured_at(&self, time: gst::ClockTime) -> Option<(Instant, gst::ClockTime)> {
        lock(&self.state).arrivals.captured_at(time)
    }

    /// Takes the frames that were cached while there was no chain for them; encoded ones from a key frame on.
    pub fn take_cached(&self) -> VecDeque<CachedFrame> {
        lock(&self.state).cache.take()
    }

    /// Whether a damaged frame was skipped for the first time.
    pub fn has_new_damage(&self) -> bool {
        self.counters.damaged.load(Relaxed) > 0
            && !self.counters.damage_reported.swap(true, Relaxed)
    }

    /// The limit that decides which raw frames pass.
    pub fn limit(&self) -> Limit {
        lock(&self.state).rule
    }

    /// Counts a frame that was dropped before it was decoded, because of the limit.
    pub fn skip_over_rate(&self) {
        lock(&self.state)
            .stall_detector
            .frame_arrived(Instant::now());
        self.counters.arrived.fetch_add(1, Relaxed);
        self.counters.over_rate.fetch_add(1, Relaxed);
    }

    fn skip_damaged(&self, codec: Option<Codec>) -> Option<SourceRequest> {
        self.counters.damaged.fetch_add(1, Relaxed);
        codec?;
        let mut state = lock(&self.state);
        let dropped = state.cache.clear();
        state.rest.lost_frame();
        self.counters.unconnected.fetch_add(dropped as u64, Relaxed);
        if let Some(outgoing) = &mut state.outgoing {
            outgoing.lost_frame();
        }
        let target = state.target.as_mut();
        let target = target.filter(|target| target.chain.codec == codec)?;
        target.lost_frame();
        target.key_frames.missed(Instant::now())
    }

    /// Receives a frame. `running_time` is its timestamp, and `now` the current running time. Returns what the caller
    /// must request from the source.
    pub fn push_frame(
        &self,
        sample: gst::Sample,
        running_time: Option<gst::ClockTime>,
        now: Option<gst::ClockTime>,
    ) -> Option<SourceRequest> {
        self.counters.arrived.fetch_add(1, Relaxed);
        let frame = sample.buffer()?;
        let codec = codec_of(&sample);
        if is_damaged(codec, sample.caps()?, frame, &self.has_picture_ends) {
            return self.skip_damaged(codec);
        }
        let access = RandomAccess::of(codec, sample.caps(), frame);
        let seen = self.scene.as_ref().map(|scene| (scene, sample.clone()));
        let (outgoing, passed, arrival) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let arrival = state.arrivals.add(running_time, now);
            state.stall_detector.frame_arrived(arrival.at);
            // Encoded frames are never dropped here: each depends on those before it.
            if codec.is_none() && !state.limit.admit(running_time, arrival.at, state.live) {
                self.counters.over_rate.fetch_add(1, Relaxed);
                return None;
            }
            let outgoing = state.pass_to_outgoing(&sample, &arrival, access, codec);
            let passed = self.pass_on(state, sample, arrival, access);
            (outgoing, passed, arrival)
        };
        match (seen, codec) {
            (None, _) => {}
            (Some((scene, sample)), None) => {
                if scene.look(&sample, arrival.at) {
                    self.report_change(&sample, arrival);
                }
            }
            (Some((_, sample)), Some(_)) => {
                let looking = lock(&self.encoded_scene).clone();
                let is_known = looking.is_some_and(|it| it.push(&sample, access, arrival.at));
                if !is_known {
                    self.report_event(arrival.at, arrival.at);
                }
            }
        }
        if let Some((appsrc, buffer)) = outgoing {
            self.push(&appsrc, buffer, codec.is_none());
        }
        match passed {
            Ok((appsrc, buffer)) => {
                self.push(&appsrc, buffer, codec.is_none());
                let mut state = lock(&self.state);
                state.target.as_mut().and_then(Target::source_request)
            }
            Err(request) => request,
        }
    }

    /// Prepares a frame for the newest chain. If that does not get it: what to request from the source.
    fn pass_on(
        &self,
        state: &mut State,
        sample: gst::Sample,
        arrival: Arrival,
        access: RandomAccess,
    ) -> Result<Push, Option<SourceRequest>> {
        let codec = codec_of(&sample);
        if let Some(dropped) = state.rest.keep(&sample, arrival, access, codec) {
            let unaccounted = match codec {
                None => 0,
                Some(_) => state.cache.keep(sample, arrival, access, true),
            };
            let dropped = (dropped + unaccounted) as u64;
            self.counters.unconnected.fetch_add(dropped, Relaxed);
            return Err(state.target.as_mut().and_then(Target::source_request));
        }
        let target = state.target.as_mut();
        let Some(target) = target.filter(|target| target.chain.codec == codec) else {
            let dropped = state.cache.keep(sample, arrival, access, false);
            self.counters.unconnected.fetch_add(dropped as u64, Relaxed);
            return Err(None);
        };
        // Raw frames are cached only while there is no connection.
        let dropped = match codec.is_some() {
            true => state.cache.keep(sample.clone(), arrival, access, true),
            false => state.cache.clear(),
        };
        self.counters.unconnected.fetch_add(dropped as u64, Relaxed);
        if codec.is_some() && !target.can_decode(access) {
            self.counters.undecodable.fetch_add(1, Relaxed);
            return Err(target.key_frames.missed(arrival.at));
        }
        let buffer = target.pass_on(&sample, &arrival, access, state.rule.rate());
        let appsrc = target.chain.appsrc.clone();
        state.record_sent(&sample, codec);
        Ok((appsrc, buffer))
    }

    /// Must be called without the lock: it waits for the encoder if the input is not live.
    pub(super) fn push(&self, appsrc: &gst_app::AppSrc, buffer: Option<gst::Buffer>, encode: bool) {
        if let Some(buffer) = buffer {
            if encode {
                self.counters.queued.fetch_add(1, Relaxed);
                self.frame_sent.notify_one();
            }
            // A chain that is being torn down rejects the frame; its peer reports the reason.
            let _ = appsrc.push_buffer(buffer);
        }
    }

    /// Adds the counters to `stats`.
    pub fn add_stats(&self, stats: &mut gst::StructureRef) {
        let (encoded, waiting) = {
            let state = lock(&self.state);
            let targets = [&state.target, &state.outgoing].into_iter().flatten();
            let chains = targets.map(|target| &target.chain);
            let now: u64 = chains.clone().map(ChainInput::encoded).sum();
            let waiting = chains.map(|chain| chain.appsrc.current_level_buffers());
            (state.encoded_before + now, waiting.sum())
        };
        self.counters.add_to(stats, encoded, waiting);
    }
}

pub(super) fn codec_of(sample: &gst::Sample) -> Option<Codec> {
    sample.caps().and_then(Codec::of_caps)
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Passes frames from the streaming thread to the encoder, or drops them. It never waits for the network.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::chain_input::ChainInput;
use super::gop_cache::{CachedFrame, GopCache};
use super::key_frame_requests::{KeyFrameRequests, SourceRequest};
use super::rate_limit::{Limit, RateLimit};
use super::stall_detector::StallDetector;
use crate::lock::lock;
use crate::sink::codec::random_access::{RandomAccess, with_parameter_sets};
use crate::sink::codec::video_codec::Codec;

/// Maximum number of encoded frames that wait to be sent. Frames wait only on an overloaded machine.
const MAX_QUEUED_ENCODED_FRAMES: u64 = 60;

/// Counts frames by what happened to them.
#[derive(Debug, Default)]
struct Counters {
    arrived: AtomicU64,
    /// Dropped by the rate limit.
    over_rate: AtomicU64,
    /// Dropped because there was no connection.
    unconnected: AtomicU64,
    /// Encoded frames, dropped because the remote peer had no key frame to decode them with.
    undecodable: AtomicU64,
    /// Raw frames put into the encoder's queue.
    queued: AtomicU64,
}

/// The chain of the current connection, and what it has received.
struct Target {
    chain: ChainInput,
    caps: Option<gst::Caps>,
    /// The remote peer has received a key frame and all frames after it.
    decodable: bool,
    /// How many frames may wait: more while the cached ones are sent.
    max_queued: u64,
    key_frames: KeyFrameRequests,
    last_pts: Option<gst::ClockTime>,
}

struct State {
    limit: RateLimit,
    rate: gst::Fraction,
    target: Option<Target>,
    /// With it a new connection has a frame at once, even if the next one is a minute away, and encoded
    /// video can start before its next key frame, at the remote peer or in a decoder.
    cache: GopCache,
    last_frame_sent: Option<Instant>,
    /// Sees all frames, including those that are dropped.
    stall_detector: StallDetector,
    /// How old the newest frame was on arrival.
    age: gst::ClockTime,
    live: bool,
    /// The number of calls of [`Feeder::detach`].
    detached: u64,
    /// Frames that the encoders of earlier connections output.
    encoded_before: u64,
}

/// Receives frames, and passes them to the current chain or drops them.
pub struct Feeder {
    state: Mutex<State>,
    counters: Counters,
}

impl Feeder {
    pub fn new(limit: Limit) -> Self {
        Self {
            state: Mutex::new(State {
                limit: RateLimit::new(limit),
                rate: limit.rate(),
                target: None,
                cache: GopCache::default(),
                last_frame_sent: None,
                stall_detector: StallDetector::default(),
                age: gst::ClockTime::ZERO,
                live: false,
                detached: 0,
                encoded_before: 0,
            }),
            counters: Counters::default(),
        }
    }

    /// Sets the limit that decides which frames pass.
    pub fn set_limit(&self, limit: Limit) {
        let mut state = lock(&self.state);
        state.limit = RateLimit::new(limit);
        state.rate = limit.rate();
    }

    /// Starts passing frames to this chain, the cached ones first.
    pub fn attach(&self, chain: &ChainInput) {
        let mut target = Target {
            chain: chain.clone(),
            caps: None,
            decodable: false,
            max_queued: MAX_QUEUED_ENCODED_FRAMES,
            key_frames: KeyFrameRequests::default(),
            last_pts: None,
        };
        let (live, detached) = {
            let state = lock(&self.state);
            (state.live, state.detached)
        };
        chain.set_live(live);
        let mut first = true;
        // The loop keeps the order: while this thread passes cached frames on, newer ones are cached.
        loop {
            let cached: Vec<_> = {
                let mut state = lock(&self.state);
                if state.detached != detached {
                    return;
                }
                let rate = state.rate;
                // Frames in another format stay: a decoder that is inserted next begins with them.
                let fits = state.cache.newest().map(codec_of) == Some(chain.codec);
                let cached = match fits {
                    true => state.cache.pass_on(first),
                    false => Vec::new(),
                };
                if cached.is_empty() {
                    state.target = Some(target);
                    return;
                }
                first = false;
                state.last_frame_sent = Some(Instant::now());
                cached
                    .iter()
                    .map(|frame| {
                        let age = gst::ClockTime::try_from(frame.arrived.elapsed()).ok();
                        target.passed_on(frame.access);
                        target.prepare(&frame.sample, frame.access, age, rate)
                    })
                    .collect()
            };
            target.max_queued += cached.len() as u64;
            for buffer in cached {
                self.push(&chain.appsrc, buffer, chain.codec.is_none());
            }
        }
    }

    /// Live frames are dropped for newer ones; other frames wait for the encoder.
    pub fn set_live(&self, live: bool) {
        let chain = {
            let mut state = lock(&self.state);
            state.live = live;
            state.target.as_ref().map(|target| target.chain.clone())
        };
        if let Some(chain) = chain {
            chain.set_live(live);
        }
    }

    /// Stops passing frames on. A thread that waits for the encoder continues.
    pub fn detach(&self) {
        let target = {
            let mut state = lock(&self.state);
            let target = state.target.take();
            state.detached += 1;
            state.encoded_before += target
                .as_ref()
                .map_or(0, |t| t.chain.encoded_frames.load(Relaxed));
            target
        };
        if let Some(target) = target {
            // This wakes a thread that waits in `push`. The caller tears the chain down next.
            target
                .chain
                .appsrc
                .send_event(gst::event::FlushStart::new());
        }
    }

    /// Sends EOS into the chain, so that the encoder outputs its last frames. `false` if there is no chain.
    pub fn end(&self) -> bool {
        let appsrc = lock(&self.state)
            .target
            .as_ref()
            .map(|t| t.chain.appsrc.clone());
        appsrc.is_some_and(|appsrc| appsrc.end_of_stream().is_ok())
    }

    /// When the last frame was passed to a chain.
    pub fn last_frame_sent(&self) -> Option<Instant> {
        lock(&self.state).last_frame_sent
    }

    /// Sets the frame rate of the source; 0/1 if it is unknown.
    pub fn set_expected_rate(&self, rate: gst::Fraction) {
        lock(&self.state).stall_detector.set_expected_rate(rate);
    }

    /// Whether any frame has arrived.
    pub fn has_frames(&self) -> bool {
        lock(&self.state).stall_detector.any()
    }

    /// The time since the last frame, if the source has stalled.
    pub fn silence(&self) -> Option<Duration> {
        lock(&self.state).stall_detector.silence(Instant::now())
    }

    /// Whether the source was stalled at that time.
    pub fn was_stalled(&self, then: Instant) -> bool {
        lock(&self.state).stall_detector.was_stalled(then)
    }

    /// How old the newest frame was on arrival: the delay of the source and of the elements before this one.
    pub fn age(&self) -> gst::ClockTime {
        lock(&self.state).age
    }

    /// Takes the frames that were cached while there was no chain for them; encoded ones from a key frame on.
    pub fn take_cached(&self) -> VecDeque<CachedFrame> {
        lock(&self.state).cache.take()
    }

    /// Receives a frame that was captured `age` ago. Returns what the caller must request from the source.
    pub fn push_frame(
        &self,
        sample: gst::Sample,
        age: Option<gst::ClockTime>,
    ) -> Option<SourceRequest> {
        self.counters.arrived.fetch_add(1, Relaxed);
        let frame = sample.buffer()?;
        let codec = codec_of(&sample);
        let access = RandomAccess::of(codec, sample.caps(), frame);
        let (appsrc, buffer) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            state.age = age.unwrap_or_default();
            state.stall_detector.frame_arrived(Instant::now());
            // Encoded frames are never dropped here: each depends on those before it.
            if codec.is_none() && frame.pts().is_some_and(|time| !state.limit.admit(time)) {
                self.counters.over_rate.fetch_add(1, Relaxed);
                return None;
            }
            let target = state
                .target
                .as_mut()
                .filter(|target| target.chain.codec == codec);
            let Some(target) = target else {
                let dropped = match codec.is_some() || state.live {
                    true => state.cache.keep(sample, access, false),
                    false => 1,
                };
                self.counters.unconnected.fetch_add(dropped as u64, Relaxed);
                return None;
            };
            // Raw frames are cached only while there is no connection.
            let dropped = match codec.is_some() {
                true => state.cache.keep(sample.clone(), access, true),
                false => state.cache.clear(),
            };
            self.counters.unconnected.fetch_add(dropped as u64, Relaxed);
            if codec.is_some() && !target.can_decode(access) {
                self.counters.undecodable.fetch_add(1, Relaxed);
                return target.key_frames.needed(Instant::now());
            }
            state.last_frame_sent = Some(Instant::now());
            target.passed_on(access);
            let buffer = target.prepare(&sample, access, age, state.rate);
            (target.chain.appsrc.clone(), buffer)
        };
        self.push(&appsrc, buffer, codec.is_none());
        self.source_request()
    }

    /// Must be called without the lock: it waits for the encoder if the input is not live.
    fn push(&self, appsrc: &gst_app::AppSrc, buffer: Option<gst::Buffer>, encode: bool) {
        if let Some(buffer) = buffer {
            if encode {
                self.counters.queued.fetch_add(1, Relaxed);
            }
            // A chain that is being torn down rejects the frame; its peer reports the reason.
            let _ = appsrc.push_buffer(buffer);
        }
    }

    /// What the remote peer wants from the source.
    fn source_request(&self) -> Option<SourceRequest> {
        let mut state = lock(&self.state);
        let target = state.target.as_mut()?;
        if !target.chain.key_wanted.load(Relaxed) {
            return None;
        }
        let request = target.key_frames.needed(Instant::now())?;
        target.chain.key_wanted.store(false, Relaxed);
        Some(request)
    }

    /// Adds the counters to `stats`.
    pub fn add_stats(&self, stats: &mut gst::StructureRef) {
        let (encoded, waiting) = {
            let state = lock(&self.state);
            let target = state.target.as_ref();
            let now = target.map_or(0, |target| target.chain.encoded_frames.load(Relaxed));
            let waiting = target.map_or(0, |target| target.chain.appsrc.current_level_buffers());
            (state.encoded_before + now, waiting)
        };
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let counters = &self.counters;
        let busy = count(&counters.queued).saturating_sub(encoded + waiting);
        stats.set("frames-in", count(&counters.arrived));
        stats.set("frames-dropped-rate", count(&counters.over_rate));
        stats.set("frames-dropped-unconnected", count(&counters.unconnected));
        stats.set("frames-dropped-busy", busy);
        stats.set("frames-dropped-undecodable", count(&counters.undecodable));
        stats.set("frames-encoded", encoded);
    }
}

fn codec_of(sample: &gst::Sample) -> Option<Codec> {
    sample.caps().and_then(Codec::of_caps)
}

impl Target {
    /// Whether the remote peer can decode this encoded frame.
    fn can_decode(&mut self, access: RandomAccess) -> bool {
        let queued = self.chain.appsrc.current_level_buffers();
        if queued > self.max_queued {
            self.decodable = false;
        } else if access != RandomAccess::None {
            self.decodable = true;
        }
        self.max_queued = self
            .max_queued
            .min(queued + MAX_QUEUED_ENCODED_FRAMES)
            .max(MAX_QUEUED_ENCODED_FRAMES);
        self.decodable
    }

    /// Records that a frame is passed on. The first one of encoded video is a key frame.
    fn passed_on(&mut self, access: RandomAccess) {
        self.decodable = true;
        self.key_frames.passed_on(access);
    }

    /// Makes the frame ready for the chain, with a new timestamp, and sets new caps.
    fn prepare(
        &mut self,
        sample: &gst::Sample,
        access: RandomAccess,
        age: Option<gst::ClockTime>,
        rate: gst::Fraction,
    ) -> Option<gst::Buffer> {
        let mut buffer = sample.buffer_owned()?;
        if access == RandomAccess::Partial
            && let Some((codec, caps)) = self.chain.codec.zip(sample.caps())
            && let Some(joined) = with_parameter_sets(codec, caps, &buffer)
        {
            buffer = joined;
        }
        if self.caps.as_deref() != sample.caps() {
            self.caps = sample.caps_owned();
            let caps = self.caps.as_ref().map(|caps| match self.chain.codec {
                None => with_max_rate(caps, rate),
                Some(_) => caps.clone(),
            });
            // This only queues the caps, before the next frames. The lock makes sure that two threads agree
            // on which caps are the newest.
            self.chain.appsrc.set_caps(caps.as_ref());
        }
        // The timestamp is on the chain's clock, from the frame's age: the application may use another
        // clock, and seeks and pauses move its running time. It is unique: receivers know frames by it.
        let now = self.chain.appsrc.current_running_time();
        let pts = now.map(|now| now.saturating_sub(age.unwrap_or_default()));
        let pts = pts.max(self.last_pts.map(|last| last + gst::ClockTime::MSECOND));
        self.last_pts = pts;
        let writable = buffer.make_mut();
        writable.set_pts(pts);
        writable.set_dts(None);
        Some(buffer)
    }
}

/// Reduces the frame rate in the caps to the rate limit: encoders divide their bitrate by it.
fn with_max_rate(caps: &gst::Caps, rate: gst::Fraction) -> gst::Caps {
    let mut caps = caps.clone();
    if rate.numer() > 0
        && let Some(structure) = caps.make_mut().structure_mut(0)
        && structure
            .get::<gst::Fraction>("framerate")
            .is_ok_and(|input| input.numer() == 0 || input > rate)
    {
        structure.set("framerate", rate);
    }
    caps
}

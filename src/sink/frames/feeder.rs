//! The way of the frames from the application's streaming thread to the encoder. Nothing here
//! waits for the network.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::chain_input::ChainInput;
use super::gop_cache::{CachedFrame, GopCache, is_key};
use super::rate_limit::{Limit, RateLimit};
use super::stall_detector::StallDetector;
use crate::sink::codec::video_codec::Codec;

/// Encoded frames that may wait to be sent. None does, unless the machine is overloaded.
const MAX_QUEUED_ENCODED_FRAMES: u64 = 60;
/// Bytes a second at which cached encoded video is sent. All at once it would not fit the far
/// side's socket: Linux keeps about 90 packets for it (seen with the emulator).
const CATCH_UP_BYTES_PER_SECOND: f64 = 2.5e6;
/// The source is asked for a key frame once in this time, however often the far side asks.
const KEY_FRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(300);

/// Frames counted by what became of them.
#[derive(Debug, Default)]
struct Counters {
    arrived: AtomicU64,
    /// Above the rate limit.
    over_rate: AtomicU64,
    /// While there was no connection.
    unconnected: AtomicU64,
    /// Encoded ones that the far side could not have decoded, for want of a key frame.
    undecodable: AtomicU64,
    /// Given to the encoder's queue.
    queued: AtomicU64,
}

/// Where frames go while there is a connection.
struct Target {
    chain: ChainInput,
    caps: Option<gst::Caps>,
    /// The far side has seen a key frame, and all that followed it.
    joined: bool,
    last_pts: Option<gst::ClockTime>,
}

struct State {
    limit: RateLimit,
    rate: gst::Fraction,
    target: Option<Target>,
    /// So that the far side sees something at once, even where the next frame is a minute away,
    /// and encoded video is joined before its next key frame.
    cache: GopCache,
    last: Option<Instant>,
    /// Of all frames, whatever became of them.
    stall_detector: StallDetector,
    /// When a key frame was asked for.
    key_frame_asked: Option<Instant>,
    /// How old the newest frame was when it came.
    age: gst::ClockTime,
    live: bool,
    /// How often it was detached.
    detached: u64,
    /// By the encoders of earlier connections.
    encoded_before: u64,
}

/// Takes frames in, and drops them or passes them on.
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
                last: None,
                stall_detector: StallDetector::default(),
                key_frame_asked: None,
                age: gst::ClockTime::ZERO,
                live: false,
                detached: 0,
                encoded_before: 0,
            }),
            counters: Counters::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on this decides which frames pass.
    pub fn set_limit(&self, limit: Limit) {
        let mut state = self.lock();
        state.limit = RateLimit::new(limit);
        state.rate = limit.rate();
    }

    /// From here on frames go to this chain, those that were kept first.
    pub fn attach(&self, chain: &ChainInput) {
        let mut target = Some(Target {
            chain: chain.clone(),
            caps: None,
            joined: false,
            last_pts: None,
        });
        let (live, detached) = {
            let state = self.lock();
            (state.live, state.detached)
        };
        chain.set_live(live);
        // In order: while some are passed on from here, newer ones are still kept.
        loop {
            let kept = {
                let mut state = self.lock();
                let kept = state.cache.take();
                let of_use = |(sample, _): &CachedFrame| codec_of(sample) == chain.codec;
                if kept.is_empty() || !kept.iter().all(of_use) {
                    if let Some((sample, _)) = kept.into_iter().next_back() {
                        let encoded = codec_of(&sample).is_some();
                        state.cache.keep(sample, encoded);
                    }
                    state.target = target.take();
                    return;
                }
                kept
            };
            let Some(target) = target.as_mut() else {
                return;
            };
            for (sample, since) in kept {
                if self.lock().detached != detached {
                    return;
                }
                let size = sample.buffer().map_or(0, gst::BufferRef::size);
                let age = gst::ClockTime::try_from(since.elapsed()).ok();
                let (appsrc, buffer) = {
                    let mut state = self.lock();
                    let rate = state.rate;
                    state.last = Some(Instant::now());
                    // The cache begins with a key frame.
                    target.joined = true;
                    (
                        target.chain.appsrc.clone(),
                        target.prepare(&sample, age, rate),
                    )
                };
                self.push(&appsrc, buffer, chain.codec.is_none());
                if chain.codec.is_some() {
                    thread::sleep(Duration::from_secs_f64(
                        size as f64 / CATCH_UP_BYTES_PER_SECOND,
                    ));
                }
            }
        }
    }

    /// Live frames are dropped for newer ones; others wait for the encoder.
    pub fn set_live(&self, live: bool) {
        let chain = {
            let mut state = self.lock();
            state.live = live;
            state.target.as_ref().map(|target| target.chain.clone())
        };
        if let Some(chain) = chain {
            chain.set_live(live);
        }
    }

    /// From here on frames are dropped. A thread that waits for the encoder goes on.
    pub fn detach(&self) {
        let target = {
            let mut state = self.lock();
            let target = state.target.take();
            state.detached += 1;
            state.encoded_before += target
                .as_ref()
                .map_or(0, |t| t.chain.encoded_frames.load(Relaxed));
            target
        };
        if let Some(target) = target {
            // Wakes a thread that waits in `push`; the chain is torn down after this.
            target
                .chain
                .appsrc
                .send_event(gst::event::FlushStart::new());
        }
    }

    /// No more frames will come: what is in the encoder leaves it. `false` without an encoder.
    pub fn end(&self) -> bool {
        let appsrc = self.lock().target.as_ref().map(|t| t.chain.appsrc.clone());
        appsrc.is_some_and(|appsrc| appsrc.end_of_stream().is_ok())
    }

    /// When the last frame was passed on.
    pub fn last_frame_sent(&self) -> Option<Instant> {
        self.lock().last
    }

    /// How many frames a second the source brings; 0/1 where it does not say.
    pub fn set_expected_rate(&self, rate: gst::Fraction) {
        self.lock().stall_detector.set_expected_rate(rate);
    }

    /// Whether there was any frame.
    pub fn has_frames(&self) -> bool {
        self.lock().stall_detector.any()
    }

    /// How long nothing has come, where the source has stalled.
    pub fn silence(&self) -> Option<Duration> {
        self.lock().stall_detector.silence(Instant::now())
    }

    /// Whether the picture had been standing still at that time, for want of another.
    pub fn was_stalled(&self, then: Instant) -> bool {
        self.lock().stall_detector.was_stalled(then)
    }

    /// How old frames are when they come: what the source and the elements before this one take.
    pub fn age(&self) -> gst::ClockTime {
        self.lock().age
    }

    /// Encoded frames that came while nothing took them, from a key frame on.
    pub fn take_cached(&self) -> VecDeque<CachedFrame> {
        self.lock().cache.take()
    }

    /// Takes a frame. `age` is how long ago it was captured. `true` where the source is to be
    /// asked for a key frame.
    pub fn push_frame(&self, sample: gst::Sample, age: Option<gst::ClockTime>) -> bool {
        self.counters.arrived.fetch_add(1, Relaxed);
        let Some(frame) = sample.buffer() else {
            return false;
        };
        let codec = codec_of(&sample);
        let (appsrc, buffer) = {
            let mut state = self.lock();
            let state = &mut *state;
            state.age = age.unwrap_or_default();
            state.stall_detector.frame_arrived(Instant::now());
            // Of encoded video none can be left out: each builds on those before it.
            if codec.is_none() && frame.pts().is_some_and(|time| !state.limit.admit(time)) {
                self.counters.over_rate.fetch_add(1, Relaxed);
                return false;
            }
            let target = state
                .target
                .as_mut()
                .filter(|target| target.chain.codec == codec);
            let Some(target) = target else {
                let lost = match codec.is_some() || state.live {
                    true => state.cache.keep(sample, codec.is_some()),
                    false => 1,
                };
                self.counters.unconnected.fetch_add(lost as u64, Relaxed);
                return false;
            };
            if codec.is_some() && !target.join(frame) {
                self.counters.undecodable.fetch_add(1, Relaxed);
                return may_ask_for_key_frame(&mut state.key_frame_asked);
            }
            state.last = Some(Instant::now());
            let buffer = target.prepare(&sample, age, state.rate);
            (target.chain.appsrc.clone(), buffer)
        };
        self.push(&appsrc, buffer, codec.is_none());
        self.key_is_wanted()
    }

    /// Without a lock: it waits for the encoder where input is not live.
    fn push(&self, appsrc: &gst_app::AppSrc, buffer: Option<gst::Buffer>, encode: bool) {
        if let Some(buffer) = buffer {
            if encode {
                self.counters.queued.fetch_add(1, Relaxed);
            }
            // A chain that is being torn down refuses; its peer reports why.
            let _ = appsrc.push_buffer(buffer);
        }
    }

    fn key_is_wanted(&self) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        let wanted = state
            .target
            .as_ref()
            .map(|target| &target.chain.key_wanted)
            .filter(|wanted| wanted.load(Relaxed));
        match wanted {
            Some(wanted) if may_ask_for_key_frame(&mut state.key_frame_asked) => {
                wanted.store(false, Relaxed);
                true
            }
            _ => false,
        }
    }

    /// Adds the counters to `stats`.
    pub fn add_stats(&self, stats: &mut gst::StructureRef) {
        let (encoded, waiting) = {
            let state = self.lock();
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

/// Whether it is time to ask the source for a key frame again.
fn may_ask_for_key_frame(key_frame_asked: &mut Option<Instant>) -> bool {
    let due = key_frame_asked
        .is_none_or(|key_frame_asked| key_frame_asked.elapsed() >= KEY_FRAME_REQUEST_INTERVAL);
    if due {
        *key_frame_asked = Some(Instant::now());
    }
    due
}

fn codec_of(sample: &gst::Sample) -> Option<Codec> {
    sample.caps().and_then(Codec::of_caps)
}

impl Target {
    /// Whether the far side can decode this frame of encoded video.
    fn join(&mut self, frame: &gst::BufferRef) -> bool {
        if self.chain.appsrc.current_level_buffers() > MAX_QUEUED_ENCODED_FRAMES {
            self.joined = false;
        } else if is_key(frame) {
            self.joined = true;
        }
        self.joined
    }

    /// The frame as the chain takes it, its caps announced where they are new.
    fn prepare(
        &mut self,
        sample: &gst::Sample,
        age: Option<gst::ClockTime>,
        rate: gst::Fraction,
    ) -> Option<gst::Buffer> {
        let mut buffer = sample.buffer_owned()?;
        if self.caps.as_deref() != sample.caps() {
            self.caps = sample.caps_owned();
            let caps = self.caps.as_ref().map(|caps| match self.chain.codec {
                None => limited(caps, rate),
                Some(_) => caps.clone(),
            });
            // Only queued there, in front of the frames to come; under the lock, so that two
            // threads agree on which caps came last.
            self.chain.appsrc.set_caps(caps.as_ref());
        }
        // On the chain's clock, from the frame's age: the application's clock may be another one,
        // and seeks and pauses move its running time. No two alike, as frames are told apart by
        // their RTP time.
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

/// The caps with the frame rate that the limit leaves: encoders share their bitrate out by it.
fn limited(caps: &gst::Caps, rate: gst::Fraction) -> gst::Caps {
    let mut caps = caps.clone();
    if rate.numer() > 0
        && let Some(structure) = caps.make_mut().structure_mut(0)
        && structure
            .get::<gst::Fraction>("framerate")
            .is_ok_and(|own| own.numer() == 0 || own > rate)
    {
        structure.set("framerate", rate);
    }
    caps
}

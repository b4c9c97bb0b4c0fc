//! The way of the frames from the application's streaming thread to the encoder. Nothing here
//! waits for the network.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use super::media::{self, Media};
use super::rate_limit::RateLimit;

/// Frames counted by what became of them.
#[derive(Debug, Default)]
struct Counters {
    arrived: AtomicU64,
    /// Above the rate limit.
    over_rate: AtomicU64,
    /// While there was no connection.
    unconnected: AtomicU64,
    /// Given to the encoder's queue, and taken from it.
    queued: AtomicU64,
}

/// Where frames go while there is a connection.
struct Target {
    appsrc: gst_app::AppSrc,
    /// How many frames left this target's encoder.
    encoded: Arc<AtomicU64>,
    caps: Option<gst::Caps>,
}

struct State {
    limit: RateLimit,
    rate: gst::Fraction,
    target: Option<Target>,
    /// The newest frame while there is no target, so that the far side sees something at once
    /// even where the next frame is a minute away.
    newest: Option<gst::Sample>,
    last: Option<Instant>,
    live: bool,
    /// By the encoders of earlier connections.
    encoded_before: u64,
}

/// Takes frames in, and drops them or passes them on.
pub struct VideoIn {
    state: Mutex<State>,
    counters: Counters,
}

impl VideoIn {
    /// `rate` in frames a second; 0/1 is no limit.
    pub fn new(rate: gst::Fraction) -> Self {
        Self {
            state: Mutex::new(State {
                limit: RateLimit::new(rate),
                rate,
                target: None,
                newest: None,
                last: None,
                live: false,
                encoded_before: 0,
            }),
            counters: Counters::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on at most `rate` frames a second pass; 0/1 is no limit.
    pub fn set_rate(&self, rate: gst::Fraction) {
        let mut state = self.lock();
        state.limit = RateLimit::new(rate);
        state.rate = rate;
    }

    /// From here on frames go to this encoder, the newest of the past first where input is live.
    pub fn attach(&self, media: &Media) {
        let live = self.lock().live;
        media::set_live(&media.appsrc, live);
        let newest = {
            let mut state = self.lock();
            state.target = Some(Target {
                appsrc: media.appsrc.clone(),
                encoded: media.encoded_frames.clone(),
                caps: None,
            });
            state.newest.take()
        };
        if let Some(sample) = newest {
            self.counters.unconnected.fetch_sub(1, Relaxed);
            self.send(&sample, None);
        }
    }

    /// Live frames are dropped for newer ones; others wait for the encoder.
    pub fn set_live(&self, live: bool) {
        let appsrc = {
            let mut state = self.lock();
            state.live = live;
            state.target.as_ref().map(|target| target.appsrc.clone())
        };
        if let Some(appsrc) = appsrc {
            media::set_live(&appsrc, live);
        }
    }

    /// From here on frames are dropped. A thread that waits for the encoder goes on.
    pub fn detach(&self) {
        let target = {
            let mut state = self.lock();
            let target = state.target.take();
            state.encoded_before += target.as_ref().map_or(0, |t| t.encoded.load(Relaxed));
            target
        };
        if let Some(target) = target {
            // Wakes a thread that waits in `push`; the chain is torn down after this.
            target.appsrc.send_event(gst::event::FlushStart::new());
        }
    }

    /// No more frames will come: what is in the encoder leaves it. `false` without an encoder.
    pub fn end(&self) -> bool {
        let appsrc = self.lock().target.as_ref().map(|t| t.appsrc.clone());
        appsrc.is_some_and(|appsrc| appsrc.end_of_stream().is_ok())
    }

    /// When the last frame was passed on.
    pub fn last_frame(&self) -> Option<Instant> {
        self.lock().last
    }

    /// Takes a frame. `age` is how long ago it was captured.
    pub fn take(&self, sample: gst::Sample, age: Option<gst::ClockTime>) {
        self.counters.arrived.fetch_add(1, Relaxed);
        let time = sample.buffer().and_then(|buffer| buffer.pts());
        {
            let mut state = self.lock();
            if time.is_some_and(|time| !state.limit.admit(time)) {
                self.counters.over_rate.fetch_add(1, Relaxed);
                return;
            }
            if state.target.is_none() {
                self.counters.unconnected.fetch_add(1, Relaxed);
                state.newest = state.live.then_some(sample);
                return;
            }
        }
        self.send(&sample, age);
    }

    fn send(&self, sample: &gst::Sample, age: Option<gst::ClockTime>) {
        let Some(buffer) = sample.buffer_owned() else {
            return;
        };
        let appsrc = {
            let mut state = self.lock();
            let rate = state.rate;
            let Some(target) = state.target.as_mut() else {
                return;
            };
            if target.caps.as_deref() != sample.caps() {
                target.caps = sample.caps_owned();
                let caps = target.caps.as_ref().map(|caps| limited(caps, rate));
                // Only queued there, in front of the frames to come; under the lock, so that two
                // threads agree on which caps came last.
                target.appsrc.set_caps(caps.as_ref());
            }
            let appsrc = target.appsrc.clone();
            state.last = Some(Instant::now());
            appsrc
        };
        let mut buffer = buffer;
        {
            // On the encoder's clock, from the frame's age: the application's clock may be another
            // one, and seeks and pauses move its running time.
            let buffer = buffer.make_mut();
            let now = appsrc.current_running_time();
            buffer.set_pts(now.map(|now| now.saturating_sub(age.unwrap_or_default())));
            buffer.set_dts(None);
        }
        self.counters.queued.fetch_add(1, Relaxed);
        // Without a lock: it waits for the encoder where input is not live. An encoder that is
        // being torn down refuses; its peer reports why.
        let _ = appsrc.push_buffer(buffer);
    }

    /// Adds the counters to `stats`.
    pub fn add_stats(&self, stats: &mut gst::StructureRef) {
        let (encoded, waiting) = {
            let state = self.lock();
            let target = state.target.as_ref();
            let now = target.map_or(0, |target| target.encoded.load(Relaxed));
            let waiting = target.map_or(0, |target| target.appsrc.current_level_buffers());
            (state.encoded_before + now, waiting)
        };
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let counters = &self.counters;
        let busy = count(&counters.queued).saturating_sub(encoded + waiting);
        stats.set("frames-in", count(&counters.arrived));
        stats.set("frames-dropped-rate", count(&counters.over_rate));
        stats.set("frames-dropped-unconnected", count(&counters.unconnected));
        stats.set("frames-dropped-busy", busy);
        stats.set("frames-encoded", encoded);
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

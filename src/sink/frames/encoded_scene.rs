// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether the scene of video changes that is sent on as it comes, encoded: some of it is decoded, on a thread of its own.
//!
//! If key frames come as often as questions are asked, they alone are decoded; else all frames are, until they do. The
//! sizes of the pictures would cost nothing, but they do not hold up. Measured with x264 (CRF 24, VBR and CBR of 600 kbit/s;
//! all frames: VBR) at 640 × 360 and 25/s, by day, at night (noise of 2 and 7 levels) and in rain, with eight events each:
//! persons (52 × 130 to 12 × 30 pixels, in the picture for 1.2 to 8 s), a bag, a lamp:
//!
//! | what is looked at | missed by day | at night | in rain | delay: median, longest | false changes |
//! |---|---|---|---|---|---|
//! | sizes, ± 10 % of what they were | 9 of 48 | 20 of 48 | 32 of 48 | 0.2 s, 9 s | 10 in 110 s by day |
//! | sizes, ± 40 % | 17 of 48 | 32 of 48 | 48 of 48 | 0.2 s, 11 s | fewer |
//! | key frames each 2 s | 3 of 24 (those of 1.2 s) | 3 | 3 | 1.1 s, 5 s | none |
//! | key frames each 10 s | 18 of 24 | 18 | 18 | 6.8 s, 9 s | none |
//! | all frames | 0 of 8 | 0 | 0 | 0.1 s, 0.2 s (at night 3.7 s) | 4 in 110 s of rain |
//!
//! Rate control hides what happens in the sizes: it takes bits from the noise. All frames take 5 % of a core at 720p25.
//!
//! While nothing can be looked at, the scene counts as another one all the time, because a missed event is worse than an
//! additional question.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::scene::Scene;
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;
use crate::sink::codec::decoder;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;

/// Key frames may be this much further apart than questions: both jitter.
const TOLERANCE: Duration = Duration::from_millis(100);
/// If nothing was decoded for this time more, nothing is known about the scene.
const MAX_DECODING: Duration = Duration::from_secs(1);
/// So many key frames in a row must have come often enough. Cameras that send them at irregular distances send more of them
/// while something moves.
const ENOUGH_DISTANCES: u32 = 5;
/// Decoded frames are looked at not more often than this.
const MIN_LOOK_DISTANCE: Duration = Duration::from_millis(90);
/// Frames that may wait for the decoder. Beyond it, the machine is overloaded, and the decoder begins again at a key frame.
const MAX_QUEUED: u64 = 60;

/// The decoder of a run. Dropping it stops it, which may take as long as the decoding of a frame.
pub struct EncodedScene {
    codec: Codec,
    interval: Duration,
    pipeline: gst::Pipeline,
    input: Arc<EncodedInput>,
}

/// Takes the frames.
pub struct EncodedInput {
    appsrc: gst_app::AppSrc,
    scene: Arc<Scene>,
    start: Instant,
    /// The longest distance of key frames that suffice.
    max_distance: Duration,
    keys: Mutex<KeyFrames>,
    /// The arrival of the frame before.
    previous: Mutex<Option<Instant>>,
    newest_look: Arc<Mutex<Option<Instant>>>,
    has_failed: Arc<AtomicBool>,
}

impl EncodedScene {
    /// `interval`: the shortest time from one question to the next; zero if each picture counts. `on_change`: a frame that
    /// arrived at the first time shows something else than the one that was looked at before it, which arrived at the second.
    ///
    /// # Errors
    /// No decoder is installed, or it does not start.
    pub fn start(
        codec: Codec,
        scene: &Arc<Scene>,
        interval: Duration,
        on_change: impl Fn(Instant, Instant) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let failed = |what: &dyn std::fmt::Display| {
            Error::new(
                Kind::Media,
                Stage::Media,
                format!("the decoder does not start: {what}"),
            )
        };
        let decoder = decoder::find(codec, &codec.parsed_caps())?;
        // Further threads delay the output by a picture each.
        if decoder.has_property("max-threads") {
            decoder.set_property("max-threads", 1);
        }
        let appsrc = gst_app::AppSrc::builder()
            .format(gst::Format::Time)
            .max_bytes(0)
            .build();
        let start = Instant::now();
        let newest_look = Arc::<Mutex<Option<Instant>>>::default();
        let (on_scene, looked) = (scene.clone(), newest_look.clone());
        let new_sample = move |sink: &gst_app::AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let pts = sample.buffer().and_then(|buffer| buffer.pts());
            if let Some(at) = pts.map(|pts| start + Duration::from(pts)) {
                let mut looked = lock(&looked);
                let before = looked.unwrap_or(at);
                if looked.is_none() || at.saturating_duration_since(before) >= MIN_LOOK_DISTANCE {
                    *looked = Some(at);
                    drop(looked);
                    if on_scene.look(&sample, at) {
                        on_change(at, before);
                    }
                }
            }
            Ok(gst::FlowSuccess::Ok)
        };
        let appsink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(1)
            .callbacks(
                gst_app::AppSinkCallbacks::builder()
                    .new_sample(new_sample)
                    .build(),
            )
            .build();
        let pipeline = gst::Pipeline::new();
        let elements = [appsrc.upcast_ref(), &decoder, appsink.upcast_ref()];
        pipeline
            .add_many(elements)
            .map_err(|error| failed(&error))?;
        gst::Element::link_many(elements).map_err(|error| failed(&error))?;
        let has_failed = Arc::new(AtomicBool::new(false));
        let (on_error, name) = (has_failed.clone(), decoder.name());
        let bus = pipeline.bus().expect("a pipeline has a bus");
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                gst::warning!(
                    CAT,
                    "{name} cannot decode the video for ask-when: {}",
                    error.error()
                );
                on_error.store(true, Relaxed);
            }
            gst::BusSyncReply::Drop
        });
        let this = Self {
            codec,
            interval,
            pipeline,
            input: Arc::new(EncodedInput {
                appsrc,
                scene: scene.clone(),
                start,
                max_distance: interval + TOLERANCE,
                keys: Mutex::default(),
                previous: Mutex::default(),
                newest_look,
                has_failed,
            }),
        };
        let state = this.pipeline.set_state(gst::State::Playing);
        state.map_err(|error| failed(&error))?;
        // Nothing is known until the first picture.
        scene.forget();
        Ok(this)
    }

    /// Whether it goes on for this codec and interval.
    pub fn suits(&self, codec: Codec, interval: Duration) -> bool {
        let is_same = self.codec == codec && self.interval == interval;
        is_same && !self.input.has_failed.load(Relaxed)
    }

    pub fn input(&self) -> Arc<EncodedInput> {
        self.input.clone()
    }
}

impl Drop for EncodedScene {
    fn drop(&mut self) {
        // It never fails for these elements.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl EncodedInput {
    /// Takes a frame that arrived at this time. It does not wait. Returns `false` if nothing is known about the scene for now.
    pub fn push(&self, sample: &gst::Sample, access: RandomAccess, at: Instant) -> bool {
        let previous = lock(&self.previous).replace(at).unwrap_or(at);
        let looked = lock(&self.newest_look).unwrap_or(self.start);
        // Of a camera with a frame a second, the one before may be the newest that can be known.
        let max_blind = self.max_distance + MAX_DECODING + (at - previous) * 2;
        let is_known = at.saturating_duration_since(looked) <= max_blind;
        if !is_known {
            self.scene.forget();
        }
        if self.has_failed.load(Relaxed) {
            return false;
        }
        self.decode(sample, access, at);
        is_known
    }

    fn decode(&self, sample: &gst::Sample, access: RandomAccess, at: Instant) {
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) else {
            return;
        };
        let queued = self.appsrc.current_level_buffers();
        let times = lock(&self.keys).times(access, at, queued, self.max_distance);
        if times == 0 {
            return;
        }
        // This does nothing if they are the same.
        self.appsrc.set_caps(Some(&caps.to_owned()));
        let mut buffer = buffer;
        let writable = buffer.make_mut();
        let time = at.saturating_duration_since(self.start);
        writable.set_pts(gst::ClockTime::try_from(time).ok());
        writable.set_dts(None);
        for _ in 0..times {
            // It fails only while the decoder stops.
            let _ = self.appsrc.push_buffer(buffer.clone());
        }
    }
}

/// Which frames are decoded.
#[derive(Debug, Default)]
struct KeyFrames {
    newest: Option<Instant>,
    /// How many in a row came often enough.
    often: u32,
    /// The decoder has all frames since a key frame.
    is_decoding: bool,
}

impl KeyFrames {
    /// How many times to decode the next frame.
    fn times(
        &mut self,
        access: RandomAccess,
        at: Instant,
        queued: u64,
        max_distance: Duration,
    ) -> u32 {
        let distance = self
            .newest
            .map(|newest| at.saturating_duration_since(newest));
        let is_near = distance.is_some_and(|distance| distance <= max_distance);
        if !is_near {
            self.often = 0;
        }
        if queued > MAX_QUEUED {
            self.is_decoding = false;
            return 0;
        }
        let was_decoding = self.is_decoding;
        match access {
            RandomAccess::None => return u32::from(self.is_decoding),
            // The picture is not complete at once: the next ones are needed.
            RandomAccess::Partial => self.often = 0,
            RandomAccess::Full if is_near => self.often = (self.often + 1).min(ENOUGH_DISTANCES),
            RandomAccess::Full => {}
        }
        self.newest = Some(at);
        self.is_decoding = self.often < ENOUGH_DISTANCES;
        // avdec_h264 (1.22, seen) loses such a picture if it is the first one.
        match access == RandomAccess::Partial && !was_decoding {
            true => 2,
            false => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RandomAccess::{Full, None, Partial};
    use super::*;

    const MAX: Duration = Duration::from_millis(2100);

    /// How many of the frames of a minute are decoded, 25 a second, with a key frame each so many frames.
    fn decoded(distance: u64, key: RandomAccess, queued: u64) -> u32 {
        let (mut keys, start) = (KeyFrames::default(), Instant::now());
        let times = |n: u64| {
            let access = if n.is_multiple_of(distance) {
                key
            } else {
                None
            };
            keys.times(
                access,
                start + Duration::from_millis(40) * n as u32,
                queued,
                MAX,
            )
        };
        (0..1500).map(times).sum()
    }

    #[test]
    fn key_frames_suffice_if_they_come_often() {
        // After six of them.
        assert_eq!(decoded(50, Full, 0), 5 * 50 + 25);
        assert_eq!(decoded(250, Full, 0), 1500);
        assert_eq!(decoded(50, Partial, 0), 1501);
        assert_eq!(decoded(50, Full, 61), 0);
    }

    #[test]
    fn after_a_gap_all_frames_are_decoded_from_the_next_key_frame_on() {
        let (mut keys, start) = (KeyFrames::default(), Instant::now());
        let mut times =
            |seconds, access| keys.times(access, start + Duration::from_secs(seconds), 0, MAX);
        for second in 0..8 {
            times(second, Full);
        }
        assert_eq!(times(8, None), 0);
        assert_eq!(times(12, None), 0);
        assert_eq!(times(17, Full), 1);
        assert_eq!(times(18, None), 1);
    }
}

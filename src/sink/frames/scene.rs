// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether the scene changes: with `ask-when`, one that does not is asked about seldom. The picture is divided into blocks,
//! and the mean brightness of each is compared with what it was of late. The noise of a camera is gone in the mean, and
//! light that changes slowly becomes a part of what it was.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use gst_video::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};

use crate::lock::lock;
use crate::sink::codec::device_memory::DeviceMemory;

const COLUMNS: usize = 32;
const ROWS: usize = 18;
/// About as many pixels of each row are looked at: more take more time, and the mean is no better.
const SAMPLED_WIDTH: usize = 640;
/// How often the usual difference of a block counts as noise. The mean difference of noise is 0.8 of its standard
/// deviation, so that this is more than six of these.
const NOISE_FACTOR: f32 = 8.0;
/// The part of it that is enough for the mean of a block and the one below it: their noise is not the same, so the mean has
/// less of it. People are higher than a block.
const PAIR_FACTOR: f32 = 0.7;
/// In this time the usual difference is learnt.
const NOISE_TIME: Duration = Duration::from_secs(5);

/// When a scene counts as still, and how often it is asked about then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Still {
    /// Levels of brightness, of 255, by which a block must differ.
    pub threshold: f32,
    /// About how long after its last change a scene counts as still.
    pub after: Duration,
    /// `None`: a still scene is not asked about.
    pub every: Option<Duration>,
}

/// Watches a scene.
pub struct Scene {
    still: Still,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    usual: Option<Usual>,
    /// The arrival of the newest frame in which something changed. `None`: that is not known.
    changed: Option<Instant>,
}

/// How the scene was of late.
struct Usual {
    means: Vec<f32>,
    differences: Vec<f32>,
    at: Instant,
}

impl Scene {
    pub fn new(still: Still) -> Self {
        Self {
            still,
            state: Mutex::default(),
        }
    }

    /// Looks at a raw frame that arrived at this time. Returns whether something has changed, or that is not known.
    pub fn look(&self, sample: &gst::SampleRef, at: Instant) -> bool {
        let means = block_means(sample);
        let mut state = lock(&self.state);
        let Some(means) = means else {
            *state = State::default();
            return true;
        };
        let is_change = match &mut state.usual {
            Some(usual) => usual.learn(&means, at, &self.still),
            None => true,
        };
        if state.usual.is_none() {
            let differences = vec![0.0; means.len()];
            state.usual = Some(Usual {
                means,
                differences,
                at,
            });
        }
        if is_change {
            state.changed = Some(at);
        }
        is_change
    }

    /// Nothing is known about the scene any more: until the next look, each frame counts as another scene.
    pub fn forget(&self) {
        *lock(&self.state) = State::default();
    }

    /// Names what a question about the frame of this time would see: the same for two frames between which the scene has
    /// not changed, and `every` has not passed.
    pub fn at(&self, frame: Instant) -> Instant {
        let Some(changed) = lock(&self.state).changed else {
            return frame;
        };
        let Some(every) = self.still.every else {
            return changed;
        };
        let passed = frame.saturating_duration_since(changed).as_nanos();
        let times = u32::try_from(passed / every.as_nanos().max(1)).unwrap_or(u32::MAX);
        changed + every.saturating_mul(times)
    }
}

impl Usual {
    /// Returns whether the scene differs from this, and makes it a part of this.
    fn learn(&mut self, means: &[f32], at: Instant, still: &Still) -> bool {
        let passed = at.saturating_duration_since(self.at).as_secs_f32();
        self.at = at;
        let part = |time: Duration| 1.0 - (-passed / time.as_secs_f32().max(0.1)).exp();
        // A block that changes by a hundred levels is usual again after about twice this time.
        let (of_means, of_differences) = (part(still.after / 2), part(NOISE_TIME));
        let mut is_change = false;
        // By how much each block of the row above differs, and usually does. The first row has none above it.
        let mut above = [(0.0, f32::INFINITY); COLUMNS];
        let blocks = self.means.iter_mut().zip(&mut self.differences);
        for (nth, ((usual, difference), mean)) in blocks.zip(means).enumerate() {
            let differs_by = (mean - *usual).abs();
            is_change |= differs_by > still.threshold.max(NOISE_FACTOR * *difference);
            if let Some(above) = above.get_mut(nth % COLUMNS) {
                let this = (mean - *usual, *difference);
                let (by, noise) = ((above.0 + this.0) / 2.0, (above.1 + this.1) / 2.0);
                is_change |= by.abs() > still.threshold.max(PAIR_FACTOR * NOISE_FACTOR * noise);
                *above = this;
            }
            *usual += of_means * (mean - *usual);
            // Leaves that move all day become noise, but one person who comes by does not.
            *difference += of_differences * (differs_by.min(still.threshold) - *difference);
        }
        is_change
    }
}

/// The mean brightness of each block; of RGB video, of its green. `None`: the video has another form.
fn block_means(sample: &gst::SampleRef) -> Option<Vec<f32>> {
    let (buffer, caps) = (sample.buffer()?, sample.caps()?);
    if DeviceMemory::of_caps(caps).is_some() {
        return None;
    }
    let info = VideoInfo::from_caps(caps).ok()?;
    let component = u32::from(info.is_rgb());
    if info.format_info().depth().first() != Some(&8) {
        return None;
    }
    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let data = frame.comp_data(component).ok()?;
    let stride = usize::try_from(frame.comp_stride(component)).ok()?;
    let pixel = usize::try_from(frame.comp_pstride(component)).ok()?.max(1);
    let (width, height) = (info.width() as usize, info.height() as usize);
    let step = (width / SAMPLED_WIDTH).max(1);
    let (mut sums, mut counts) = (vec![0_u32; COLUMNS * ROWS], vec![0_u32; COLUMNS * ROWS]);
    for y in (0..height).step_by(step) {
        let row = data.get(y * stride..)?;
        let blocks = y * ROWS / height * COLUMNS;
        for column in 0..COLUMNS {
            let (from, to) = (column * width / COLUMNS, (column + 1) * width / COLUMNS);
            let bytes = row.get(from * pixel..)?.iter().step_by(step * pixel);
            let count = (to - from).div_ceil(step);
            let sum: u32 = bytes.take(count).map(|byte| u32::from(*byte)).sum();
            sums[blocks + column] += sum;
            counts[blocks + column] += count as u32;
        }
    }
    let means = sums.iter().zip(&counts);
    Some(
        means
            .map(|(sum, count)| *sum as f32 / (*count).max(1) as f32)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 320;
    const HEIGHT: usize = 180;
    const STILL: Still = Still {
        threshold: 8.0,
        after: Duration::from_secs(5),
        every: None,
    };

    /// A camera whose pixels have noise of up to this many levels in each direction.
    struct Camera {
        scene: Scene,
        noise: u32,
        random: u32,
        start: Instant,
        frames: u64,
    }

    impl Camera {
        fn new(noise: u32) -> Self {
            gst::init().expect("GStreamer");
            Self {
                scene: Scene::new(STILL),
                noise,
                random: 1,
                start: Instant::now(),
                frames: 0,
            }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_millis(200) * u32::try_from(self.frames).expect("few")
        }

        /// Shows frames, five a second, with this brightness of each pixel. Returns whether the scene has changed.
        fn show(&mut self, seconds: f64, pixel: impl Fn(f64, usize, usize) -> u32) -> bool {
            let before = self.scene.at(self.now());
            for frame in 0..(seconds * 5.0) as u64 {
                let time = frame as f64 / 5.0;
                self.frames += 1;
                let mut data = vec![0_u8; WIDTH * HEIGHT];
                for (index, byte) in data.iter_mut().enumerate() {
                    self.random = self
                        .random
                        .wrapping_mul(1_664_525)
                        .wrapping_add(1_013_904_223);
                    let noise = (self.random >> 16) % (2 * self.noise + 1);
                    let light = pixel(time, index % WIDTH, index / WIDTH) + noise;
                    *byte = light.saturating_sub(self.noise).min(255) as u8;
                }
                let caps = gst::Caps::builder("video/x-raw")
                    .field("format", "GRAY8")
                    .field("width", WIDTH as i32)
                    .field("height", HEIGHT as i32)
                    .field("framerate", gst::Fraction::new(5, 1));
                let buffer = gst::Buffer::from_slice(data);
                let sample = gst::Sample::builder()
                    .caps(&caps.build())
                    .buffer(&buffer)
                    .build();
                self.scene.look(&sample, self.now());
            }
            self.scene.at(self.now()) != before
        }
    }

    #[test]
    fn noise_and_slow_light_are_no_changes() {
        for noise in [0, 5, 40] {
            let mut camera = Camera::new(noise);
            // At first, noise is learnt.
            camera.show(10.0, |_, _, _| 100);
            assert!(!camera.show(30.0, |_, _, _| 100), "noise of {noise}");
            let dusk = |time: f64, _, _| (100.0 - time) as u32;
            assert!(!camera.show(40.0, dusk), "dusk with noise of {noise}");
        }
    }

    #[test]
    fn light_people_and_what_they_leave_are_changes() {
        for noise in [0, 5, 20] {
            let mut camera = Camera::new(noise);
            camera.show(10.0, |_, _, _| 100);
            assert!(camera.show(0.2, |_, _, _| 140), "light, noise of {noise}");
            // It becomes usual.
            camera.show(20.0, |_, _, _| 140);
            assert!(!camera.show(5.0, |_, _, _| 140), "noise of {noise}");
            // Somebody of 20 × 40 pixels goes from left to right.
            let person = |time: f64, x: usize, y: usize| {
                let left = (time * 60.0) as usize;
                let is_there = (left..left + 20).contains(&x) && (90..130).contains(&y);
                if is_there { 60 } else { 140 }
            };
            assert!(camera.show(1.0, person), "a person, noise of {noise}");
            assert!(camera.show(1.0, |time, x, y| person(time + 1.0, x, y)));
            // A bag stays.
            let bag = |_: f64, x: usize, y: usize| match (150..170, 120..140) {
                (xs, ys) if xs.contains(&x) && ys.contains(&y) => 30,
                _ => 140,
            };
            assert!(camera.show(0.4, bag), "a bag, noise of {noise}");
            camera.show(20.0, bag);
            assert!(!camera.show(5.0, bag), "noise of {noise}");
        }
    }

    #[test]
    fn two_blocks_that_differ_together_are_a_change_in_less_time() {
        gst::init().expect("GStreamer");
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "GRAY8")
            .field("width", COLUMNS as i32)
            .field("height", ROWS as i32)
            .field("framerate", gst::Fraction::new(5, 1))
            .build();
        // Each block is a pixel. These change after noise has been learnt.
        let is_change = |rows: std::ops::Range<usize>, by: [i16; 2]| {
            let (scene, start) = (Scene::new(STILL), Instant::now());
            let mut looks = 0;
            let mut look = |data: Vec<u8>| {
                let at = start + Duration::from_millis(200) * looks;
                looks += 1;
                let buffer = gst::Buffer::from_slice(data);
                let sample = gst::Sample::builder().caps(&caps).buffer(&buffer);
                scene.look(&sample.build(), at)
            };
            for n in 0..200_u32 {
                let noise = if n.is_multiple_of(2) { 3 } else { 0 };
                look(vec![100 + noise; COLUMNS * ROWS]);
            }
            let mut data = vec![101; COLUMNS * ROWS];
            for (row, by) in rows.zip(by) {
                data[row * COLUMNS + 7] = (101 + by) as u8;
            }
            look(data)
        };
        // Eight times the usual difference of 1.5 levels are 12.
        assert!(is_change(4..5, [16, 0]));
        assert!(!is_change(4..5, [10, 0]));
        assert!(is_change(4..6, [10, 10]));
        assert!(!is_change(4..6, [10, -10]), "another direction");
        assert!(!is_change(4..6, [8, 8]), "below the threshold");
    }

    #[test]
    fn a_still_scene_is_another_one_after_a_time() {
        let mut camera = Camera::new(0);
        camera.scene = Scene::new(Still {
            every: Some(Duration::from_secs(10)),
            ..STILL
        });
        camera.show(1.0, |_, _, _| 100);
        let changes: Vec<_> = (0..30)
            .filter(|_| camera.show(1.0, |_, _, _| 100))
            .collect();
        assert_eq!(changes.len(), 3, "{changes:?}");
    }

    #[test]
    fn what_cannot_be_looked_at_is_always_new() {
        gst::init().expect("GStreamer");
        let scene = Scene::new(STILL);
        let now = Instant::now();
        for (format, depth) in [("RGB", true), ("NV12", true), ("P010_10LE", false)] {
            let info: VideoInfo = VideoInfo::builder(format.parse().expect(format), 64, 36)
                .build()
                .expect("a format");
            let buffer = gst::Buffer::from_slice(vec![100_u8; info.size()]);
            let caps = info.to_caps().expect("caps");
            let sample = gst::Sample::builder().caps(&caps).buffer(&buffer).build();
            scene.look(&sample, now);
            let later = now + Duration::from_secs(1);
            assert_eq!(scene.at(later) == now, depth, "{format}");
        }
    }
}

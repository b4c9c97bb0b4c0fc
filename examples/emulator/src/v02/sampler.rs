// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The sampler: remembers the newest frames of a stream, and takes samples of them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::Notify;

use crate::lock::lock;
use crate::records::snapshot::Sample;
use crate::v02::request::Sampling;
use crate::vision::jpeg::{self, JpegPreset};
use crate::vision::lazy::{LazyCodes, LazyJpeg};
use crate::vision::measures;
use crate::vision::observation::{AnswerFrames, MeasuredFrame, RATE_WINDOW, rate, ticks};

/// The maximum number of frames: one minute, the longest clip, at 60 frames/s.
const MAX_FRAMES: usize = 3_600;

/// About the maximum number of pictures of a clip. Of a longer clip, only every n-th sample has a picture.
const MAX_CLIP_PICTURES: usize = 64;
/// The newest frames and the samples of a stream.
pub(crate) struct Sampler {
    sampling: Sampling,
    /// The preset for the pictures of samples, for an engine that needs pictures. `None`: no pictures are
    /// kept, and QR codes are read from the decoded picture instead.
    jpeg_preset: Option<JpegPreset>,
    inner: Mutex<Inner>,
    /// Notified of every frame.
    pub(crate) frame_added: Notify,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<MeasuredFrame>,
    /// The decoded picture of the newest frame, so that its QR codes can be read if it is sampled.
    newest: Option<gst::Sample>,
    /// The samples of one clip length. A frame that was sampled twice is in it twice.
    sampled: VecDeque<MeasuredFrame>,
    /// How many samples were taken.
    count: usize,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling, jpeg_preset: Option<JpegPreset>) -> Self {
        Sampler {
            sampling,
            jpeg_preset,
            inner: Mutex::new(Inner::default()),
            frame_added: Notify::new(),
        }
    }

    pub(crate) fn add_frame(&self, frame: MeasuredFrame, sample: gst::Sample) {
        let length = match self.sampling {
            Sampling::Clip { length, .. } => length.max(RATE_WINDOW),
            Sampling::Frame { .. } => RATE_WINDOW,
        };
        let oldest = frame.rtp_time.saturating_sub(ticks(length + 0.1));
        {
            let mut inner = lock(&self.inner);
            inner.frames.push_back(frame);
            while inner.frames.len() > MAX_FRAMES
                || inner.frames.front().is_some_and(|f| f.rtp_time < oldest)
            {
                inner.frames.pop_front();
            }
            inner.newest = Some(sample);
        }
        self.frame_added.notify_one();
    }

    /// Samples the newest frame, new or not. Its codes or JPEG are not made yet.
    pub(crate) fn sample(&self, now: Instant) -> Option<(Sample, MeasuredFrame)> {
        let max_samples = match self.sampling {
            Sampling::Clip {
                target_fps, length, ..
            } => ((f64::from(target_fps) * length).round() as usize).max(1),
            Sampling::Frame { .. } => 1,
        };
        let mut inner = lock(&self.inner);
        let picture = inner.newest.clone();
        let kept = inner
            .count
            .is_multiple_of(max_samples.div_ceil(MAX_CLIP_PICTURES));
        inner.count += 1;
        let frame = inner.frames.back_mut()?;
        match (self.jpeg_preset, picture) {
            (Some(jpeg_preset), Some(picture)) if kept => {
                frame.picture.get_or_insert_with(|| {
                    LazyJpeg::new(move || {
                        jpeg::encode(&picture, jpeg_preset)
                            .unwrap_or_default()
                            .into()
                    })
                });
            }
            (None, Some(picture)) => {
                let codes = || LazyCodes::new(move || measures::codes(&picture));
                frame.codes.get_or_insert_with(codes);
            }
            _ => {}
        }
        let frame = frame.clone();
        let sample = Sample {
            at: now,
            rtp_time: frame.rtp_time,
            age: now.saturating_duration_since(frame.arrived),
            repeat: inner
                .sampled
                .back()
                .is_some_and(|last| last.rtp_time == frame.rtp_time),
        };
        if inner.sampled.len() >= max_samples {
            inner.sampled.pop_front();
        }
        inner.sampled.push_back(frame.clone());
        Some((sample, frame))
    }

    /// The frames of an answer that is due now. `None`: there is no sample newer than `after`.
    pub(crate) fn answer_frames(&self, after: Option<u64>) -> Option<AnswerFrames> {
        let inner = lock(&self.inner);
        let newest = inner.sampled.back()?;
        if after.is_some_and(|after| newest.rtp_time <= after) {
            return None;
        }
        let mut frames: Vec<MeasuredFrame> = Vec::new();
        if let Sampling::Frame { .. } = self.sampling {
            // The previous frame is only there to measure motion.
            let mut older = inner.frames.iter().rev();
            frames.extend(older.find(|f| f.rtp_time < newest.rtp_time).cloned());
            frames.push(newest.clone());
        } else {
            frames.extend(inner.sampled.iter().cloned());
            // The same picture again shows nothing more.
            frames.dedup_by_key(|frame| frame.rtp_time);
        }
        Some(AnswerFrames {
            mode: self.sampling.mode(),
            fps: rate(inner.frames.iter().map(|frame| frame.rtp_time)),
            frames,
        })
    }

    /// Drops all pictures.
    pub(crate) fn clear(&self) {
        *lock(&self.inner) = Inner::default();
    }

    /// Which frames an answer is about, and when it is due.
    pub(crate) fn sampling(&self) -> Sampling {
        self.sampling
    }
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;

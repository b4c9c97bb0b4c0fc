// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The history of a stream: its frames, limited in time and in bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;
use crate::v1::error::V1Error;
use crate::v1::frame_selection::FrameTimes;
use crate::v1::ovs_url::Query;
use crate::vision::jpeg::{self, Jpeg, JpegPreset};
use crate::vision::lazy::{LazyCodes, LazyJpeg};
use crate::vision::observation::{MeasuredFrame, rate};

/// `recent_fps` counts the frames of this period.
const RECENT_FPS_WINDOW_MS: u64 = 2_000;
/// The frame rate in an answer is measured over at most this many frames.
const MAX_RATE_FRAMES: usize = 240;

/// A frame in the history.
pub(crate) struct HistoryFrame {
    /// Its lifetime index.
    pub index: u64,
    /// Time since the stream's first frame, in milliseconds.
    pub time_ms: u64,
    /// The frame, with its picture.
    pub measured: MeasuredFrame,
    /// The size of the picture.
    bytes: usize,
}

impl HistoryFrame {
    /// A picture that came in a question, and is in no history.
    pub(crate) fn sent(measured: MeasuredFrame) -> Self {
        HistoryFrame {
            index: 0,
            time_ms: 0,
            measured,
            bytes: 0,
        }
    }
}

/// The frames that a URL stands for.
pub(crate) struct Selection {
    pub frames: Vec<Arc<HistoryFrame>>,
    /// The frame before a single frame, to measure motion.
    pub before: Option<Arc<HistoryFrame>>,
    pub fps: Option<f64>,
}

/// The facts about a history that the status call reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryStatus {
    pub first_at: Instant,
    pub newest_at: Instant,
    pub newest_index: u64,
    pub oldest_at: Instant,
    pub oldest_index: u64,
    pub recent_fps: f64,
    pub retained: usize,
    pub evicted: u64,
    /// The current time on the stream's clock, in milliseconds.
    pub now_ms: u64,
}

pub(crate) struct History {
    /// The maximum age of a frame, counted back from the newest frame.
    max_age: Duration,
    /// The maximum size of all pictures together.
    max_bytes: usize,
    jpeg_preset: JpegPreset,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// When the first frame arrived.
    first_at: Option<Instant>,
    times: FrameTimes,
    frames: VecDeque<Arc<HistoryFrame>>,
    bytes: usize,
    /// Set when the stream has ended: the last status.
    closed: Option<Option<HistoryStatus>>,
}

impl History {
    pub(crate) fn new(max_age: Duration, max_bytes: usize, jpeg_preset: JpegPreset) -> Self {
        History {
            max_age,
            max_bytes,
            jpeg_preset,
            inner: Mutex::new(Inner::default()),
        }
    }

    /// Adds a decoded frame. Encodes its picture, on the decoder's thread.
    pub(crate) fn add_frame(&self, mut frame: MeasuredFrame, picture: &gst::Sample) {
        let jpeg: Jpeg = jpeg::encode(picture, self.jpeg_preset)
            .unwrap_or_default()
            .into();
        let kept = jpeg.clone();
        let later = || LazyCodes::new(move || jpeg::codes(&jpeg));
        frame.codes.get_or_insert_with(later);
        self.insert(frame, kept);
    }

    fn insert(&self, mut frame: MeasuredFrame, jpeg: Jpeg) {
        let bytes = jpeg.len();
        frame.picture = Some(LazyJpeg::ready(jpeg));
        let mut inner = lock(&self.inner);
        if inner.closed.is_some() {
            return;
        }
        let first_at = *inner.first_at.get_or_insert(frame.arrived);
        let time_ms = milliseconds(frame.arrived.saturating_duration_since(first_at));
        let (index, time_ms) = inner.times.push(time_ms);
        inner.bytes += bytes;
        inner.frames.push_back(Arc::new(HistoryFrame {
            index,
            time_ms,
            measured: frame,
            bytes,
        }));
        let oldest = time_ms.saturating_sub(milliseconds(self.max_age));
        while inner.bytes > self.max_bytes || inner.times.oldest_time().is_some_and(|t| t < oldest)
        {
            // The newest frame always stays, whatever its size.
            if inner.frames.len() == 1 {
                break;
            }
            let Some(gone) = inner.frames.pop_front() else {
                break;
            };
            inner.bytes -= gone.bytes;
            inner.times.evict();
        }
    }

    /// The frames that a query stands for now.
    pub(crate) fn select(&self, query: &Query) -> Result<Selection, V1Error> {
        let inner = lock(&self.inner);
        let (places, before) = match query {
            Query::Image(image) => {
                let place = inner.times.image(image)?;
                (vec![place], place.checked_sub(1))
            }
            Query::Video(video) => (inner.times.video(video)?, None),
        };
        let newest = places.last().map_or(0, |place| place + 1);
        let recent = newest.saturating_sub(MAX_RATE_FRAMES)..newest;
        let frame = |place: usize| inner.frames.get(place).cloned();
        Ok(Selection {
            frames: places.iter().filter_map(|place| frame(*place)).collect(),
            before: before.and_then(frame),
            fps: rate(
                inner
                    .frames
                    .range(recent)
                    .map(|kept| kept.measured.rtp_time),
            ),
        })
    }

    /// The status. `None`: there was no frame yet.
    pub(crate) fn status(&self) -> Option<HistoryStatus> {
        let inner = lock(&self.inner);
        match &inner.closed {
            Some(status) => status.clone(),
            None => inner.status(Instant::now()),
        }
    }

    /// Drops the frames, and keeps the status.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        if inner.closed.is_none() {
            let closed = Some(inner.status(Instant::now()));
            *inner = Inner {
                closed,
                ..Inner::default()
            };
        }
    }
}

impl Inner {
    fn status(&self, now: Instant) -> Option<HistoryStatus> {
        let (oldest, newest) = (self.frames.front()?, self.frames.back()?);
        let first_at = self.first_at?;
        let now_ms = milliseconds(now.saturating_duration_since(first_at)).max(newest.time_ms);
        // A younger stream can only have frames of its own age.
        let over = RECENT_FPS_WINDOW_MS.min(now_ms).max(1);
        let recent = self.times.since((now_ms + 1).saturating_sub(over));
        let evicted = self.times.first();
        Some(HistoryStatus {
            first_at,
            newest_at: newest.measured.arrived,
            newest_index: newest.index,
            oldest_at: oldest.measured.arrived,
            oldest_index: oldest.index,
            recent_fps: recent as f64 * 1_000.0 / over as f64,
            retained: self.times.len(),
            evicted,
            now_ms,
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;

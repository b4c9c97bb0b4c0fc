//! A stream's frames, kept for a while and within bounds (rule 20).

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

/// `recent_fps` counts the frames of this long.
const RECENT_FPS_WINDOW_MS: u64 = 2_000;
/// The frame rate of an answer is measured over no more frames than these.
const MAX_RATE_FRAMES: usize = 240;

/// A frame that is kept.
pub(crate) struct HistoryFrame {
    /// Its lifetime index.
    pub index: u64,
    /// Since the stream's first frame.
    pub time_ms: u64,
    /// With its picture.
    pub seen: MeasuredFrame,
    /// What the picture takes.
    bytes: usize,
}

/// What a URL stands for.
pub(crate) struct Selection {
    pub frames: Vec<Arc<HistoryFrame>>,
    /// The frame before a single one, which tells motion.
    pub before: Option<Arc<HistoryFrame>>,
    pub fps: Option<f64>,
}

/// What is told of a history.
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
    /// The position of the stream's clock.
    pub now_ms: u64,
}

pub(crate) struct History {
    /// No frame is older than the newest by more.
    max_age: Duration,
    /// The pictures together take no more.
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
    /// The stream is over: what could be told then.
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

    /// Keeps a decoded frame. Makes the picture that is kept here, on the decoder's thread.
    pub(crate) fn add_frame(&self, mut seen: MeasuredFrame, picture: &gst::Sample) {
        let jpeg: Jpeg = jpeg::encode(picture, self.jpeg_preset)
            .unwrap_or_default()
            .into();
        let kept = jpeg.clone();
        let later = || LazyCodes::new(move || jpeg::codes(&jpeg));
        seen.codes.get_or_insert_with(later);
        self.insert(seen, kept);
    }

    fn insert(&self, mut seen: MeasuredFrame, jpeg: Jpeg) {
        let bytes = jpeg.len();
        seen.picture = Some(LazyJpeg::ready(jpeg));
        let mut inner = lock(&self.inner);
        if inner.closed.is_some() {
            return;
        }
        let first_at = *inner.first_at.get_or_insert(seen.arrived);
        let time_ms = milliseconds(seen.arrived.saturating_duration_since(first_at));
        let (index, time_ms) = inner.times.push(time_ms);
        inner.bytes += bytes;
        inner.frames.push_back(Arc::new(HistoryFrame {
            index,
            time_ms,
            seen,
            bytes,
        }));
        let oldest = time_ms.saturating_sub(milliseconds(self.max_age));
        while inner.bytes > self.max_bytes || inner.times.oldest_time().is_some_and(|t| t < oldest)
        {
            // The newest frame stays, whatever it takes.
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
            fps: rate(inner.frames.range(recent).map(|kept| kept.seen.rtp_time)),
        })
    }

    /// `None`: there was no frame yet.
    pub(crate) fn status(&self) -> Option<HistoryStatus> {
        let inner = lock(&self.inner);
        match &inner.closed {
            Some(status) => status.clone(),
            None => inner.status(Instant::now()),
        }
    }

    /// Lets go of the frames; the status stay as they are.
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
        // A stream that is younger than that has not had more time to send them.
        let over = RECENT_FPS_WINDOW_MS.min(now_ms).max(1);
        let recent = self.times.since((now_ms + 1).saturating_sub(over));
        let evicted = self.times.first();
        Some(HistoryStatus {
            first_at,
            newest_at: newest.seen.arrived,
            newest_index: newest.index,
            oldest_at: oldest.seen.arrived,
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

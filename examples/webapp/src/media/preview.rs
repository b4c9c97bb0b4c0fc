// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The frames that are sent, as pictures, for browsers that cannot show the file itself. Without a viewer it costs
//! nothing, and it never holds a frame back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use tokio::sync::{broadcast, watch};

use super::preview_decoder::PreviewDecoder;
use crate::error::AppError;

/// The time from one picture to the next.
const INTERVAL: Duration = Duration::from_millis(200);
const MAX_WIDTH: i32 = 960;
const MAX_HEIGHT: i32 = 540;
const CONVERSION_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// How many may look at one session. Each costs some processor time.
const MAX_VIEWERS: usize = 4;
/// How many encoded frames may wait for a viewer. If it is too slow, it waits for the next key frame.
const MAX_QUEUED_FRAMES: usize = 64;

pub(crate) struct Preview {
    shared: Arc<Shared>,
}

struct Shared {
    viewers: AtomicUsize,
    next: Mutex<Instant>,
    /// The newest raw frame.
    newest: watch::Sender<Option<gst::Sample>>,
    /// Every frame of a source that is passed on without decoding, as of a webcam.
    encoded: broadcast::Sender<gst::Sample>,
}

impl Preview {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                viewers: AtomicUsize::new(0),
                next: Mutex::new(Instant::now()),
                newest: watch::Sender::new(None),
                encoded: broadcast::Sender::new(MAX_QUEUED_FRAMES),
            }),
        }
    }

    /// Takes the frames that pass this pad.
    pub(crate) fn watch(&self, pad: &gst::Pad) {
        let shared = Arc::downgrade(&self.shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(shared) = shared.upgrade()
                && let Some(buffer) = info.buffer()
            {
                shared.offer(pad, buffer);
            }
            gst::PadProbeReturn::Ok
        });
    }

    pub(crate) fn viewer(&self) -> Result<Viewer, AppError> {
        let viewers = self.shared.viewers.fetch_add(1, Ordering::Relaxed);
        let viewer = Viewer {
            raw: self.shared.newest.subscribe(),
            encoded: self.shared.encoded.subscribe(),
            decoder: None,
            next: Instant::now(),
            shared: self.shared.clone(),
        };
        if viewers >= MAX_VIEWERS {
            // Dropping the viewer takes it from the count.
            return Err(AppError::busy(format!(
                "{MAX_VIEWERS} pages show these frames already. Close one of them."
            )));
        }
        Ok(viewer)
    }
}

impl Shared {
    fn offer(&self, pad: &gst::Pad, buffer: &gst::Buffer) {
        if self.viewers.load(Ordering::Relaxed) == 0 {
            return;
        }
        let Some(caps) = pad.current_caps() else {
            return;
        };
        let sample = || gst::Sample::builder().buffer(buffer).caps(&caps).build();
        if caps
            .structure(0)
            .is_some_and(|format| format.has_name("video/x-raw"))
        {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            if Instant::now() >= *next {
                *next = Instant::now() + INTERVAL;
                self.newest.send_replace(Some(sample()));
            }
        } else {
            let _ = self.encoded.send(sample());
        }
    }
}

/// Dropping it ends the cost.
pub(crate) struct Viewer {
    shared: Arc<Shared>,
    raw: watch::Receiver<Option<gst::Sample>>,
    encoded: broadcast::Receiver<gst::Sample>,
    decoder: Option<PreviewDecoder>,
    /// When the next picture of decoded frames is due.
    next: Instant,
}

impl Viewer {
    /// The next frame as a JPEG. `None`: the session has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let frame = tokio::select! {
                changed = self.raw.changed() => {
                    changed.ok()?;
                    self.raw.borrow_and_update().clone()
                }
                sample = self.encoded.recv() => {
                    self.decode(sample).await;
                    None
                }
                frame = decoded(&mut self.decoder) => {
                    let is_due = Instant::now() >= self.next;
                    if is_due {
                        self.next = Instant::now() + INTERVAL;
                    }
                    frame.filter(|_| is_due)
                }
            };
            let Some(frame) = frame else { continue };
            let picture = tokio::task::spawn_blocking(move || to_jpeg(&frame)).await;
            // Frames in memory of a graphics card may not be convertible. Then there is no picture.
            if let Ok(Some(picture)) = picture {
                return Some(picture);
            }
        }
    }

    async fn decode(&mut self, sample: Result<gst::Sample, broadcast::error::RecvError>) {
        // After a gap, the decoder continues with the next key frame.
        let Ok(sample) = sample else { return };
        if !self
            .decoder
            .as_ref()
            .is_some_and(|decoder| decoder.takes(&sample))
        {
            let caps = sample.caps_owned();
            let starting = tokio::task::spawn_blocking(move || PreviewDecoder::start(&caps?).ok());
            self.decoder = starting.await.ok().flatten();
        }
        if let Some(decoder) = &self.decoder {
            decoder.push(&sample);
        }
    }
}

async fn decoded(decoder: &mut Option<PreviewDecoder>) -> Option<gst::Sample> {
    match decoder {
        Some(decoder) => decoder.next().await,
        None => std::future::pending().await,
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.shared.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn to_jpeg(sample: &gst::Sample) -> Option<Vec<u8>> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let (width, height) = fit(info.width().cast_signed(), info.height().cast_signed());
    let caps = gst::Caps::builder("image/jpeg")
        .field("width", width)
        .field("height", height)
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    let jpeg = gst_video::convert_sample(sample, &caps, Some(CONVERSION_TIMEOUT)).ok()?;
    let map = jpeg.buffer()?.map_readable().ok()?;
    Some(map.to_vec())
}

/// The size within the limits, with the same aspect ratio.
fn fit(width: i32, height: i32) -> (i32, i32) {
    let scale = (f64::from(MAX_WIDTH) / f64::from(width))
        .min(f64::from(MAX_HEIGHT) / f64::from(height))
        .min(1.0);
    let scaled = |size: i32| ((f64::from(size) * scale / 2.0).round() as i32 * 2).max(2);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_becomes_a_small_picture() {
        gst::init().expect("GStreamer starts");
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 1920, 800)
            .build()
            .expect("a format");
        let buffer = gst::Buffer::with_size(info.size()).expect("memory");
        let caps = info.to_caps().expect("caps");
        let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
        let jpeg = to_jpeg(&sample).expect("a picture");
        assert!(jpeg.starts_with(&[0xff, 0xd8]));
        // The frame header of a JPEG has the height and the width.
        let frame = jpeg
            .windows(9)
            .find(|bytes| bytes.starts_with(&[0xff, 0xc0]))
            .expect("a frame");
        assert_eq!(frame[5..9], [0x01, 0x90, 0x03, 0xc0], "960x400");
    }
}

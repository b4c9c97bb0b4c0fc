// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The frames that are sent, as pictures, for browsers that cannot show the file itself. Without a viewer it costs
//! nothing, and it never holds a frame back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use tokio::sync::watch;

use crate::error::AppError;

/// The time from one picture to the next.
const INTERVAL: Duration = Duration::from_millis(200);
const MAX_WIDTH: i32 = 960;
const MAX_HEIGHT: i32 = 540;
const CONVERSION_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// How many may look at one session. Each costs some processor time.
const MAX_VIEWERS: usize = 4;

pub(crate) struct Preview {
    shared: Arc<Shared>,
}

struct Shared {
    viewers: AtomicUsize,
    next: Mutex<Instant>,
    newest: watch::Sender<Option<gst::Sample>>,
}

impl Preview {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                viewers: AtomicUsize::new(0),
                next: Mutex::new(Instant::now()),
                newest: watch::Sender::new(None),
            }),
        }
    }

    /// Takes pictures of the raw frames that pass this pad.
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
            pictures: self.shared.newest.subscribe(),
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
        {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            if Instant::now() < *next {
                return;
            }
            *next = Instant::now() + INTERVAL;
        }
        let Some(caps) = pad.current_caps() else {
            return;
        };
        let is_raw = |caps: &gst::Caps| caps.structure(0)?.has_name("video/x-raw").then_some(());
        if is_raw(&caps).is_some() {
            let sample = gst::Sample::builder().buffer(buffer).caps(&caps).build();
            self.newest.send_replace(Some(sample));
        }
    }
}

/// Dropping it ends the cost.
pub(crate) struct Viewer {
    shared: Arc<Shared>,
    pictures: watch::Receiver<Option<gst::Sample>>,
}

impl Viewer {
    /// The next frame as a JPEG. `None`: the session has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            self.pictures.changed().await.ok()?;
            let Some(sample) = self.pictures.borrow_and_update().clone() else {
                continue;
            };
            let picture = tokio::task::spawn_blocking(move || to_jpeg(&sample)).await;
            // Frames in memory of a graphics card may not be convertible. Then there is no picture.
            if let Ok(Some(picture)) = picture {
                return Some(picture);
            }
        }
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

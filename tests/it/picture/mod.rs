// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the remote peer sees: pictures that are upright, not squeezed, and in the right colours.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use gst_video::prelude::*;
use overshoot_emulator::PictureSink;

mod colour;
mod device_encoder;
mod device_memory;
mod encoded_pictures;
mod orientation;

const TIMEOUT: Duration = Duration::from_secs(20);
/// How often a frame is pushed.
const FRAME_INTERVAL: Duration = Duration::from_millis(33);

type Rgb = [u8; 3];

/// The colours of the picture's quarters: up left, up right, down left, down right.
pub const QUARTERS: [Rgb; 4] = [[200, 50, 50], [50, 200, 50], [50, 50, 200], [200, 200, 200]];

/// How the pixels of a frame are stored.
#[derive(Debug, Clone, Copy)]
pub enum Pixels {
    Rgb,
    /// Full range.
    Gray,
    /// I420 of this colorimetry, with the weights of red and blue in its luma, and its range.
    Yuv(&'static str, f32, f32, bool),
}

pub const BT601: Pixels = Pixels::Yuv("bt601", 0.299, 0.114, false);
pub const BT709: Pixels = Pixels::Yuv("bt709", 0.2126, 0.0722, false);
pub const FULL_BT601: Pixels = Pixels::Yuv("1:4:0:0", 0.299, 0.114, true);
pub const FULL_BT709: Pixels = Pixels::Yuv("1:3:5:1", 0.2126, 0.0722, true);

impl Pixels {
    /// A frame with [`QUARTERS`], and its caps. The sides must be multiples of 4.
    pub fn frame(self, width: usize, height: usize) -> (gst::Caps, gst::Buffer) {
        let quarter = |x: usize, y: usize, width, height| {
            QUARTERS[usize::from(y >= height / 2) * 2 + usize::from(x >= width / 2)]
        };
        let builder = gst::Caps::builder("video/x-raw")
            .field("width", width as i32)
            .field("height", height as i32)
            .field("framerate", gst::Fraction::new(30, 1));
        let mut data = Vec::new();
        let caps = match self {
            Self::Rgb => {
                for at in 0..width * height {
                    data.extend(quarter(at % width, at / width, width, height));
                }
                builder.field("format", "RGB")
            }
            Self::Gray => {
                for at in 0..width * height {
                    let rgb = quarter(at % width, at / width, width, height);
                    data.push(yuv(rgb, 0.299, 0.114, true)[0]);
                }
                builder.field("format", "GRAY8")
            }
            Self::Yuv(colorimetry, kr, kb, full) => {
                for plane in 0..3 {
                    let (width, height) = match plane {
                        0 => (width, height),
                        _ => (width / 2, height / 2),
                    };
                    for at in 0..width * height {
                        let rgb = quarter(at % width, at / width, width, height);
                        data.push(yuv(rgb, kr, kb, full)[plane]);
                    }
                }
                builder
                    .field("format", "I420")
                    .field("colorimetry", colorimetry)
            }
        };
        (caps.build(), gst::Buffer::from_slice(data))
    }
}

fn yuv(rgb: Rgb, kr: f32, kb: f32, full: bool) -> [u8; 3] {
    let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (u, v) = ((b - y) / (2.0 - 2.0 * kb), (r - y) / (2.0 - 2.0 * kr));
    let (black, luma, chroma) = match full {
        true => (0.0, 255.0, 255.0),
        false => (16.0, 219.0, 224.0),
    };
    [black + y * luma, 128.0 + u * chroma, 128.0 + v * chroma].map(|value| value.round() as u8)
}

/// A picture that the remote peer decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub size: (u32, u32),
    /// The colours in the middle of the quarters, read as BT.601 with limited range. Receivers assume this of VP8,
    /// and those of LiveKit (libyuv) of every codec.
    pub quarters: [Rgb; 4],
    pub colorimetry: Option<String>,
}

impl Seen {
    fn of(sample: &gst::Sample) -> Option<Self> {
        let caps = sample.caps()?;
        let info = gst_video::VideoInfo::from_caps(caps).ok()?;
        let frame =
            gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
        let (width, height) = (info.width() as usize, info.height() as usize);
        let at = |plane: usize, x: usize, y: usize| {
            let stride = frame.plane_stride()[plane] as usize;
            f32::from(frame.plane_data(plane as u32).expect("a plane")[y * stride + x])
        };
        let quarters = std::array::from_fn(|n| {
            let (x, y) = (width * (1 + n % 2 * 2) / 4, height * (1 + n / 2 * 2) / 4);
            let luma = (at(0, x, y) - 16.0) / 219.0;
            let [u, v] = [1, 2].map(|plane| (at(plane, x / 2, y / 2) - 128.0) / 224.0);
            let (r, b) = (luma + 1.402 * v, luma + 1.772 * u);
            let g = (luma - 0.299 * r - 0.114 * b) / 0.587;
            [r, g, b].map(|value| (value * 255.0).clamp(0.0, 255.0).round() as u8)
        });
        let colorimetry = caps.structure(0)?.get("colorimetry").ok();
        Some(Self {
            size: (info.width(), info.height()),
            quarters,
            colorimetry,
        })
    }

    /// Whether these are the colours of the quarters, but for what the encoder changes.
    pub fn shows(&self, quarters: [Rgb; 4]) -> bool {
        let pairs = self
            .quarters
            .iter()
            .flatten()
            .zip(quarters.iter().flatten());
        pairs
            .clone()
            .all(|(seen, right)| seen.abs_diff(*right) <= 6)
    }
}

/// A service that reports every decoded picture.
pub fn watching_service(api: &str) -> (Service, Receiver<Seen>) {
    let (sender, seen) = channel();
    let sender = std::sync::Mutex::new(sender);
    let service = Service::of(api, |config| {
        config.on_picture = Some(PictureSink::new(move |_, sample, _| {
            if let Some(picture) = Seen::of(sample) {
                // This fails after the end of the test.
                let _ = sender.lock().expect("no panic").send(picture);
            }
        }));
    });
    (service, seen)
}

/// A live source of frames in front of the element.
pub struct Show {
    pub pipeline: Pipeline,
    source: gst_app::AppSrc,
    seen: Receiver<Seen>,
}

impl Show {
    /// `line`: from the source's frames to `overshootsink name=o`.
    pub fn start(service: &Service, seen: Receiver<Seen>, line: &str) -> Self {
        let show = Self::prepare(service, seen, line);
        show.pipeline.play();
        show
    }

    /// As [`Self::start`], but the pipeline is not started.
    pub fn prepare(service: &Service, seen: Receiver<Seen>, line: &str) -> Self {
        let pipeline = Pipeline::new(
            service,
            &format!("appsrc name=in is-live=true do-timestamp=true format=time ! {line}"),
        );
        let source = pipeline
            .pipeline
            .by_name("in")
            .and_downcast::<gst_app::AppSrc>()
            .expect("the source");
        Self {
            pipeline,
            source,
            seen,
        }
    }

    /// Tells the orientation of the frames that follow.
    pub fn tag(&self, scope: gst::TagScope, orientation: &str) {
        let mut tags = gst::TagList::new();
        let tags_mut = tags.make_mut();
        tags_mut.set_scope(scope);
        tags_mut.add::<gst::tags::ImageOrientation>(&orientation, gst::TagMergeMode::Replace);
        assert!(self.source.send_event(gst::event::Tag::new(tags)));
    }

    /// Pushes this frame until a picture arrives for which `condition` is true. Panics if none does.
    pub fn until(
        &self,
        pixels: Pixels,
        (width, height): (usize, usize),
        condition: impl Fn(&Seen) -> bool,
    ) -> Seen {
        let (caps, frame) = pixels.frame(width, height);
        self.repeat(&caps, &frame, condition)
    }

    /// As [`Self::until`], with interlaced frames.
    pub fn interlaced_until(
        &self,
        (width, height): (usize, usize),
        condition: impl Fn(&Seen) -> bool,
    ) -> Seen {
        let (mut caps, frame) = BT601.frame(width, height);
        caps.make_mut().set("interlace-mode", "interleaved");
        self.repeat(&caps, &frame, condition)
    }

    fn repeat(
        &self,
        caps: &gst::Caps,
        frame: &gst::Buffer,
        condition: impl Fn(&Seen) -> bool,
    ) -> Seen {
        self.source.set_caps(Some(caps));
        let deadline = Instant::now() + TIMEOUT;
        let mut last = None;
        while Instant::now() < deadline {
            let _ = self.source.push_buffer(frame.copy());
            std::thread::sleep(FRAME_INTERVAL);
            for picture in self.seen.try_iter() {
                if condition(&picture) {
                    return picture;
                }
                last = Some(picture);
            }
        }
        panic!(
            "{caps}: the last picture was {last:?}; failures {:?}",
            self.pipeline.failures()
        )
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Adapts the encoding chain to its input: the size, the orientation, and the colours.

use std::sync::Mutex;

use gst::prelude::*;

use super::colour_matrix;
use crate::lock::lock;
use crate::sink::codec::encoder_threads::EncoderThreads;
use crate::sink::codec::picture_size::{SizeLimits, fit};
use crate::sink::frames::orientation::Orientation;

/// Sets the properties of the chain whenever the input changes. It does so in the thread that carries the
/// frames, so that every frame is handled by its own caps and orientation.
pub struct InputFollower {
    /// The capsfilter behind the scaler.
    pub filter: gst::glib::WeakRef<gst::Element>,
    pub flip: gst::glib::WeakRef<gst::Element>,
    pub formats: gst::List,
    pub limits: SizeLimits,
    pub threads: Option<EncoderThreads>,
    pub input: Mutex<Input>,
}

/// The input so far.
#[derive(Default)]
pub struct Input {
    info: Option<gst_video::VideoInfo>,
    orientation: Orientation,
}

impl InputFollower {
    /// Follows the raw video that leaves `pad`.
    pub fn follow(self, pad: &gst::Pad) {
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let Some(gst::PadProbeData::Event(event)) = &mut info.data else {
                return gst::PadProbeReturn::Ok;
            };
            match event.view() {
                gst::EventView::Caps(caps) => {
                    if let Ok(info) = gst_video::VideoInfo::from_caps(caps.caps()) {
                        lock(&self.input).info = Some(info);
                        self.adapt();
                    }
                    let caps = with_convertible_range(caps.caps());
                    let changed = gst::event::Caps::builder(&caps).seqnum(event.seqnum());
                    *event = changed.build();
                }
                // EOS must pass the encoder even if there was no frame.
                gst::EventView::Eos(_) => self.threads.iter().for_each(EncoderThreads::release),
                _ => {
                    if let Some(orientation) = Orientation::of_event(event) {
                        self.turn(orientation);
                        return gst::PadProbeReturn::Handled;
                    }
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn turn(&self, orientation: Orientation) {
        let before = std::mem::replace(&mut lock(&self.input).orientation, orientation);
        if before == orientation {
            return;
        }
        if let Some(flip) = self.flip.upgrade() {
            flip.set_property("video-direction", orientation.method());
        }
        self.adapt();
    }

    /// Sets the size to scale to.
    fn adapt(&self) {
        let input = lock(&self.input);
        let (Some(filter), Some(info)) = (self.filter.upgrade(), &input.info) else {
            return;
        };
        let sideways = input.orientation.swaps_sides();
        let (width, height) = fit(info, sideways, self.limits);
        // The picture is scaled before it is turned.
        let (scaled_width, scaled_height) = match sideways {
            true => (height, width),
            false => (width, height),
        };
        // The remote peer gets BT.601 with limited range. VP8 is defined so (RFC 6386, 9.2). The other codecs could say
        // otherwise, but not every encoder writes it (openh264enc), and not every receiver reads it (libyuv, in LiveKit's
        // SDKs).
        let colorimetry = match colour_matrix::is_convertible(info) {
            true => info.colorimetry().to_string(),
            false => colour_matrix::BT601.to_owned(),
        };
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", self.formats.clone())
            .field("width", scaled_width as i32)
            .field("height", scaled_height as i32)
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
            .field("colorimetry", colorimetry)
            .build();
        drop(input);
        filter.set_property("caps", caps);
        if let Some(threads) = &self.threads {
            threads.fit(width, height);
        }
    }
}

/// videoconvertscale (GStreamer 1.22, tested) keeps the range if the matrix stays the same. So full-range BT.601
/// gets the name of the FCC's matrix, which differs by less than a level: both are then converted to BT.601.
fn with_convertible_range(caps: &gst::CapsRef) -> gst::Caps {
    use gst_video::{VideoColorMatrix as Matrix, VideoColorRange, VideoColorimetry};
    let mut caps = caps.to_owned();
    if let Ok(info) = gst_video::VideoInfo::from_caps(&caps)
        && (info.is_yuv() || info.is_gray())
        && info.colorimetry().range() == VideoColorRange::Range0_255
        && matches!(info.colorimetry().matrix(), Matrix::Bt601 | Matrix::Unknown)
    {
        let is = info.colorimetry();
        let range = VideoColorRange::Range0_255;
        let named = VideoColorimetry::new(range, Matrix::Fcc, is.transfer(), is.primaries());
        caps.make_mut().set("colorimetry", named.to_string());
    }
    caps
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Converts HD video from BT.709 to BT.601, at a tenth of what videoconvertscale takes for it.

use std::sync::Mutex;

use gst::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameRef, VideoInfo};
use overshoot_colour::{Chroma, Plane, bt709_to_bt601};

use crate::lock::lock;

/// BT.601 with limited range.
pub const BT601: &str = "bt601";

/// Whether this video can keep its colours up to [`convert_frames`].
pub fn is_convertible(video: &VideoInfo) -> bool {
    let colours = video.colorimetry();
    video.is_yuv()
        && !video.is_interlaced()
        && colours.matrix() == VideoColorMatrix::Bt709
        && colours.range() == VideoColorRange::Range16_235
}

/// Converts the frames that leave `pad` and are in BT.709.
pub fn convert_frames(pad: &gst::Pad) {
    let video = Mutex::new(None);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    let convertible = VideoInfo::from_caps(caps.caps())
                        .ok()
                        .filter(|video| is_convertible(video) && is_planar(video));
                    if convertible.is_some() {
                        let mut caps = caps.caps_owned();
                        caps.make_mut().set("colorimetry", BT601);
                        let converted = gst::event::Caps::builder(&caps);
                        *event = converted.seqnum(event.seqnum()).build();
                    }
                    *lock(&video) = convertible;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(video) = &*lock(&video) {
                    convert(video, buffer.make_mut());
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

fn is_planar(video: &VideoInfo) -> bool {
    matches!(video.format(), VideoFormat::I420 | VideoFormat::Nv12)
}

fn convert(video: &VideoInfo, buffer: &mut gst::BufferRef) {
    // A frame that cannot be mapped is one that the encoder rejects, too.
    let Ok(mut frame) = VideoFrameRef::from_buffer_ref_writable(buffer, video) else {
        return;
    };
    let strides = [0, 1, 2].map(|plane| {
        let stride = frame.plane_stride().get(plane).copied().unwrap_or_default();
        usize::try_from(stride).unwrap_or_default()
    });
    let width = video.width() as usize;
    let [luma, second, third, _] = frame.planes_data_mut();
    let plane = |data, n: usize| Plane {
        data,
        stride: strides[n],
    };
    let chroma = match video.format() {
        VideoFormat::Nv12 => Chroma::Interleaved(plane(second, 1)),
        _ => Chroma::Planar {
            u: plane(second, 1),
            v: plane(third, 2),
        },
    };
    bt709_to_bt601(width, plane(luma, 0), chroma);
}

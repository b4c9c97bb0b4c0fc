// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Converts HD video from BT.709 to BT.601, at a tenth of what videoconvertscale takes for it.

use std::sync::Mutex;

use gst::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameRef, VideoInfo};
use overshoot_colour::{Picture, Plane, bt709_to_bt601};

use crate::lock::lock;
use crate::sink::CAT;

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

/// Converts the frames that leave `pad` and are in BT.709. Their buffers stay as they are: the source, or another branch
/// of the application's pipeline, may still need them.
pub fn convert_frames(pad: &gst::Pad) {
    let converter = Mutex::new(None);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    let new = Converter::of(caps.caps());
                    if let Some(new) = &new {
                        let converted = gst::event::Caps::builder(&new.caps);
                        *event = converted.seqnum(event.seqnum()).build();
                    }
                    *lock(&converter) = new;
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                if let Some(converter) = &*lock(&converter)
                    && let Some(converted) = converter.convert(buffer)
                {
                    *buffer = converted;
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

struct Converter {
    from: VideoInfo,
    to: VideoInfo,
    /// The caps of converted frames.
    caps: gst::Caps,
    /// New memory for each frame would take as long as its conversion.
    pool: gst_video::VideoBufferPool,
}

impl Converter {
    /// `None` if the frames with these caps stay as they are.
    fn of(caps: &gst::CapsRef) -> Option<Self> {
        let from = VideoInfo::from_caps(caps).ok()?;
        let is_planar = matches!(from.format(), VideoFormat::I420 | VideoFormat::Nv12);
        if !is_planar || !is_convertible(&from) {
            return None;
        }
        let mut caps = caps.to_owned();
        caps.make_mut().set("colorimetry", BT601);
        let to = VideoInfo::from_caps(&caps).ok()?;
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), u32::try_from(to.size()).ok()?, 0, 0);
        pool.set_config(config).ok()?;
        pool.set_active(true).ok()?;
        Some(Self {
            from,
            to,
            caps,
            pool,
        })
    }

    /// `None` if a frame cannot be read: the encoder rejects it, too.
    fn convert(&self, buffer: &gst::BufferRef) -> Option<gst::Buffer> {
        let mut converted = self.pool.acquire_buffer(None).ok()?;
        let target = converted.make_mut();
        let what = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
        buffer.copy_into(target, what, ..).ok()?;
        let read = VideoFrameRef::from_buffer_ref_readable(buffer, &self.from).ok()?;
        let mut written = VideoFrameRef::from_buffer_ref_writable(target, &self.to).ok()?;
        let (from_strides, to_strides) = (strides(&read), strides(&written));
        let from = picture(self.from.format(), read.planes_data(), from_strides);
        let mut to = picture(self.to.format(), written.planes_data_mut(), to_strides);
        bt709_to_bt601(self.from.width() as usize, &from, &mut to);
        drop(written);
        Some(converted)
    }
}

impl Drop for Converter {
    fn drop(&mut self) {
        if self.pool.set_active(false).is_err() {
            gst::error!(CAT, obj = self.pool, "the pool cannot stop");
        }
    }
}

fn strides<F: gst_video::VideoFrameExt>(frame: &F) -> [usize; 3] {
    [0, 1, 2].map(|plane| {
        let stride = frame.plane_stride().get(plane).copied().unwrap_or_default();
        usize::try_from(stride).unwrap_or_default()
    })
}

fn picture<Bytes>(
    format: VideoFormat,
    [y, u, v, _]: [Bytes; 4],
    [y_stride, u_stride, v_stride]: [usize; 3],
) -> Picture<Bytes> {
    let plane = |data, stride| Plane { data, stride };
    let (y, u) = (plane(y, y_stride), plane(u, u_stride));
    match format {
        VideoFormat::Nv12 => Picture::Nv12([y, u]),
        _ => Picture::I420([y, u, plane(v, v_stride)]),
    }
}

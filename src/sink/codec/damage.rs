// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Frames that no encoder or payloader can use, because data is missing. Given one, these elements fail, and with them
//! the connection.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use gst_video::{VideoFormatFlags, VideoInfo, VideoMeta};

use super::device_memory::DeviceMemory;
use super::pictures::PictureCodec;
use super::video_codec::Codec;
use crate::session::error::{Error, Kind, Stage};

/// Whether data is missing in this frame. `codec`: `None` for raw video and for pictures that all stand alone. `has_ends`:
/// a picture of this source had an end, so the others must have one, too.
pub fn is_damaged(
    codec: Option<Codec>,
    caps: &gst::CapsRef,
    frame: &gst::BufferRef,
    has_ends: &AtomicBool,
) -> bool {
    match codec {
        _ if frame.size() == 0 => true,
        None => match PictureCodec::of_caps(caps) {
            // The size of a frame in the memory of a device is that of a handle.
            None if DeviceMemory::of_caps(caps).is_some() => false,
            None => is_short(caps, frame),
            Some(pictures) => {
                let data = frame.map_readable();
                match data.map_or(Some(false), |data| pictures.is_complete(&data)) {
                    Some(complete) => {
                        has_ends.fetch_or(complete, Relaxed);
                        !complete
                    }
                    None => has_ends.load(Relaxed),
                }
            }
        },
        // The parsers of the other codecs drop such frames.
        Some(Codec::Vp8) => frame.map_readable().is_ok_and(|data| !is_vp8(&data)),
        Some(_) => false,
    }
}

/// Whether a raw frame is shorter than its caps, or than its own description, say.
fn is_short(caps: &gst::CapsRef, frame: &gst::BufferRef) -> bool {
    let Ok(info) = VideoInfo::from_caps(caps) else {
        return false;
    };
    let Some(meta) = frame.meta::<VideoMeta>() else {
        return frame.size() < info.size();
    };
    if meta.width() < info.width() || meta.height() < info.height() {
        return true;
    }
    let format = info.format_info();
    // Their strides count tiles.
    if format.flags().contains(VideoFormatFlags::TILED) {
        return false;
    }
    (0..format.n_components()).any(|component| {
        let plane = format.plane()[component as usize] as usize;
        let rows = format.scale_height(component as u8, info.height()) as usize;
        let Ok(stride) = usize::try_from(meta.stride()[plane]) else {
            return false;
        };
        let last_row = stride.min(info.stride()[plane].unsigned_abs() as usize);
        meta.offset()[plane] + stride * rows.saturating_sub(1) + last_row > frame.size()
    })
}

/// Whether a VP8 frame has its header (RFC 6386, 9.1) and its first partition.
fn is_vp8(frame: &[u8]) -> bool {
    let Some(&[first, second, third]) = frame.first_chunk() else {
        return false;
    };
    let is_key = first & 1 == 0;
    let version = first >> 1 & 7;
    let partition = u32::from_le_bytes([first, second, third, 0]) >> 5;
    let header = if is_key { 10 } else { 3 };
    version <= 3
        && (!is_key || frame.get(3..6) == Some(&[0x9d, 0x01, 0x2a]))
        && frame.len() > header + partition as usize
}

/// The first damaged frame of a stream.
pub fn error() -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        "A frame was skipped, because data is missing in it: it is shorter than its caps say, or its header or its end is missing. More such frames are only counted (frames-dropped-damaged in the property stats). Check the source in front of overshootsink.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::{VideoFormat, VideoFrameFlags};

    fn raw(format: VideoFormat, size: impl FnOnce(usize) -> usize) -> bool {
        gst::init().expect("GStreamer");
        let info = VideoInfo::builder(format, 50, 30).build().expect("info");
        let frame = gst::Buffer::with_size(size(info.size())).expect("a buffer");
        is_damaged(
            None,
            &info.to_caps().expect("caps"),
            &frame,
            &AtomicBool::default(),
        )
    }

    #[test]
    fn raw_frames_have_the_size_of_their_caps() {
        for format in [VideoFormat::I420, VideoFormat::Nv12, VideoFormat::Rgb] {
            assert!(!raw(format, |size| size), "{format}");
            assert!(!raw(format, |size| size + 10), "{format}");
            assert!(raw(format, |size| size - 1), "{format}");
            assert!(raw(format, |_| 0), "{format}");
        }
    }

    #[test]
    fn raw_frames_have_the_size_of_their_meta() {
        gst::init().expect("GStreamer");
        let info = VideoInfo::builder(VideoFormat::I420, 50, 30).build();
        let caps = info.expect("info").to_caps().expect("caps");
        let damaged = |width, height, size: usize| {
            let mut frame = gst::Buffer::with_size(size).expect("a buffer");
            let offsets = [0, 64 * 30, 64 * 30 + 32 * 15];
            let added = VideoMeta::add_full(
                frame.make_mut(),
                VideoFrameFlags::empty(),
                VideoFormat::I420,
                width,
                height,
                &offsets,
                &[64, 32, 32],
            );
            added.map(drop).expect("the meta fits");
            // Shortened later, as by a faulty element.
            is_damaged(None, &caps, &frame, &AtomicBool::default())
        };
        assert!(!damaged(50, 30, 64 * 30 + 2 * 32 * 15));
        assert!(damaged(50, 20, 64 * 30 + 2 * 32 * 15));
    }

    #[test]
    fn pictures_have_an_end_if_others_have_one() {
        gst::init().expect("GStreamer");
        let caps = gst::Caps::new_empty_simple("image/jpeg");
        let has_ends = AtomicBool::default();
        let damaged = |data: &[u8]| {
            let frame = gst::Buffer::from_slice(data.to_vec());
            is_damaged(None, &caps, &frame, &has_ends)
        };
        let whole = [0xff, 0xd8, 0xff, 0xdb, 1, 0xff, 0xd9];
        assert!(damaged(&[]) && damaged(&[1, 2, 3]));
        // The camera may write no ends.
        assert!(!damaged(&whole[..5]));
        assert!(!damaged(&whole));
        assert!(damaged(&whole[..5]));
    }

    #[test]
    fn vp8_frames_have_a_header_and_a_partition() {
        // A key frame with a first partition of 5 bytes, and another frame with one of 4.
        let mut key = vec![5 << 5, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0];
        key.extend([0; 8]);
        assert!(is_vp8(&key));
        assert!(!is_vp8(&key[..12]) && !is_vp8(&key[..2]) && !is_vp8(&[]));
        let delta = [1 | 4 << 5, 0, 0, 0, 0, 0, 0, 0];
        assert!(is_vp8(&delta) && !is_vp8(&delta[..7]));
        key[3] = 0;
        assert!(!is_vp8(&key));
        assert!(!is_vp8(&[1 | 7 << 1, 0, 0, 0, 0]));
    }
}

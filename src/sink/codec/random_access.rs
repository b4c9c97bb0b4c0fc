// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Whether a decoder can begin at a frame. Parsers mark more frames as key frames than every decoder can begin at:
//! h264parse (1.22 to 1.28, read) also marks each I picture and each recovery point.

use super::nal_units::{NalUnits, codec_data, length_size, nal_type};
use super::video_codec::Codec;

/// What a decoder can do with a frame if it has seen no frame before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RandomAccess {
    /// Every decoder can begin here, and no later frame refers to an earlier one (H.264: IDR).
    Full,
    /// The parser calls it a key frame, but it is an I picture only, or the begin of a gradual refresh (recovery
    /// point). Some decoders begin here, others wait for an IDR.
    Partial,
    /// It depends on earlier frames.
    None,
}

impl RandomAccess {
    /// Judges a parsed frame of a codec; `None`: of raw video.
    pub fn of(codec: Option<Codec>, caps: Option<&gst::CapsRef>, frame: &gst::BufferRef) -> Self {
        let Some(codec) = codec else {
            return Self::Full;
        };
        if frame.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            return Self::None;
        }
        match caps.and_then(|caps| has_idr(codec, caps, frame)) {
            Some(false) => Self::Partial,
            // What can't be read is what its parser says.
            Some(true) | None => Self::Full,
        }
    }
}

/// `None`: the codec has no such difference, or the frame can't be read.
fn has_idr(codec: Codec, caps: &gst::CapsRef, frame: &gst::BufferRef) -> Option<bool> {
    let idr = match codec {
        // ITU-T H.264, table 7-1.
        Codec::H264 => 5..=5,
        // ITU-T H.265, table 7-1: BLA and IDR. After a CRA, pictures may refer to earlier ones.
        Codec::H265 => 16..=20,
        Codec::Vp8 | Codec::Vp9 | Codec::Av1 => return None,
    };
    let length_size = length_size(codec, &codec_data(caps)?.map_readable().ok()?)?;
    let frame = frame.map_readable().ok()?;
    Some(NalUnits::new(&frame, length_size).any(|nal| idr.contains(&nal_type(codec, nal))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 14] = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];
    const IDR: [u8; 6] = [0, 0, 0, 2, 0x65, 0x88];
    const I_PICTURE: [u8; 6] = [0, 0, 0, 2, 0x61, 0x88];

    fn caps() -> gst::Caps {
        gst::init().expect("GStreamer");
        gst::Caps::builder("video/x-h264")
            .field("codec_data", gst::Buffer::from_slice(RECORD))
            .build()
    }

    #[test]
    fn only_an_idr_is_full() {
        let caps = caps();
        let judge =
            |frame: &gst::BufferRef| RandomAccess::of(Some(Codec::H264), Some(&caps), frame);
        assert_eq!(judge(&gst::Buffer::from_slice(IDR)), RandomAccess::Full);
        let mut picture = gst::Buffer::from_slice(I_PICTURE);
        assert_eq!(judge(&picture), RandomAccess::Partial);
        picture.make_mut().set_flags(gst::BufferFlags::DELTA_UNIT);
        assert_eq!(judge(&picture), RandomAccess::None);
        // An H.265 frame: IDR_N_LP (20), and CRA (21).
        let record = [&[0; 21][..], &[0xff, 0]].concat();
        let caps = gst::Caps::builder("video/x-h265")
            .field("codec_data", gst::Buffer::from_slice(record))
            .build();
        for (kind, access) in [(20, RandomAccess::Full), (21, RandomAccess::Partial)] {
            let frame = gst::Buffer::from_slice([0, 0, 0, 2, kind << 1, 1]);
            let judged = RandomAccess::of(Some(Codec::H265), Some(&caps), &frame);
            assert_eq!(judged, access, "{kind}");
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Encoded frames to which no other frame refers, such as most B-frames: a decoder does without them.

use super::nal_units::{NalUnits, codec_data, length_size, nal_type};
use super::video_codec::Codec;

/// Whether no other frame refers to this one. `caps`: of parsed H.264 or H.265; of other codecs it is not known.
pub fn is_disposable(codec: Codec, caps: &gst::CapsRef, frame: &gst::BufferRef) -> bool {
    let record = codec_data(caps);
    record
        .as_ref()
        .and_then(|record| record.map_readable().ok())
        .zip(frame.map_readable().ok())
        .is_some_and(|(record, frame)| is_disposable_unit(codec, &record, &frame))
}

fn is_disposable_unit(codec: Codec, record: &[u8], frame: &[u8]) -> bool {
    let Some(length_size) = length_size(codec, record) else {
        return false;
    };
    // With temporal layers, frames of a higher layer may refer to those that are no reference in their own.
    if codec == Codec::H265 && h265_temporal_layers(record) != Some(1) {
        return false;
    }
    let mut slices = NalUnits::new(frame, length_size)
        .filter_map(|nal| is_reference(codec, nal))
        .peekable();
    slices.peek().is_some() && slices.all(|is_reference| !is_reference)
}

/// Whether other frames may refer to the frame of this slice; `None` if it is no slice.
fn is_reference(codec: Codec, nal: &[u8]) -> Option<bool> {
    let kind = nal_type(codec, nal);
    match codec {
        // nal_ref_idc (ITU-T H.264, 7.4.1).
        Codec::H264 => (1..=5).contains(&kind).then(|| nal[0] & 0x60 != 0),
        // The even ones below 16 are sub-layer non-reference pictures (ITU-T H.265, table 7-1).
        Codec::H265 => (kind < 32).then_some(kind >= 16 || kind % 2 == 1),
        _ => None,
    }
}

/// `numTemporalLayers` of the record (ISO/IEC 14496-15, 8.3.3.1.2); 0 if it is not known.
fn h265_temporal_layers(record: &[u8]) -> Option<u8> {
    record.get(21).map(|byte| byte >> 3 & 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of NAL units with these first bytes.
    fn unit(nals: &[u8]) -> Vec<u8> {
        nals.iter().flat_map(|nal| [0, 0, 0, 2, *nal, 1]).collect()
    }

    #[test]
    fn only_frames_without_a_reference_are_disposable() {
        let avc = [1, 66, 0, 31, 0xff];
        for (nals, disposable) in [
            (&[0x01][..], true),
            // Delimiter, SEI, two slices.
            (&[0x09, 0x06, 0x01, 0x01], true),
            (&[0x41], false),
            (&[0x01, 0x21], false),
            (&[0x67, 0x68, 0x65], false),
            (&[0x09], false),
            (&[], false),
        ] {
            let is = is_disposable_unit(Codec::H264, &avc, &unit(nals));
            assert_eq!(is, disposable, "{nals:x?}");
        }
        let mut hvc = [0; 22];
        hvc[21] = 1 << 3 | 3;
        for (kind, disposable) in [
            (0, true),
            (1, false),
            (8, true),
            (9, false),
            (19, false),
            (21, false),
        ] {
            let unit = unit(&[35 << 1, kind << 1]);
            assert_eq!(
                is_disposable_unit(Codec::H265, &hvc, &unit),
                disposable,
                "{kind}"
            );
        }
        for layers in [0, 2] {
            hvc[21] = layers << 3 | 3;
            assert!(!is_disposable_unit(Codec::H265, &hvc, &unit(&[0])));
        }
        assert!(!is_disposable_unit(Codec::H264, &[], &unit(&[0x01])));
    }
}

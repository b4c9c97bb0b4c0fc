// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The NAL units of parsed H.264 and H.265 frames, and the decoder configuration record in their caps (`avcC`, `hvcC`;
//! ISO/IEC 14496-15, 5.3.3 and 8.3.3).

use super::video_codec::Codec;

/// The decoder configuration record in the caps.
pub fn codec_data(caps: &gst::CapsRef) -> Option<gst::Buffer> {
    caps.structure(0)?.get("codec_data").ok()
}

/// Size in bytes of the length in front of each NAL unit.
pub fn length_size(codec: Codec, record: &[u8]) -> Option<usize> {
    let byte = match codec {
        Codec::H264 => record.get(4)?,
        _ => record.get(21)?,
    };
    Some(usize::from(byte & 3) + 1)
}

/// The parameter sets of the record, in its order.
pub fn parameter_sets(codec: Codec, record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut sets = Vec::new();
    match codec {
        Codec::H264 => {
            let mut rest = record.get(5..)?;
            // The counts: 5 bits for the SPS, 8 bits for the PPS.
            for mask in [0x1f, 0xff] {
                let count = take(&mut rest, 1)?[0] & mask;
                for _ in 0..count {
                    sets.push(take_with_length(&mut rest)?);
                }
            }
        }
        _ => {
            let mut rest = record.get(22..)?;
            for _ in 0..take(&mut rest, 1)?[0] {
                let kind = take(&mut rest, 1)?[0] & 0x3f;
                let count = take(&mut rest, 2)?;
                for _ in 0..u16::from_be_bytes([count[0], count[1]]) {
                    let nal = take_with_length(&mut rest)?;
                    if is_h265_parameter_set(kind) {
                        sets.push(nal);
                    }
                }
            }
        }
    }
    sets.retain(|set| !set.is_empty());
    Some(sets)
}

/// Whether a NAL unit is a parameter set.
pub fn is_parameter_set(codec: Codec, nal: &[u8]) -> bool {
    let kind = nal_type(codec, nal);
    match codec {
        Codec::H264 => matches!(kind, 7 | 8),
        _ => is_h265_parameter_set(kind),
    }
}

/// Whether a NAL unit is a part of a picture (ITU-T H.264 and H.265, table 7-1).
pub fn is_slice(codec: Codec, nal: &[u8]) -> bool {
    let kind = nal_type(codec, nal);
    match codec {
        Codec::H264 => matches!(kind, 1..=5),
        _ => kind < 32,
    }
}

/// VPS, SPS, PPS (ITU-T H.265, table 7-1).
fn is_h265_parameter_set(kind: u8) -> bool {
    matches!(kind, 32..=34)
}

/// `nal_unit_type` (ITU-T H.264, 7.3.1; H.265, 7.3.1.2). The unit is not empty.
pub fn nal_type(codec: Codec, nal: &[u8]) -> u8 {
    let header = nal.first().copied().unwrap_or_default();
    match codec {
        Codec::H264 => header & 0x1f,
        _ => header >> 1 & 0x3f,
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_with_length<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(rest, 2)?;
    take(
        rest,
        usize::from(u16::from_be_bytes([length[0], length[1]])),
    )
}

/// The NAL units of a frame in which each has its length in front. Empty units are left out; the first invalid length
/// ends it.
pub struct NalUnits<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> NalUnits<'a> {
    pub fn new(frame: &'a [u8], length_size: usize) -> Self {
        Self {
            rest: frame,
            length_size,
        }
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let length = take(&mut self.rest, self.length_size)?
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let nal = take(&mut self.rest, length)?;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    }
}

/// The NAL units of a byte stream (ITU-T H.264 and H.265, annex B). Zeros behind a unit do not belong to it.
pub fn split_byte_stream(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    const START_CODE: [u8; 3] = [0, 0, 1];
    let find = |stream: &[u8]| stream.windows(3).position(|bytes| bytes == START_CODE);
    stream = find(stream).map_or(&[], |start| &stream[start + 3..]);
    let units = std::iter::from_fn(move || {
        if stream.is_empty() {
            return None;
        }
        let end = find(stream);
        let (unit, rest) = stream.split_at(end.unwrap_or(stream.len()));
        stream = rest.get(3..).unwrap_or_default();
        let length = unit.iter().rposition(|byte| *byte != 0);
        Some(length.map_or(&[][..], |last| &unit[..=last]))
    });
    units.filter(|unit| !unit.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_split() {
        let units = |frame, size| NalUnits::new(frame, size).collect::<Vec<_>>();
        assert_eq!(units(&[0, 1, 7, 0, 0, 0, 2, 8, 9], 2), [&[7][..], &[8, 9]]);
        assert!(units(&[0, 0, 0, 9, 1], 4).is_empty());
        assert!(units(&[], 4).is_empty());
    }

    #[test]
    fn byte_streams_are_split() {
        let units = |stream| split_byte_stream(stream).collect::<Vec<_>>();
        assert_eq!(
            units(&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 0, 0, 0, 0, 1, 0x65, 9]),
            [&[0x67, 1][..], &[0x68], &[0x65, 9]]
        );
        assert!(units(&[0, 0, 1]).is_empty());
        assert!(units(&[0, 0, 1, 0, 0, 1]).is_empty());
        assert!(units(&[1, 2, 3]).is_empty());
        assert!(units(&[]).is_empty());
    }

    #[test]
    fn parameter_sets_are_read() {
        let avc = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];
        assert_eq!(length_size(Codec::H264, &avc), Some(4));
        let sets = parameter_sets(Codec::H264, &avc).expect("a record");
        assert_eq!(sets, [&[0x67, 1][..], &[0x68]]);
        assert!(is_parameter_set(Codec::H264, sets[0]));

        let mut hevc = vec![0; 21];
        // Two arrays: one VPS (type 32), one SEI (type 39).
        hevc.extend_from_slice(&[0xff, 2, 0xa0, 0, 1, 0, 2, 0x40, 1, 0x27, 0, 1, 0, 1, 0x4e]);
        assert_eq!(length_size(Codec::H265, &hevc), Some(4));
        let sets = parameter_sets(Codec::H265, &hevc).expect("a record");
        assert_eq!(sets, [&[0x40, 1][..]]);

        assert_eq!(parameter_sets(Codec::H264, &avc[..9]), None);
        assert_eq!(parameter_sets(Codec::H265, &hevc[..24]), None);
    }
}

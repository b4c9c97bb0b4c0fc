// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads from an H.264 stream what passthrough needs to know: its profile, and whether it has B-frames
//! (ITU-T H.264; ISO/IEC 14496-15 for `avcC` and the length prefixes).

use h264_reader::avcc::AvcDecoderConfigurationRecord;
use h264_reader::nal::sps::{PicOrderCntType, SeqParameterSet};
use h264_reader::nal::{Nal, RefNal, UnitType};
use h264_reader::rbsp::BitRead;

use super::nal_units::NalUnits;

/// The contents of an `avcC` record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig {
    /// `profile-level-id` of RFC 6184, 8.1, in hex.
    pub profile_level_id: String,
    /// Whether the display order may differ from the order of sending. `None` if the stream does not
    /// specify it.
    pub reordered: Option<bool>,
    /// Size in bytes of the length prefix of each NAL unit.
    pub length_size: usize,
}

impl AvcConfig {
    /// `None` if the record is invalid.
    pub fn parse(codec_data: &[u8]) -> Option<Self> {
        let record = AvcDecoderConfigurationRecord::try_from(codec_data).ok()?;
        let nal = record.sequence_parameter_sets().next()?.ok()?;
        // h264-reader 0.9 (tested) accepts an empty parameter set, and panics when it reads it.
        nal.first()?;
        let sps = SeqParameterSet::from_bits(RefNal::new(nal, &[], true).rbsp_bits()).ok()?;
        Some(Self {
            profile_level_id: format!("{:02x}{:02x}{:02x}", nal.get(1)?, nal.get(2)?, nal.get(3)?),
            reordered: reordered(&sps),
            length_size: usize::from(record.length_size_minus_one()) + 1,
        })
    }
}

fn reordered(sps: &SeqParameterSet) -> Option<bool> {
    const BASELINE: u8 = 66;
    // Baseline has no B slices (A.2.1). Type 2 means: output in decoding order (8.2.1.3).
    if u8::from(sps.profile_idc) == BASELINE
        || matches!(sps.pic_order_cnt, PicOrderCntType::TypeTwo)
    {
        return Some(false);
    }
    let restrictions = sps
        .vui_parameters
        .as_ref()
        .and_then(|vui| vui.bitstream_restrictions.as_ref());
    restrictions.map(|restrictions| restrictions.max_num_reorder_frames > 0)
}

/// Whether an access unit has a B slice. Each NAL unit has a length prefix of `length_size` bytes.
pub fn has_b_slice(unit: &[u8], length_size: usize) -> bool {
    let slice = NalUnits::new(unit, length_size)
        .map(|nal| RefNal::new(nal, &[], true))
        .find(|nal| {
            nal.header().is_ok_and(|header| {
                matches!(
                    header.nal_unit_type(),
                    UnitType::SliceLayerWithoutPartitioningNonIdr
                        | UnitType::SliceLayerWithoutPartitioningIdr
                )
            })
        });
    // The standard allows slices of different types in a picture, but no encoder mixes them: the first slice is enough.
    slice.is_some_and(|slice| is_b(slice.rbsp_bits()).unwrap_or(false))
}

/// 7.3.3: `first_mb_in_slice`, `slice_type`; types 1 and 6 are B (table 7-6).
fn is_b(mut bits: impl BitRead) -> Option<bool> {
    bits.read_ue("first_mb_in_slice").ok()?;
    let slice_type = bits.read_ue("slice_type").ok()?;
    Some(slice_type % 5 == 1)
}

#[cfg(test)]
mod tests {
    use gst::prelude::*;

    use super::*;

    /// The `avcC` record and the access units that a real encoder outputs.
    fn encoded(encoder: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
        gst::init().expect("GStreamer");
        let line = format!(
            "videotestsrc num-buffers=12 pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 \
             ! {encoder} ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=s sync=false"
        );
        let pipeline = gst::parse::launch(&line).expect("a pipeline");
        let sink = pipeline
            .downcast_ref::<gst::Bin>()
            .and_then(|bin| bin.by_name("s"))
            .and_downcast::<gst_app::AppSink>()
            .expect("an appsink");
        pipeline.set_state(gst::State::Playing).expect("PLAYING");
        let (mut record, mut units) = (Vec::new(), Vec::new());
        while let Ok(sample) = sink.pull_sample() {
            let caps = sample.caps().expect("caps");
            let data = caps
                .structure(0)
                .expect("a structure")
                .get::<gst::Buffer>("codec_data");
            record = data
                .expect("codec_data")
                .map_readable()
                .expect("mapped")
                .to_vec();
            let buffer = sample.buffer().expect("a buffer");
            units.push(buffer.map_readable().expect("mapped").to_vec());
        }
        pipeline.set_state(gst::State::Null).expect("NULL");
        (record, units)
    }

    #[test]
    fn b_frames_are_detected() {
        for (encoder, profile, reordered) in [
            (
                "x264enc tune=zerolatency ! video/x-h264,profile=constrained-baseline",
                "42c0",
                false,
            ),
            (
                "x264enc bframes=0 ! video/x-h264,profile=main",
                "4d40",
                false,
            ),
            (
                "x264enc bframes=3 b-adapt=false ! video/x-h264,profile=high",
                "6400",
                true,
            ),
        ] {
            let (record, units) = encoded(encoder);
            let record = AvcConfig::parse(&record).expect("a record");
            assert!(record.profile_level_id.starts_with(profile), "{record:?}");
            assert_eq!(record.reordered, Some(reordered), "{encoder}");
            assert_eq!(units.len(), 12);
            let b = units
                .iter()
                .filter(|unit| has_b_slice(unit, record.length_size));
            assert_eq!(b.count() > 0, reordered, "{encoder}");
        }
    }

    #[test]
    fn invalid_input_does_not_panic() {
        assert_eq!(AvcConfig::parse(&[]), None);
        assert_eq!(AvcConfig::parse(&[1, 2, 3, 4, 5, 6, 7, 8]), None);
        let empty = [1, 66, 0, 30, 0xff, 0xe1, 0, 0, 0x27];
        assert_eq!(AvcConfig::parse(&[&empty[..], &[0; 200]].concat()), None);
        assert!(!has_b_slice(&[0, 0, 0, 9, 1], 4));
        assert!(!has_b_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0x41], 4));
    }
}

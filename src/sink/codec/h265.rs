// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads from an H.265 stream what passthrough needs to know: whether it has B-frames (ITU-T H.265, 7.3.2.2). Every
//! sequence parameter set says so.

use std::num::NonZero;

use h264_reader::rbsp::{BitRead, BitReader, ByteReader};

use super::nal_units::{nal_type, parameter_sets};
use super::video_codec::Codec;

/// The length of a NAL unit's header in bytes.
const HEADER_BYTES: NonZero<usize> = NonZero::new(2).unwrap();
/// `nal_unit_type` of a sequence parameter set.
const SPS: u8 = 33;

/// Whether the display order may differ from the order of sending. `hvcc`: the decoder configuration record. `None` if
/// it can't be read.
pub fn is_reordered(hvcc: &[u8]) -> Option<bool> {
    let sets = parameter_sets(Codec::H265, hvcc)?;
    let sps = sets
        .into_iter()
        .find(|set| nal_type(Codec::H265, set) == SPS)?;
    let bytes = ByteReader::skipping_bytes(sps, HEADER_BYTES);
    max_reordered_pictures(BitReader::new(bytes)).map(|pictures| pictures > 0)
}

/// `sps_max_num_reorder_pics` of the highest temporal layer. What stands before it is skipped.
fn max_reordered_pictures(mut sps: impl BitRead) -> Option<u32> {
    sps.skip(4, "sps_video_parameter_set_id").ok()?;
    let max_sub_layers_minus1: u32 = sps.read::<3, _>("sps_max_sub_layers_minus1").ok()?;
    sps.skip(1, "sps_temporal_id_nesting_flag").ok()?;
    skip_profile_tier_level(&mut sps, max_sub_layers_minus1)?;
    sps.read_ue("sps_seq_parameter_set_id").ok()?;
    if sps.read_ue("chroma_format_idc").ok()? == 3 {
        sps.skip(1, "separate_colour_plane_flag").ok()?;
    }
    sps.read_ue("pic_width_in_luma_samples").ok()?;
    sps.read_ue("pic_height_in_luma_samples").ok()?;
    if sps.read_bit("conformance_window_flag").ok()? {
        for _ in 0..4 {
            sps.read_ue("conf_win_offset").ok()?;
        }
    }
    sps.read_ue("bit_depth_luma_minus8").ok()?;
    sps.read_ue("bit_depth_chroma_minus8").ok()?;
    sps.read_ue("log2_max_pic_order_cnt_lsb_minus4").ok()?;
    let first = match sps
        .read_bit("sps_sub_layer_ordering_info_present_flag")
        .ok()?
    {
        true => 0,
        false => max_sub_layers_minus1,
    };
    let mut pictures = 0;
    for _ in first..=max_sub_layers_minus1 {
        sps.read_ue("sps_max_dec_pic_buffering_minus1").ok()?;
        pictures = sps.read_ue("sps_max_num_reorder_pics").ok()?;
        sps.read_ue("sps_max_latency_increase_plus1").ok()?;
    }
    Some(pictures)
}

/// 7.3.3, with `profilePresentFlag`.
fn skip_profile_tier_level(sps: &mut impl BitRead, max_sub_layers_minus1: u32) -> Option<()> {
    const PROFILE_BITS: u32 = 88;
    const LEVEL_BITS: u32 = 8;
    sps.skip(PROFILE_BITS + LEVEL_BITS, "general").ok()?;
    let mut sub_layers = Vec::new();
    for _ in 0..max_sub_layers_minus1 {
        let profile = sps.read_bit("sub_layer_profile_present_flag").ok()?;
        let level = sps.read_bit("sub_layer_level_present_flag").ok()?;
        sub_layers.push((profile, level));
    }
    if max_sub_layers_minus1 > 0 {
        // Two bits for each of the layers up to the eighth.
        sps.skip(2 * (8 - max_sub_layers_minus1), "reserved_zero_2bits")
            .ok()?;
    }
    for (profile, level) in sub_layers {
        let bits = u32::from(profile) * PROFILE_BITS + u32::from(level) * LEVEL_BITS;
        sps.skip(bits, "sub_layer").ok()?;
    }
    Some(())
}

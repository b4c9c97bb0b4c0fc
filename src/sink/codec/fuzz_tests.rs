// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes the H.264 parsers: their input comes from cameras and files.

use super::h264::{self, AvcConfig};
use crate::fuzz::fuzz;

#[test]
fn codec_data() {
    fuzz("codec-data", &["\0", "\u{1}", "\u{0}\u{0}\u{3}"], |input| {
        let record = AvcConfig::parse(input);
        if let Some(record) = &record {
            assert!((1..=4).contains(&record.length_size));
            assert_eq!(record.profile_level_id.len(), 6);
        }
        record.is_some()
    });
}

#[test]
fn access_units() {
    fuzz(
        "access-unit",
        &["\0", "\u{1}", "\u{0}\u{0}\u{3}", "\u{0}\u{0}\u{0}\u{1}"],
        |input| {
            let Some((length_size, unit)) = input.split_first() else {
                return false;
            };
            h264::has_b_slice(unit, usize::from(length_size % 4) + 1)
        },
    );
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Codecs: which ones are offered, which encoder is used for each, and which encoded input is passed
//! through without re-encoding.
//!
//! This room may not use any other room. It creates and configures encoder and payloader elements; the
//! pipeline around them is built in `webrtc`.

pub mod damage;
pub mod decoder;
pub mod device_memory;
pub mod device_probe;
pub mod device_route;
pub mod device_scaler;
pub mod disposable;
pub mod encoder;
pub mod encoder_probe;
pub mod encoder_settings;
pub mod encoder_threads;
#[cfg(test)]
mod fuzz_tests;
pub mod h264;
pub mod h265;
pub mod input_format;
pub mod nal_units;
pub mod offer;
pub mod parameter_sets;
pub mod passthrough;
pub mod picture_size;
pub mod pictures;
pub mod probe_chain;
pub mod random_access;
pub mod video_codec;

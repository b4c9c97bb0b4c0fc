// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Brings a camera's video into a pipeline, encoded if overshootsink takes this codec.
//!
//! `rtsp` requests the tracks of an RTSP camera, `uri` reads everything else. `link` puts parsers between, `sound` takes
//! the sound aside, `notice` says which tracks there are, and `packages` which package is missing.

mod link;
mod notice;
mod packages;
mod rtsp;
mod sound;
mod uri;

use std::sync::Arc;

use gst::prelude::*;

use super::fault::Fault;
use super::sound::Sound;
use crate::config::CameraUrl;

pub use link::Purpose;
pub use notice::{Notice, Track};
pub use packages::{make, missing_plugin};
pub use sound::is_of_sound;

/// How long a camera may take to respond.
pub const CAMERA_TIMEOUT_SECONDS: u32 = 10;

/// Adds the source of a camera, which links itself to `input` when its video begins. It does no I/O. `sound` gets the
/// camera's sound, if it has any.
pub fn add(
    pipeline: &gst::Pipeline,
    url: &CameraUrl,
    input: &gst::Pad,
    purpose: Purpose,
    sound: Option<Arc<Sound>>,
) -> Result<(), Fault> {
    let source = match url.is_rtsp() {
        true => rtsp::build(url, input, purpose, sound)?,
        false if url.device().is_some() => return uri::add_device(pipeline, url, input),
        false => uri::build(url, input, purpose, sound)?,
    };
    pipeline.add(&source).map_err(Fault::broken)
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is done with GStreamer besides asking: pipelines, checks of uploads, webcams.
//!
//! `pipeline` starts and stops pipelines, `probe` checks whether a file is a video, `webcam` receives a
//! browser's camera by WebRTC. The element itself is in `session/stream.rs`, not here.

mod pipeline;
mod probe;
mod webcam;

pub(crate) use pipeline::{Pipeline, add, link, make};
pub(crate) use probe::{EXTENSIONS, check_video, find_extension};
pub(crate) use webcam::Webcam;

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is done with GStreamer besides asking: pipelines, checks of uploads, webcams.
//!
//! `pipeline` starts and stops pipelines, `probe` checks whether a file is a video, `webcam` receives a
//! browser's camera by WebRTC. `file` plays a file. `camera` receives an RTSP camera through a `relay` with an
//! `rtsp_guard`, `download` fetches files; `address` says which hosts they may connect to. `video_clock` finds the place
//! of a frame in a file, `preview` makes pictures of frames, with a `preview_decoder` of encoded ones. The element itself
//! is in `session/stream.rs`, not here.

mod address;
mod camera;
mod download;
mod file;
mod pipeline;
mod preview;
mod preview_decoder;
mod probe;
mod relay;
mod rtsp_guard;
mod video_clock;
mod webcam;

pub(crate) use camera::Camera;
pub(crate) use download::download;
pub(crate) use file::{FilePlayer, Playback};
pub(crate) use relay::Relay;

pub(crate) use pipeline::{Pipeline, add};
pub(crate) use preview::Preview;
pub(crate) use probe::{EXTENSIONS, check_video, find_extension};
pub(crate) use video_clock::VideoClock;
pub(crate) use webcam::Webcam;

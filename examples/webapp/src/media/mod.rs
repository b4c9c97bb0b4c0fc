// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is done with GStreamer besides asking: pipelines, checks of uploads, webcams.
//!
//! `pipeline` starts and stops pipelines, `probe` checks whether a file is a video, `webcam` receives a
//! browser's camera by WebRTC. `file` plays a file. `camera` receives a camera by its URL: with RTSP through a `relay` with
//! an `rtsp_guard`, with HTTP by `mjpeg`, whose pictures `multipart` splits; `camera_link` owns the task of both. `download`
//! fetches files. `http_get` makes all HTTP requests, authorised by `digest` or by basic authentication, and `address` says
//! which hosts may be connected to. `video_clock` finds the place of a frame in a file, `preview` makes pictures of frames,
//! with a `preview_decoder` of encoded ones. The element itself is in `session/stream.rs`, not here.

mod address;
mod camera;
mod camera_link;
mod digest;
mod download;
mod file;
mod http_get;
mod mjpeg;
mod multipart;
mod pipeline;
mod preview;
mod preview_decoder;
mod probe;
mod relay;
mod rtsp_guard;
mod video_clock;
mod webcam;

pub(crate) use camera::Camera;
pub(crate) use camera_link::CameraLink;
pub(crate) use download::{Found, download};
pub(crate) use file::{FilePlayer, Playback};
pub(crate) use pipeline::{Pipeline, add};
pub(crate) use preview::Preview;
pub(crate) use probe::{EXTENSIONS, check_video, find_extension};
pub(crate) use video_clock::VideoClock;
pub(crate) use webcam::Webcam;

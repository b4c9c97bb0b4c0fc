// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Evidence: the pictures that answers are about, and the video around alerts.
//!
//! `keeper` is the whole of it: what is kept of the video, and who asks for it. `worker` does what takes time. Raw video is kept as JPEG pictures of the
//! frames that are sent (`still_ring`, made by `jpeg_encoder`). Encoded video is kept as it came (`packet_ring`), and
//! a frame of it is decoded only when an answer needs it (`packet_decoder`). `files` gives files their names,
//! `clip` decides which frames belong to a clip, and `clip_writer` writes it.
//!
//! This room may use `codec`, `config` and `frames`. Everything in memory is bounded by bytes. No streaming thread waits
//! for a file or a decoder.

mod clip;
mod clip_writer;
mod files;
mod jpeg_encoder;
pub mod keeper;
mod packet_decoder;
mod packet_ring;
mod still_ring;
mod taps;
mod worker;

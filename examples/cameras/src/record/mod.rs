// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings: the seconds around an event, in the bytes that the camera sent. Nothing is encoded again.
//!
//! `recorder` sees every frame on the streaming thread, which never waits for a disk. `ring_buffer` keeps
//! the last seconds in memory. `file_writer` writes a file, on a thread of its own. When to record is
//! decided in `camera/trigger.rs`, not here.

mod file_writer;
mod recorder;
mod ring_buffer;

pub use recorder::Recorder;

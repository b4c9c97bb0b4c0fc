// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Sessions: one video or webcam, with everything that is asked about it.
//!
//! `task` owns a session and is the only place that changes its state. `source` is its video, `settings` what
//! the user asked for: `fields` is their table, `adapt` fits them to the service, `structure` makes structures of
//! JSON. `stream` is one run of the element, `messages` what the element posts, `words` their translation for users,
//! `events` what watchers get, `progress` its place in the video and its cost. HTTP is in `http/`, GStreamer helpers
//! are in `media/`.

mod adapt;
mod events;
mod fields;
mod messages;
mod progress;
mod settings;
mod source;
mod stream;
mod structure;
mod task;
mod words;

pub(crate) use adapt::{Asked, needs_models};
pub(crate) use events::Snapshot;
pub(crate) use fields::{FIELDS, Field, Kind};
pub(crate) use messages::to_error;
pub(crate) use progress::{Progress, VideoInfo};
pub(crate) use settings::{StreamSettings, read_prompt};
pub(crate) use source::{Source, Upload};
pub(crate) use stream::make_element;
pub(crate) use task::{Session, Shared, Task};

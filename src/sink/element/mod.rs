// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The GObject: properties, pads, state changes, signals, and the parser and decoder in front of the
//! appsink.
//!
//! This room may use all other rooms. No code here waits for the network: slow work is a request to the
//! controller or a task on the shared runtime. (Stopping waits for the controller, with a time limit.)

pub mod alert;
mod ask;
mod async_start;
mod budget;
mod detected_objects;
mod evidence;
pub mod get_models;
pub mod host;
pub mod imp;
pub mod input;
pub mod lifecycle;
mod object;
pub mod output;
mod picture;
pub mod preroll;
pub mod prompt;
mod run;
mod sample;
pub mod set_question;
pub mod signals;
pub mod state;
pub mod submit_feedback;
pub mod transcode;
mod trigger;
mod untimed;
mod viewer;

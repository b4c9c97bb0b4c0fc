// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The pipelines inside of elements. The end of the process stops their threads (`at_exit`).

use std::sync::Mutex;

use gst::glib;
use gst::prelude::*;

use crate::lock::lock;

static PIPELINES: Mutex<Vec<glib::WeakRef<gst::Pipeline>>> = Mutex::new(Vec::new());

/// Adds a pipeline.
pub fn register(pipeline: &gst::Pipeline) {
    let mut pipelines = lock(&PIPELINES);
    pipelines.retain(|pipeline| pipeline.upgrade().is_some());
    pipelines.push(pipeline.downgrade());
}

/// Stops the threads of all of them, for the end of the process. They cannot be used any more.
pub fn stop_all() {
    let pipelines = std::mem::take(&mut *lock(&PIPELINES));
    for pipeline in pipelines.iter().filter_map(glib::WeakRef::upgrade) {
        // The process ends: nobody can be told.
        let _ = pipeline.set_state(gst::State::Null);
    }
}

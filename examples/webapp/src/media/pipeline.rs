// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A pipeline that always stops, and helpers that build pipelines.

use gst::prelude::*;

use crate::error::AppError;

/// A pipeline. Dropping it stops it.
pub(crate) struct Pipeline(gst::Pipeline);

impl Pipeline {
    pub(crate) fn new() -> Self {
        let pipeline = gst::Pipeline::new();
        // All pipelines use the system clock, so that they can share timestamps.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        Self(pipeline)
    }

    pub(crate) fn get(&self) -> &gst::Pipeline {
        &self.0
    }

    pub(crate) fn messages(&self) -> Result<gst::bus::BusStream, AppError> {
        let bus = self.0.bus();
        bus.map(|bus| bus.stream())
            .ok_or_else(|| AppError::internal("The pipeline has no bus."))
    }

    /// Sets the pipeline to NULL. The element deletes its stream at the service first, so this may take some
    /// seconds.
    pub(crate) async fn stop(self) {
        if tokio::task::spawn_blocking(move || drop(self))
            .await
            .is_err()
        {
            eprintln!("overshoot-webapp: a pipeline panicked while it stopped");
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_state(gst::State::Null) {
            eprintln!("overshoot-webapp: a pipeline could not be stopped: {error}");
        }
    }
}

pub(crate) fn make(name: &str) -> Result<gst::Element, AppError> {
    gst::ElementFactory::make(name).build().map_err(|error| {
        AppError::internal(format!(
            "{error}. Install the base, good and bad plugins of GStreamer and the plugin of libnice."
        ))
    })
}

pub(crate) fn add(pipeline: &gst::Pipeline, element: &gst::Element) -> Result<(), AppError> {
    pipeline.add(element).map_err(AppError::unexpected)
}

pub(crate) fn link(from: &gst::Element, to: &gst::Element) -> Result<(), AppError> {
    from.link(to).map_err(AppError::unexpected)
}

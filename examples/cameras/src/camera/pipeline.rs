// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A camera's pipeline: passes its video to the element, encoded if possible. The element also records it.
//!
//! ```text
//! (the source) ! identity ! overshootsink on-error=warn
//!              ! (the sound, if it is recorded)
//! ```
//!
//! `source/` builds the source and what takes the sound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gstovershoot::sink::enums::Evidence;

use super::fault::Fault;
use super::sound::Sound;
use super::source::{self, Purpose};
use crate::config::{Camera, Mode, Trigger};
use crate::service::Address;

/// Runs from [`CameraPipeline::start`] to [`CameraPipeline::stop`].
#[derive(Debug)]
pub struct CameraPipeline {
    pipeline: gst::Pipeline,
    sink: gst::Element,
    frames: Arc<AtomicU64>,
    sound: Option<Arc<Sound>>,
}

impl CameraPipeline {
    /// Builds the pipeline around this element. It does no I/O.
    pub fn new(camera: &Camera, sink: &gst::Element, key: &str) -> Result<Self, Fault> {
        let pipeline = gst::Pipeline::new();
        // It is there before the source's pad.
        let entry = source::make("identity")?;
        sink.set_property("api-key", key);
        pipeline.add_many([&entry, sink]).map_err(Fault::broken)?;
        entry.link(sink).map_err(Fault::broken)?;
        let frames = Arc::new(AtomicU64::new(0));
        let counted = frames.clone();
        let input = entry
            .static_pad("sink")
            .ok_or_else(|| Fault::failed("the identity has no pad"))?;
        input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let trigger = camera.trigger.as_ref().filter(|trigger| trigger.sound);
        let sound = trigger.map(|trigger| Arc::new(Sound::new(trigger)));
        source::add(&pipeline, &camera.url, &input, Purpose::Run, sound.clone())?;
        // The messages posted while the pipeline stops are read afterwards.
        pipeline.set_auto_flush_bus(false);
        Ok(Self {
            pipeline,
            sink: sink.clone(),
            frames,
            sound,
        })
    }

    pub fn bus(&self) -> Option<gst::Bus> {
        self.pipeline.bus()
    }

    /// Its sound, if it is recorded.
    pub fn sound(&self) -> Option<Arc<Sound>> {
        self.sound.clone()
    }

    /// Starts the pipeline. This may block for a moment. Errors are posted on the bus.
    pub fn start(&self) {
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    /// Stops the pipeline and deletes the stream at the service. This may block for some seconds.
    pub fn stop(&self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }

    /// Frames received from the camera so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub fn frames_sent(&self) -> u64 {
        let stats: gst::Structure = self.sink.property("stats");
        stats.get("frames-sent").unwrap_or_default()
    }

    /// Whether there is a stream at the service. The service bills it.
    pub fn has_stream(&self) -> bool {
        let id: Option<String> = self.sink.property("stream-id");
        id.is_some_and(|id| !id.is_empty())
    }
}

impl Drop for CameraPipeline {
    fn drop(&mut self) {
        self.stop();
        // The next turn's pipeline gets the element. It is in this one.
        let _ = self.pipeline.remove(&self.sink);
    }
}

/// Builds the element of a camera, without a key.
pub fn build_sink(camera: &Camera, address: &Address) -> Result<gst::Element, glib::BoolError> {
    let trigger = camera.trigger.as_ref();
    let sink = gst::ElementFactory::make("overshootsink")
        .property("prompt", &camera.prompt)
        .property_if_some("alerts", trigger.map(Trigger::alerts))
        .property_if_some("evidence-clip", trigger.map(Trigger::clip))
        .property_if_some(
            "evidence-location",
            trigger.map(|trigger| trigger.location(&camera.name)),
        )
        .property_if_some("evidence", trigger.map(|_| Evidence::JpegAlerts))
        .property_if_some("api-url", address.url.as_ref())
        .property_if_some("model", camera.model.as_ref())
        .property_if_some(
            "output-schema",
            camera.schema.as_ref().map(ToString::to_string),
        )
        .property_from_str("on-error", "warn");
    let sink = match camera.mode {
        Mode::Frame => sink
            .property_from_str("mode", "frame")
            .property("interval-seconds", camera.interval_seconds),
        Mode::Clip => sink
            .property_from_str("mode", "clip")
            .property("delay-seconds", camera.interval_seconds)
            .property_if_some("clip-length-seconds", camera.clip_length_seconds)
            .property_if_some("target-fps", camera.target_fps),
    };
    sink.build()
}

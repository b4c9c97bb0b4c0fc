// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A camera's pipeline: receives RTSP and passes the encoded video to the element, which also records it.
//!
//! ```text
//! rtspsrc ! rtph264depay ! h264parse ! identity ! overshootsink on-error=warn
//! ```
//!
//! Only the camera's first track with H.264 or H.265 is requested. Audio is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;

use super::fault::{Fault, Reason};
use crate::config::{Camera, Mode, Trigger};
use crate::service::Api;

/// Length of the jitter buffer.
const JITTER_BUFFER_MS: u32 = 200;
/// How long a camera may take to respond.
const CAMERA_TIMEOUT_MICROSECONDS: u64 = 10_000_000;
/// A camera describes its video after OPTIONS and DESCRIBE, one of them sent once more with the login.
const MAX_REQUESTS_BEFORE_SDP: u64 = 3;
/// The codecs that can be passed on without decoding.
const CODECS: [Codec; 2] = [
    Codec {
        name: "H264",
        depayloader: "rtph264depay",
        parser: "h264parse",
        caps: "video/x-h264",
    },
    Codec {
        name: "H265",
        depayloader: "rtph265depay",
        parser: "h265parse",
        caps: "video/x-h265",
    },
];

#[derive(Clone, Copy)]
struct Codec {
    name: &'static str,
    depayloader: &'static str,
    parser: &'static str,
    caps: &'static str,
}

/// Runs from [`CameraPipeline::start`] to [`CameraPipeline::stop`].
#[derive(Debug)]
pub struct CameraPipeline {
    pipeline: gst::Pipeline,
    sink: gst::Element,
    frames: Arc<AtomicU64>,
}

impl CameraPipeline {
    /// Builds the pipeline around this element. It does no I/O.
    pub fn new(camera: &Camera, sink: &gst::Element, key: &str) -> Result<Self, glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        // It is there before the source's pad.
        let entry = gst::ElementFactory::make("identity").build()?;
        sink.set_property("api-key", key);
        pipeline.add_many([&entry, sink])?;
        entry.link(sink)?;
        let frames = Arc::new(AtomicU64::new(0));
        let counted = frames.clone();
        let input = entry
            .static_pad("sink")
            .ok_or_else(|| glib::bool_error!("the identity has no pad"))?;
        input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let source = build_source(camera, &input)?;
        pipeline.add(&source)?;
        // The messages posted while the pipeline stops are read afterwards.
        pipeline.set_auto_flush_bus(false);
        Ok(Self {
            pipeline,
            sink: sink.clone(),
            frames,
        })
    }

    pub fn bus(&self) -> Option<gst::Bus> {
        self.pipeline.bus()
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
pub fn build_sink(camera: &Camera, api: &Api) -> Result<gst::Element, glib::BoolError> {
    let trigger = camera.trigger.as_ref();
    let sink = gst::ElementFactory::make("overshootsink")
        .property("prompt", &camera.prompt)
        .property_if_some("alerts", trigger.map(Trigger::alerts))
        .property_if_some("evidence-clip", trigger.map(Trigger::clip))
        .property_if_some(
            "evidence-location",
            trigger.map(|trigger| trigger.location(&camera.name)),
        )
        .property_if_some("api-url", api.url.as_ref())
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

fn build_source(camera: &Camera, input: &gst::Pad) -> Result<gst::Element, glib::BoolError> {
    let address = &camera.url;
    let source = gst::ElementFactory::make("rtspsrc")
        .property("location", address.without_login())
        .property_if_some("user-id", address.user().as_deref())
        .property_if_some("user-pw", address.password().as_deref())
        .property("latency", JITTER_BUFFER_MS)
        .property("tcp-timeout", CAMERA_TIMEOUT_MICROSECONDS)
        .build()?;
    if address.allows_any_transport() {
        // Passed-through video cannot be repaired after a lost packet, so use TCP.
        source.set_property_from_str("protocols", "tcp");
    }
    source.connect("select-stream", false, |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        Some(selects_track(&source, &caps).to_value())
    });
    source.connect("accept-certificate", false, |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        Fault::certificate(values.get(3)?).post(&source);
        Some(false.to_value())
    });
    if address.user().is_some() {
        limit_logins(&source);
    }
    let input = input.downgrade();
    source.connect_pad_added(move |source, pad| {
        let Some(input) = input.upgrade().filter(|input| !input.is_linked()) else {
            return;
        };
        if let Err(error) = link_source(source, pad, &input) {
            Fault::new(Reason::Failed, error.to_string()).post(source);
        }
    });
    Ok(source)
}

/// After a refused login, rtspsrc repeats it seven times. Cameras lock an account after five.
///
/// The signal does not show what is sent, so this counts.
fn limit_logins(source: &gst::Element) {
    let sent = AtomicU64::new(0);
    let has_sdp = Arc::new(AtomicBool::new(false));
    let logged_in = has_sdp.clone();
    source.connect("on-sdp", false, move |_| {
        has_sdp.store(true, Ordering::Relaxed);
        None
    });
    source.connect("before-send", false, move |values| {
        let allowed = logged_in.load(Ordering::Relaxed)
            || sent.fetch_add(1, Ordering::Relaxed) < MAX_REQUESTS_BEFORE_SDP;
        if !allowed {
            let source = values.first()?.get::<gst::Element>().ok()?;
            Fault::wrong_password().post(&source);
        }
        Some(allowed.to_value())
    });
}

/// Whether to request this track.
fn selects_track(source: &gst::Element, caps: &gst::Caps) -> bool {
    let text = |field| caps.structure(0)?.get::<&str>(field).ok();
    if text("media") != Some("video") {
        return false;
    }
    let known = find_codec(caps).is_some();
    if !known {
        let format = text("encoding-name").unwrap_or("video in an unknown format");
        let text = format!("the camera sends {format}: set it to H.264 or H.265");
        Fault::new(Reason::Unsupported, text).post(source);
    }
    known
}

fn find_codec(caps: &gst::Caps) -> Option<Codec> {
    let name = caps.structure(0)?.get::<&str>("encoding-name").ok()?;
    CODECS.into_iter().find(|codec| codec.name == name)
}

fn link_source(
    source: &gst::Element,
    pad: &gst::Pad,
    input: &gst::Pad,
) -> Result<(), glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let codec =
        find_codec(&caps).ok_or_else(|| glib::bool_error!("neither H.264 nor H.265: {caps}"))?;
    let depayloader = gst::ElementFactory::make(codec.depayloader).build()?;
    // Each key frame gets the parameter sets, because a recording may begin with it.
    let parser = gst::ElementFactory::make(codec.parser)
        .property("config-interval", -1)
        .build()?;
    let caps = gst::Caps::builder(codec.caps)
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build();
    let capsfilter = gst::ElementFactory::make("capsfilter")
        .property("caps", caps)
        .build()?;
    let bin = source
        .parent()
        .and_downcast::<gst::Bin>()
        .ok_or_else(|| glib::bool_error!("the source was removed"))?;
    bin.add_many([&depayloader, &parser, &capsfilter])?;
    gst::Element::link_many([&depayloader, &parser, &capsfilter])?;
    let pads = capsfilter
        .static_pad("src")
        .zip(depayloader.static_pad("sink"));
    let (output, first) = pads.ok_or_else(|| glib::bool_error!("the elements have no pads"))?;
    let linked = output.link(input).and_then(|_| {
        for element in [&capsfilter, &parser, &depayloader] {
            element
                .sync_state_with_parent()
                .map_err(|_| gst::PadLinkError::Refused)?;
        }
        pad.link(&first)
    });
    linked
        .map(|_| ())
        .map_err(|error| glib::bool_error!("the camera's video cannot be linked: {error:?}"))
}

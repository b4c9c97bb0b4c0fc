//! A camera's pipeline: RTSP in, its video as it is to the element, and to the recorder.
//!
//! ```text
//! rtspsrc ! rtph264depay ! h264parse ! tee ! overshootsink on-error=warn
//!                                      tee ! appsink (where there is a trigger)
//! ```
//!
//! Of the tracks that the camera has, the first one in H.264 or H.265 is asked for, and no sound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;

use crate::config::{Camera, Mode};
use crate::record::Recorder;

/// What the jitter of a network may take.
const LATENCY_MS: u32 = 200;
/// How long a camera may take to answer, in microseconds.
const CAMERA_TIMEOUT: u64 = 10_000_000;
/// What can be passed on as it is.
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

/// Which service is asked.
#[derive(Clone, Debug)]
pub struct Api {
    /// Unset: as the element has it, from the environment.
    pub url: Option<String>,
}

/// Runs from [`Feed::start`] to [`Feed::stop`].
#[derive(Debug)]
pub struct Feed {
    pub pipeline: gst::Pipeline,
    ask: gst::Element,
    frames: Arc<AtomicU64>,
}

impl Feed {
    /// Builds it, without any input or output.
    pub fn new(
        camera: &Camera,
        api: &Api,
        key: &str,
        recorder: Option<&Arc<Recorder>>,
    ) -> Result<Self, glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        let tee = gst::ElementFactory::make("tee").build()?;
        let ask = ask(camera, api, key)?;
        pipeline.add_many([&tee, &ask])?;
        tee.link(&ask)?;
        if let Some(recorder) = recorder {
            let sink = to(recorder);
            pipeline.add(&sink)?;
            tee.link(&sink)?;
        }
        let frames = Arc::new(AtomicU64::new(0));
        let counted = frames.clone();
        let input = tee
            .static_pad("sink")
            .ok_or_else(|| glib::bool_error!("a tee has a pad"))?;
        input.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let source = source(camera, &input)?;
        pipeline.add(&source)?;
        // What is told while it stops is read afterwards.
        pipeline.set_auto_flush_bus(false);
        Ok(Self {
            pipeline,
            ask,
            frames,
        })
    }

    /// What goes wrong is told on the bus. May take a moment.
    pub fn start(&self) {
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    /// Ends the stream at the service, too. May take some seconds.
    pub fn stop(&self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }

    /// Frames that came from the camera so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub fn frames_sent(&self) -> u64 {
        let stats: gst::Structure = self.ask.property("stats");
        stats.get("frames-sent").unwrap_or_default()
    }

    /// Whether there is a stream at the service, which it bills.
    pub fn has_stream(&self) -> bool {
        let id: Option<String> = self.ask.property("stream-id");
        id.is_some_and(|id| !id.is_empty())
    }
}

fn ask(camera: &Camera, api: &Api, key: &str) -> Result<gst::Element, glib::BoolError> {
    let ask = gst::ElementFactory::make("overshootsink")
        .property("prompt", &camera.prompt)
        .property("api-key", key)
        .property_if_some("api-url", api.url.as_ref())
        .property_if_some("model", camera.model.as_ref())
        .property_if_some(
            "output-schema",
            camera.schema.as_ref().map(ToString::to_string),
        )
        .property_from_str("on-error", "warn");
    let ask = match camera.mode {
        Mode::Frame => ask
            .property_from_str("mode", "frame")
            .property("interval-seconds", camera.interval_seconds),
        Mode::Clip => ask
            .property_from_str("mode", "clip")
            .property("delay-seconds", camera.interval_seconds)
            .property_if_some("clip-length-seconds", camera.clip_length_seconds)
            .property_if_some("target-fps", camera.target_fps),
    };
    ask.build()
}

fn to(recorder: &Arc<Recorder>) -> gst::Element {
    let recorder = recorder.clone();
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            recorder.frame(&sample);
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    let sink = gst_app::AppSink::builder()
        .sync(false)
        .async_(false)
        .callbacks(callbacks)
        .build();
    sink.upcast()
}

fn source(camera: &Camera, input: &gst::Pad) -> Result<gst::Element, glib::BoolError> {
    let address = &camera.url;
    let source = gst::ElementFactory::make("rtspsrc")
        .property("location", address.without_login())
        .property_if_some("user-id", address.user().as_deref())
        .property_if_some("user-pw", address.password().as_deref())
        .property("latency", LATENCY_MS)
        .property("tcp-timeout", CAMERA_TIMEOUT)
        .build()?;
    if address.any_transport() {
        // Video that is passed on as it is has nothing to mend a lost packet with.
        source.set_property_from_str("protocols", "tcp");
    }
    source.connect("select-stream", false, |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        Some(selects(&source, &caps).to_value())
    });
    let input = input.downgrade();
    source.connect_pad_added(move |source, pad| {
        let Some(input) = input.upgrade().filter(|input| !input.is_linked()) else {
            return;
        };
        if let Err(error) = link(source, pad, &input) {
            gst::element_error!(source, gst::StreamError::Format, ("{error}"));
        }
    });
    Ok(source)
}

/// Whether this track is the one.
fn selects(source: &gst::Element, caps: &gst::Caps) -> bool {
    let text = |field| caps.structure(0)?.get::<&str>(field).ok();
    if text("media") != Some("video") {
        return false;
    }
    let known = codec_of(caps).is_some();
    if !known {
        gst::element_error!(
            source,
            gst::StreamError::CodecNotFound,
            (
                "its video is {}: set the camera to H.264 or H.265",
                text("encoding-name").unwrap_or("of an unknown kind")
            )
        );
    }
    known
}

fn codec_of(caps: &gst::Caps) -> Option<Codec> {
    let name = caps.structure(0)?.get::<&str>("encoding-name").ok()?;
    CODECS.into_iter().find(|codec| codec.name == name)
}

fn link(source: &gst::Element, pad: &gst::Pad, input: &gst::Pad) -> Result<(), glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let codec = codec_of(&caps).ok_or_else(|| glib::bool_error!("no H.264 or H.265: {caps}"))?;
    let depayloader = gst::ElementFactory::make(codec.depayloader).build()?;
    // Each key frame with what a decoder needs, as a recording may begin with it.
    let parser = gst::ElementFactory::make(codec.parser)
        .property("config-interval", -1)
        .build()?;
    let form = gst::Caps::builder(codec.caps)
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build();
    let form = gst::ElementFactory::make("capsfilter")
        .property("caps", form)
        .build()?;
    let bin = source
        .parent()
        .and_downcast::<gst::Bin>()
        .ok_or_else(|| glib::bool_error!("the source was removed"))?;
    bin.add_many([&depayloader, &parser, &form])?;
    gst::Element::link_many([&depayloader, &parser, &form])?;
    let pads = form.static_pad("src").zip(depayloader.static_pad("sink"));
    let (output, first) = pads.ok_or_else(|| glib::bool_error!("they have pads"))?;
    let linked = output.link(input).and_then(|_| {
        for element in [&form, &parser, &depayloader] {
            element
                .sync_state_with_parent()
                .map_err(|_| gst::PadLinkError::Refused)?;
        }
        pad.link(&first)
    });
    linked
        .map(|_| ())
        .map_err(|error| glib::bool_error!("its video can't be taken: {error:?}"))
}

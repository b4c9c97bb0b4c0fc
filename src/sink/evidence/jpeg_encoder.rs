// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Makes JPEG pictures of the frames that are sent, in a thread of its own. A picture is made of each of them at once and
//! not when an answer needs it: raw frames would fill the memory within seconds, and holding the source's own
//! buffers would starve it.

use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;
use overshoot_colour::{chroma_to_full_range, luma_to_full_range};

use super::still_ring::StillRing;
use crate::lock::lock;
use crate::sink::inner_pipelines;

/// Frames that may wait. If the machine is too slow, older ones get no picture.
const MAX_QUEUED_FRAMES: u64 = 2;
/// Limited range, as it is sent, and full range, as JFIF pictures have it.
const COLOURS: [&str; 2] = ["bt601", "1:4:0:0"];

/// The elements between raw video and JPEG, in order.
///
/// # Errors
/// One of them is missing. The text says what to install.
pub fn make_elements() -> Result<[gst::Element; 3], String> {
    let make = |factory: &str| {
        let made = gst::ElementFactory::make(factory).build();
        made.map_err(|_| {
            format!(
                "the GStreamer element {factory} is missing: install GStreamer's base and good plugins (Debian: gstreamer1.0-plugins-base, gstreamer1.0-plugins-good)"
            )
        })
    };
    let colours = make("capsfilter")?;
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("colorimetry", gst::List::new(COLOURS));
    colours.set_property("caps", caps.build());
    if let Some(pad) = colours.static_pad("src") {
        pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
            if let Some(frame) = info.buffer_mut()
                && let Some(caps) = pad.current_caps()
            {
                expand_range(frame, &caps);
            }
            gst::PadProbeReturn::Ok
        });
    }
    let encoder = make("jpegenc")?;
    // Its default, ifast, turns blocks that are full of contrast, such as small print, into others (libjpeg-turbo 2.1, seen).
    encoder.set_property_from_str("idct-method", "islow");
    Ok([make("videoconvert")?, colours, encoder])
}

/// Gives a frame full range. Its memory is copied if others use it, too.
fn expand_range(frame: &mut gst::Buffer, caps: &gst::CapsRef) {
    let info = gst_video::VideoInfo::from_caps(caps).ok();
    let range = |info: &gst_video::VideoInfo| info.colorimetry().range();
    let Some(info) = info.filter(|info| range(info) != gst_video::VideoColorRange::Range0_255)
    else {
        return;
    };
    let writable = gst_video::VideoFrameRef::from_buffer_ref_writable(frame.make_mut(), &info);
    let Ok(mut writable) = writable else {
        return;
    };
    let [luma, blue, red, _] = writable.planes_data_mut();
    luma_to_full_range(luma);
    chroma_to_full_range(blue);
    chroma_to_full_range(red);
}

/// Dropping it stops its thread.
pub struct JpegEncoder {
    pipeline: gst::Pipeline,
    appsrc: gst_app::AppSrc,
    /// The running time of the newest frame.
    newest: Mutex<Option<ClockTime>>,
}

impl JpegEncoder {
    /// Starts it. The pictures go into `stills`.
    ///
    /// # Errors
    /// An element is missing, or does not start.
    pub fn start(stills: Arc<StillRing>) -> Result<Self, String> {
        let appsrc = gst_app::AppSrc::builder()
            .format(gst::Format::Time)
            .max_buffers(MAX_QUEUED_FRAMES)
            .max_bytes(0)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let new_sample = move |appsink: &gst_app::AppSink| {
            let pulled = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let Some(time) = pulled.buffer().and_then(gst::BufferRef::pts)
                && let Some(still) = still_at(&pulled, time)
            {
                stills.add(time, still);
            }
            Ok(gst::FlowSuccess::Ok)
        };
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample);
        let appsink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            .callbacks(callbacks.build())
            .build();
        let [convert, colours, encoder] = make_elements()?;
        let elements = [
            appsrc.upcast_ref(),
            &convert,
            &colours,
            &encoder,
            appsink.upcast_ref(),
        ];
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(elements).map_err(|e| e.to_string())?;
        gst::Element::link_many(elements).map_err(|e| e.to_string())?;
        inner_pipelines::register(&pipeline);
        let encoder = Self {
            pipeline,
            appsrc,
            newest: Mutex::default(),
        };
        match encoder.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(encoder),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes a frame of this running time. It does not wait. The frame before it is not taken again.
    pub fn push(&self, frame: &gst::Buffer, caps: &gst::Caps, time: ClockTime) {
        if lock(&self.newest).replace(time) == Some(time) {
            return;
        }
        if self.appsrc.caps().as_ref() != Some(caps) {
            self.appsrc.set_caps(Some(caps));
        }
        let mut frame = frame.clone();
        let writable = frame.make_mut();
        writable.set_pts(time);
        writable.set_dts(None);
        // It fails only while the pipeline stops.
        let _ = self.appsrc.push_buffer(frame);
    }
}

impl Drop for JpegEncoder {
    fn drop(&mut self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A sample with the picture of `pulled`, whose running time is this.
pub fn still_at(pulled: &gst::SampleRef, time: ClockTime) -> Option<gst::Sample> {
    let mut buffer = pulled.buffer_owned()?;
    let writable = buffer.make_mut();
    writable.set_pts(time);
    writable.set_dts(None);
    let segment = gst::FormattedSegment::<ClockTime>::new();
    let still = gst::Sample::builder()
        .buffer(&buffer)
        .caps(&pulled.caps_owned()?)
        .segment(&segment)
        .build();
    Some(still)
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decodes one frame of encoded video, and makes a picture of it. It takes as long as decoding the group of pictures up to
//! that frame takes, so it must not run on a streaming thread.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::jpeg_encoder::{make_elements, still_at};
use super::packet_ring::Packet;
use crate::sink::codec::decoder;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;
use crate::sink::inner_pipelines;

/// How often it looks whether it must stop.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// A picture of the last of these frames.
///
/// # Errors
/// Why there is none: the elements are missing or fail, or it took too long, or `is_stopped`.
pub fn decode_last(
    packets: &[Packet],
    timeout: Duration,
    is_stopped: impl Fn() -> bool,
) -> Result<gst::Sample, String> {
    let end = Instant::now() + timeout;
    let last = packets.last().ok_or("there is no frame")?;
    let time = last.time;
    let decoding = Decoding::start(&last.caps, time)?;
    let first = packets.first();
    // A decoder may lose the first picture if it is no IDR.
    let twice = first.filter(|first| first.access == RandomAccess::Partial);
    for packet in twice.into_iter().chain(packets) {
        decoding.push(packet)?;
    }
    // It fails only if the pipeline has failed, which is seen below.
    let _ = decoding.appsrc.end_of_stream();
    loop {
        if let Some(pulled) = decoding.appsink.try_pull_sample(POLL) {
            return still_at(&pulled, time).ok_or_else(|| "the picture is empty".to_owned());
        }
        if decoding.appsink.is_eos() {
            return Err("the decoder gives no such picture".to_owned());
        }
        if let Some(failure) = decoding.failure() {
            return Err(failure);
        }
        if is_stopped() || Instant::now() > end {
            return Err(format!("it takes longer than {timeout:?}"));
        }
    }
}

/// Dropping it stops its threads.
struct Decoding {
    pipeline: gst::Pipeline,
    appsrc: gst_app::AppSrc,
    appsink: gst_app::AppSink,
}

impl Decoding {
    /// Only the frame of this time becomes a picture.
    fn start(caps: &gst::Caps, time: gst::ClockTime) -> Result<Self, String> {
        let codec = Codec::of_caps(caps).ok_or("the codec is unknown")?;
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let decoder = decoder::find(codec, caps).map_err(|error| error.message)?;
        let appsrc = gst_app::AppSrc::builder()
            .format(gst::Format::Time)
            .caps(caps)
            .max_bytes(0)
            .build();
        let appsink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            .build();
        let [convert, colours, encoder] = make_elements()?;
        let elements = [
            appsrc.upcast_ref(),
            &decoder,
            &convert,
            &colours,
            &encoder,
            appsink.upcast_ref(),
        ];
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(elements).map_err(|e| text(&e))?;
        gst::Element::link_many(elements).map_err(|e| text(&e))?;
        let decoded = decoder.static_pad("src").ok_or("the decoder has no pad")?;
        decoded.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            match info.buffer().and_then(|frame| frame.pts()) == Some(time) {
                true => gst::PadProbeReturn::Ok,
                false => gst::PadProbeReturn::Drop,
            }
        });
        inner_pipelines::register(&pipeline);
        let decoding = Self {
            pipeline,
            appsrc,
            appsink,
        };
        match decoding.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(decoding),
            Err(error) => Err(decoding.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    fn push(&self, packet: &Packet) -> Result<(), String> {
        let pushed = self.appsrc.push_buffer(packet.buffer.clone());
        pushed.map(drop).map_err(|error| {
            let failure = self.failure();
            failure.unwrap_or_else(|| error.to_string())
        })
    }

    fn failure(&self) -> Option<String> {
        let message = self
            .pipeline
            .bus()?
            .pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
            _ => None,
        }
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Writes a clip. The format is Matroska, because an incomplete file still plays. Nothing is encoded again.

use std::iter::{Chain, Peekable};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::vec;

use gst::ClockTime;
use gst::prelude::*;

use super::clip::NewClip;
use super::packet_ring::Packet;
use crate::sink::codec::video_codec::Codec;
use crate::sink::inner_pipelines;

/// Limit for the data that waits for the disk.
const MAX_QUEUED_BYTES: u64 = 8 << 20;
/// How long to wait for the disk.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// The frames of a clip.
pub type Frames = Peekable<Chain<vec::IntoIter<Packet>, mpsc::IntoIter<Packet>>>;

impl NewClip {
    pub fn frames(self) -> Frames {
        self.first.into_iter().chain(self.rest).peekable()
    }
}

/// Writes the next frames of a clip to a file, as long as their format stays the same, until its channel closes. It waits
/// for that long. Returns the running times of the first and the last frame.
///
/// # Errors
/// Why it cannot be written.
pub fn write(frames: &mut Frames, path: &Path) -> Result<(ClockTime, ClockTime), String> {
    let first = frames
        .peek()
        .ok_or("no key frame has come: set the source to send key frames more often")?;
    let (caps, mut start, mut end) = (first.caps.clone(), first.time, first.time);
    let muxer = Muxer::start(path, &caps)?;
    while let Some(Packet { buffer, time, .. }) = frames.next_if(|next| next.caps == caps) {
        // With B-frames, frames do not come in the order of their times.
        (start, end) = (start.min(time), end.max(time));
        muxer.push(buffer)?;
    }
    muxer.finish()?;
    Ok((start, end))
}

/// A pipeline that writes a file. Dropping it stops the pipeline.
struct Muxer {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
}

impl Muxer {
    fn start(path: &Path, caps: &gst::Caps) -> Result<Self, String> {
        let make = |factory: &str| {
            let made = gst::ElementFactory::make(factory).build();
            made.map_err(|_| {
                format!(
                    "the GStreamer element {factory} is missing: install GStreamer's good and bad plugins (Debian: gstreamer1.0-plugins-good, gstreamer1.0-plugins-bad)"
                )
            })
        };
        let source = gst_app::AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            // `push` limits the queue instead, and also notices errors.
            .max_bytes(0)
            .build();
        let mut elements = vec![source.clone().upcast()];
        if let Some(parser) = Codec::of_caps(caps).and_then(Codec::parser) {
            elements.push(make(parser)?);
        }
        let muxer = make("matroskamux")?;
        muxer.set_property("offset-to-zero", true);
        let sink = make("filesink")?;
        sink.set_property("location", path);
        elements.extend([muxer, sink]);
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&elements).map_err(|e| e.to_string())?;
        gst::Element::link_many(&elements).map_err(|e| e.to_string())?;
        inner_pipelines::register(&pipeline);
        let muxer = Self { pipeline, source };
        match muxer.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(muxer),
            Err(error) => Err(muxer.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    fn push(&self, buffer: gst::Buffer) -> Result<(), String> {
        let end = Instant::now() + DISK_TIMEOUT;
        loop {
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.source.current_level_bytes() <= MAX_QUEUED_BYTES {
                break;
            }
            if Instant::now() > end {
                return Err("the disk accepts no data".to_owned());
            }
            // appsrc does not notify when its queue gets shorter.
            std::thread::sleep(Duration::from_millis(10));
        }
        let pushed = self.source.push_buffer(buffer);
        pushed.map(drop).map_err(|error| {
            let failure = self.failure();
            failure.unwrap_or_else(|| error.to_string())
        })
    }

    /// Ends the file.
    fn finish(self) -> Result<(), String> {
        // If it fails, the bus has the error.
        let _ = self.source.end_of_stream();
        let timeout = ClockTime::try_from(DISK_TIMEOUT).unwrap_or(ClockTime::MAX);
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let bus = self.pipeline.bus().ok_or("the pipeline has no bus")?;
        let end = bus.timed_pop_filtered(timeout, &ends);
        match end.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(describe(error)),
            _ => Err("the disk accepts no data".to_owned()),
        }
    }

    fn failure(&self) -> Option<String> {
        let message = self
            .pipeline
            .bus()?
            .pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(describe(error)),
            _ => None,
        }
    }
}

/// The error, and the system's reason, which is the last line of the debug text.
fn describe(error: &gst::message::Error) -> String {
    let debug = error.debug().unwrap_or_default();
    let reason = debug.lines().last().unwrap_or_default();
    format!("{} ({reason})", error.error().message())
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Watches one camera for some seconds, with the source that `run` uses, and nothing behind it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gst::prelude::*;
use tokio::time::interval;

use super::report::Report;
use super::seen::Seen;
use crate::camera::diagnosis;
use crate::camera::fault::Fault;
use crate::camera::source::{self, Notice, Purpose, Track};
use crate::config::CameraUrl;
use crate::lock::lock;

/// How long a camera may take to send its first frame.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(12);
/// The longest time for everything.
const TIMEOUT: Duration = Duration::from_secs(25);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What this camera sends.
pub async fn probe(url: &CameraUrl) -> Result<Report, Fault> {
    match Probe::new(url) {
        Ok(mut probe) => {
            let watched = probe.watch(url).await;
            // They are gone when the pipeline has stopped.
            let caps = probe.input.current_caps();
            let pipeline = probe.pipeline.clone();
            // State changes of GStreamer block.
            let stopped = tokio::task::spawn_blocking(move || pipeline.set_state(gst::State::Null));
            // Only a panic makes it fail.
            let _ = stopped.await;
            match watched {
                Ok(()) => Ok(probe.report(caps)),
                Err(fault) => Err(diagnosis::look_closer(fault, url).await),
            }
        }
        Err(fault) => Err(fault),
    }
}

struct Probe {
    pipeline: gst::Pipeline,
    input: gst::Pad,
    seen: Arc<Mutex<Seen>>,
    codec: Option<String>,
    sound: Option<Notice>,
}

impl Probe {
    fn new(url: &CameraUrl) -> Result<Self, Fault> {
        let pipeline = gst::Pipeline::new();
        let entry = source::make("identity")?;
        let sink = source::make("fakesink")?;
        sink.set_property("sync", false);
        // A source that waits for the slowest branch has only this one.
        sink.set_property("async", false);
        pipeline.add_many([&entry, &sink]).map_err(Fault::broken)?;
        entry.link(&sink).map_err(Fault::broken)?;
        let input = entry.static_pad("sink");
        let input = input.ok_or_else(|| Fault::failed("the identity has no pad"))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let counted = seen.clone();
        let begun = Instant::now();
        input.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let arrival = begun.elapsed().as_nanos() as u64;
                lock(&counted).add(buffer, gst::ClockTime::from_nseconds(arrival));
            }
            gst::PadProbeReturn::Ok
        });
        source::add(&pipeline, url, &input, Purpose::Check, None)?;
        Ok(Self {
            pipeline,
            input,
            seen,
            codec: None,
            sound: None,
        })
    }

    /// Runs until enough was seen.
    async fn watch(&mut self, url: &CameraUrl) -> Result<(), Fault> {
        let bus = self.pipeline.bus();
        let bus = bus.ok_or_else(|| Fault::failed("the pipeline has no bus"))?;
        let mut messages = bus.stream();
        let pipeline = self.pipeline.clone();
        // An error is on the bus, too.
        let started = tokio::task::spawn_blocking(move || pipeline.set_state(gst::State::Playing));
        let _ = started.await;
        let begun = Instant::now();
        let mut missing = None;
        let mut poll = interval(POLL_INTERVAL);
        loop {
            tokio::select! {
                // The messages first: what they say is more exact.
                biased;
                Some(message) = messages.next() => match message.view() {
                    gst::MessageView::Element(element) => {
                        if let Some(structure) = element.structure() {
                            missing = source::missing_plugin(structure).or(missing);
                            self.take_notice(structure);
                        }
                    }
                    gst::MessageView::Error(error) => {
                        return Err(missing.unwrap_or_else(|| Fault::from_error(error, url)));
                    }
                    gst::MessageView::Eos(_) => {
                        return match lock(&self.seen).frames {
                            0 => Err(Fault::ended()),
                            _ => Ok(()),
                        };
                    }
                    _ => {}
                },
                _ = poll.tick() => {
                    let seen = lock(&self.seen);
                    if seen.is_enough() || (seen.frames > 0 && begun.elapsed() > TIMEOUT) {
                        return Ok(());
                    }
                    if seen.frames == 0 && begun.elapsed() > FIRST_FRAME_TIMEOUT {
                        return Err(Fault::silent(FIRST_FRAME_TIMEOUT.as_secs()));
                    }
                }
            }
        }
    }

    fn take_notice(&mut self, structure: &gst::StructureRef) {
        let Some(notice) = Notice::parse(structure) else {
            return;
        };
        match notice.track {
            Track::Video => self.codec = Some(notice.codec),
            // The first track that can be recorded is the one that is recorded.
            Track::Sound if self.sound.as_ref().is_some_and(Notice::is_recorded) => {}
            Track::OtherSound if self.sound.is_some() => {}
            Track::Sound | Track::OtherSound => self.sound = Some(notice),
        }
    }

    fn report(self, caps: Option<gst::Caps>) -> Report {
        Report::new(
            self.codec,
            self.sound,
            caps.unwrap_or_else(gst::Caps::new_empty),
            &lock(&self.seen),
        )
    }
}

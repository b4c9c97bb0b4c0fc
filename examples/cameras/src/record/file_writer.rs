// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Writes the file of an event. The format is Matroska, because an incomplete file still plays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use gst::prelude::*;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::event::Recording;

/// Limit for the data that waits for the disk inside the pipeline.
const MAX_QUEUED_BYTES: u64 = 8 * 1024 * 1024;
/// How long to wait for the disk.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// A file to write: the frames in memory, and the channel with the frames to come.
#[derive(Debug)]
pub struct FileWriter {
    file: PathBuf,
    caps: gst::Caps,
    first: Vec<gst::Buffer>,
    rest: Receiver<gst::Buffer>,
}

impl FileWriter {
    pub fn new(
        folder: &Path,
        camera: &str,
        caps: gst::Caps,
        first: Vec<gst::Buffer>,
        rest: Receiver<gst::Buffer>,
    ) -> Self {
        let format =
            format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
        let time = OffsetDateTime::now_utc().format(format).unwrap_or_default();
        Self {
            file: folder.join(format!("{camera}-{time}.mkv")),
            caps,
            first,
            rest,
        }
    }

    /// Writes until the channel closes. It blocks for that long.
    pub fn write(self) -> Result<Recording, String> {
        let Self {
            file,
            caps,
            first,
            rest,
        } = self;
        let part = file.with_extension("mkv.part");
        let failed = |error: String| {
            // Keep an incomplete file: it may be the only recording of this event.
            let has_data = fs::metadata(&part).is_ok_and(|data| data.len() > 0);
            if has_data {
                return format!("{error}; what was written is in {}", part.display());
            }
            // The file may not exist.
            let _ = fs::remove_file(&part);
            error
        };
        let muxer = Muxer::start(&part, &caps).map_err(failed)?;
        let mut times = None;
        for buffer in first.into_iter().chain(rest) {
            let end = buffer.pts();
            let (start, _) = times.unwrap_or((end, end));
            times = Some((start, end));
            muxer.push(buffer).map_err(failed)?;
        }
        muxer.finish().map_err(failed)?;
        let bytes = fs::metadata(&part).map_or(0, |data| data.len());
        fs::rename(&part, &file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
        let seconds = times
            .and_then(|(start, end)| Some(end?.saturating_sub(start?).seconds_f64()))
            .unwrap_or_default();
        Ok(Recording {
            file,
            seconds,
            bytes,
        })
    }
}

/// A pipeline that writes a file. Dropping it stops the pipeline.
struct Muxer {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    bus: gst::Bus,
    path: String,
}

impl Muxer {
    fn start(file: &Path, caps: &gst::Caps) -> Result<Self, String> {
        let path = file.display().to_string();
        let build = || -> Result<_, gst::glib::BoolError> {
            let source = gst_app::AppSrc::builder()
                .caps(caps)
                .format(gst::Format::Time)
                // `push` limits the queue instead, and also notices errors.
                .max_bytes(0)
                .build();
            let parser = match caps
                .structure(0)
                .is_some_and(|s| s.name() == "video/x-h265")
            {
                true => "h265parse",
                false => "h264parse",
            };
            let parser = gst::ElementFactory::make(parser).build()?;
            let muxer = gst::ElementFactory::make("matroskamux")
                .property("offset-to-zero", true)
                .build()?;
            let sink = gst::ElementFactory::make("filesink")
                .property("location", &path)
                .build()?;
            let pipeline = gst::Pipeline::new();
            pipeline.add_many([source.upcast_ref(), &parser, &muxer, &sink])?;
            gst::Element::link_many([source.upcast_ref(), &parser, &muxer, &sink])?;
            Ok((pipeline, source))
        };
        let (pipeline, source) = build().map_err(|error| error.to_string())?;
        let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
        let muxer = Self {
            pipeline,
            source,
            bus,
            path,
        };
        match muxer.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(muxer),
            Err(error) => Err(muxer.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    fn push(&self, buffer: gst::Buffer) -> Result<(), String> {
        let deadline = Instant::now() + DISK_TIMEOUT;
        loop {
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.source.current_level_bytes() <= MAX_QUEUED_BYTES {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("{}: the disk accepts no data", self.path));
            }
            // appsrc does not notify when its queue gets shorter, so poll.
            std::thread::sleep(Duration::from_millis(10));
        }
        match self.source.push_buffer(buffer) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    /// Ends the file.
    fn finish(self) -> Result<(), String> {
        let _ = self.source.end_of_stream();
        let timeout: gst::ClockTime = DISK_TIMEOUT.try_into().unwrap_or(gst::ClockTime::SECOND);
        let end_types = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = self.bus.timed_pop_filtered(timeout, &end_types);
        match end.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(self.describe(error)),
            _ => Err(format!("{}: the disk accepts no data", self.path)),
        }
    }

    fn failure(&self) -> Option<String> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(self.describe(error)),
            _ => None,
        }
    }

    /// The path, the error, and the system's reason, which is the last line of the debug text.
    fn describe(&self, error: &gst::message::Error) -> String {
        let debug = error.debug().unwrap_or_default();
        let reason = debug.lines().last().unwrap_or_default();
        format!("{}: {} ({reason})", self.path, error.error().message())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // A change to NULL never fails.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Adds sound to a recording. Nothing is encoded again.
//!
//! ```text
//! filesrc ! matroskademux ! matroskamux ! filesink
//!                  appsrc ! matroskamux
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use gst::ClockTime;
use gst::prelude::*;

use super::Packet;
use crate::camera::source::make;

/// How long the disk may take for a file.
const TIMEOUT: ClockTime = ClockTime::from_seconds(60);

/// Adds this sound to a Matroska file whose video begins at the running time `start`. The file is replaced when the new one is
/// complete. It blocks.
///
/// # Errors
/// Why not. Then the file is as it was.
pub fn add_sound(file: &Path, start: ClockTime, sound: Vec<Packet>) -> Result<(), String> {
    let part = part_of(file);
    let done = write(file, &part, start, sound).and_then(|()| {
        let renamed = fs::rename(&part, file);
        renamed.map_err(|error| error.to_string())
    });
    if done.is_err() {
        // It may not exist.
        let _ = fs::remove_file(&part);
    }
    done
}

/// The element names its own unfinished files in the same way, so `retention` finds both.
fn part_of(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn write(file: &Path, part: &Path, start: ClockTime, sound: Vec<Packet>) -> Result<(), String> {
    let first = sound.first().ok_or("there is no sound")?;
    let make = |factory: &str| make(factory).map_err(|fault| fault.text);
    let reader = make("filesrc")?;
    reader.set_property("location", file);
    let demuxer = make("matroskademux")?;
    let muxer = make("matroskamux")?;
    let writer = make("filesink")?;
    writer.set_property("location", part);
    let source = gst_app::AppSrc::builder()
        .caps(&first.caps)
        .format(gst::Format::Time)
        // It gets everything at once. The data is in memory already.
        .max_bytes(0)
        .build();
    let pipeline = gst::Pipeline::new();
    let elements = [&reader, &demuxer, source.upcast_ref(), &muxer, &writer];
    pipeline.add_many(elements).map_err(|e| e.to_string())?;
    reader.link(&demuxer).map_err(|e| e.to_string())?;
    muxer.link(&writer).map_err(|e| e.to_string())?;
    // The muxer waits for both pads, so it has both before anything comes.
    let video = muxer.request_pad_simple("video_%u");
    let audio = muxer.request_pad_simple("audio_%u");
    let (video, audio) = video.zip(audio).ok_or("the muxer has no pads")?;
    let output = source.static_pad("src").ok_or("the source has no pad")?;
    output.link(&audio).map_err(|e| e.to_string())?;
    demuxer.connect_pad_added(move |_, pad| {
        // A recording has one track. If it fails, the demuxer posts an error.
        let _ = pad.link(&video);
    });
    for Packet { buffer, time, .. } in sound {
        let mut buffer = buffer;
        let times = buffer.make_mut();
        times.set_pts(time.saturating_sub(start));
        times.set_dts(ClockTime::NONE);
        source.push_buffer(buffer).map_err(|e| e.to_string())?;
    }
    source.end_of_stream().map_err(|e| e.to_string())?;
    let done = run(&pipeline);
    // A change to NULL never fails.
    let _ = pipeline.set_state(gst::State::Null);
    done
}

/// Runs a pipeline to its end.
fn run(pipeline: &gst::Pipeline) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    // The bus has the error.
    let _ = pipeline.set_state(gst::State::Playing);
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(TIMEOUT, &ends);
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => {
            let debug = error.debug().unwrap_or_default();
            let reason = debug.lines().last().unwrap_or_default();
            Err(format!("{} ({reason})", error.error().message()))
        }
        _ => Err(format!("the disk took longer than {} s", TIMEOUT.seconds())),
    }
}

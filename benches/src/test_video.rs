// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The test videos: 30 frames per second, each with its number in the picture.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use gst_video::prelude::*;

use crate::frame_number;

/// Longer than start-up and measured window together.
pub const LENGTH_SECONDS: u32 = 24;

#[derive(Clone)]
pub struct TestVideo {
    pub path: PathBuf,
    width: u32,
    height: u32,
}

impl TestVideo {
    pub fn new(folder: &Path, width: u32, height: u32) -> Self {
        Self {
            path: folder.join(format!("bench-{height}.mp4")),
            width,
            height,
        }
    }
}

/// Makes a test video from `from`, a file of at least `LENGTH_SECONDS / 3` seconds, unless it exists. It is H.264
/// without B-frames, at 2 Mbit/s, with a key frame each second.
pub fn make(from: &Path, video: &TestVideo) -> Result<(), String> {
    if video.path.exists() {
        return Ok(());
    }
    eprintln!("==> making {}", video.path.display());
    if let Some(folder) = video.path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    let unfinished = video.path.with_extension("part");
    encode(from, &unfinished, video).map_err(|error| format!("{}: {error}", from.display()))?;
    std::fs::rename(&unfinished, &video.path).map_err(|error| error.to_string())
}

fn encode(from: &Path, to: &Path, video: &TestVideo) -> Result<(), String> {
    let part = format!(
        "filesrc location=\"{}\" ! decodebin ! videoconvertscale add-borders=false ! videorate \
         ! video/x-raw,format=I420,width={},height={},pixel-aspect-ratio=1/1,framerate=30/1 ! c.",
        from.display(),
        video.width,
        video.height,
    );
    let line = format!(
        "concat name=c ! identity name=number ! videoconvert ! video/x-raw,format=I420 \
         ! x264enc tune=zerolatency speed-preset=veryfast bitrate=2000 key-int-max=30 \
         ! video/x-h264,profile=constrained-baseline ! h264parse ! mp4mux \
         ! filesink location=\"{}\" {part} {part} {part}",
        to.display()
    );
    let pipeline = gst::parse::launch(&line)
        .map_err(|error| error.to_string())?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "the line is not a pipeline")?;
    let pad = pipeline
        .by_name("number")
        .and_then(|element| element.static_pad("src"))
        .ok_or("the element has no pad")?;
    let next = AtomicU16::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
            && draw_number(pad, buffer.make_mut(), next.fetch_add(1, Relaxed)).is_none()
        {
            // This stops the pipeline: the source posts an error because the flow failed.
            info.flow_res = Err(gst::FlowError::Error);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    let started = pipeline.set_state(gst::State::Playing);
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    let end = bus.timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
    let stopped = pipeline.set_state(gst::State::Null);
    if let Some(gst::MessageView::Error(error)) = end.as_deref().map(gst::MessageRef::view) {
        return Err(format!("{} ({:?})", error.error(), error.debug()));
    }
    started
        .and(stopped)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn draw_number(pad: &gst::Pad, buffer: &mut gst::BufferRef, number: u16) -> Option<()> {
    let caps = pad.current_caps()?;
    let video = gst_video::VideoInfo::from_caps(&caps).ok()?;
    let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &video).ok()?;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    frame_number::draw(frame.plane_data_mut(0).ok()?, stride, number);
    Some(())
}

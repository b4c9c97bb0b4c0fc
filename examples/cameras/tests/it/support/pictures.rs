// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Files of video, and the encoded pictures in them.

use std::path::Path;

use gst::prelude::*;

#[derive(Clone, Copy)]
pub struct Codec {
    pub caps: &'static str,
    pub encoder: &'static str,
    pub parser: &'static str,
    pub payloader: &'static str,
    pub is_picture: fn(u8) -> bool,
    pub is_key: fn(u8) -> bool,
}

pub const H264: Codec = Codec {
    caps: "video/x-h264",
    encoder: "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25",
    parser: "h264parse",
    payloader: "rtph264pay",
    is_picture: |header| matches!(header & 0x1f, 1..=5),
    is_key: |header| header & 0x1f == 5,
};

pub const H265: Codec = Codec {
    caps: "video/x-h265",
    encoder: "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25",
    parser: "h265parse",
    payloader: "rtph265pay",
    is_picture: |header| (header >> 1) & 0x3f < 32,
    is_key: |header| matches!((header >> 1) & 0x3f, 16..=23),
};

/// With B-frames: the frames do not come in the order of their times.
pub const REORDERED: Codec = Codec {
    encoder: "x264enc speed-preset=superfast bframes=2 b-adapt=false key-int-max=25",
    ..H264
};

/// How long a pipeline may take for its next buffer.
const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(20);

/// Runs a pipeline to its end. Returns the buffers of its appsink `out`.
pub fn play(line: &str) -> Vec<gst::Buffer> {
    super::init();
    let pipeline = gst::parse::launch(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let out = pipeline.by_name("out").expect("an appsink");
    let out = out.downcast::<gst_app::AppSink>().expect("an appsink");
    out.set_sync(false);
    pipeline.set_state(gst::State::Playing).expect("it plays");
    // A file without such a track brings nothing at all.
    let next = || out.try_pull_sample(TIMEOUT)?.buffer_owned();
    let buffers = std::iter::from_fn(next).collect();
    let error = pipeline
        .bus()
        .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    assert!(out.is_eos() || error.is_some(), "{line}: nothing comes");
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(error.is_none(), "{line}: {error:?}");
    buffers
}

/// The pictures of a file, Matroska or MPEG-TS. Each is the bytes of its NAL units.
pub fn pictures(codec: &Codec, file: &Path) -> Vec<Vec<u8>> {
    let units = access_units(codec, file).into_iter().map(|unit| {
        let bytes = unit.map_readable().expect("readable");
        let parts = split(&bytes);
        let pictures = parts.iter().filter(|part| (codec.is_picture)(part[0]));
        pictures.flat_map(|part| part.to_vec()).collect()
    });
    units.collect()
}

/// The times of the pictures of a file, in milliseconds, in the order of the file.
pub fn times(codec: &Codec, file: &Path) -> Vec<Option<i64>> {
    let times = access_units(codec, file).into_iter().map(|unit| unit.pts());
    times.map(|time| Some(time?.mseconds() as i64)).collect()
}

/// By its name. The format of the video may change in it.
pub fn is_transport_stream(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "ts")
}

fn access_units(codec: &Codec, file: &Path) -> Vec<gst::Buffer> {
    let demuxer = match is_transport_stream(file) {
        true => "tsdemux",
        false => "matroskademux",
    };
    let line = format!(
        "filesrc location={} ! {demuxer} ! {} ! {},stream-format=byte-stream,alignment=au ! appsink name=out",
        file.display(),
        codec.parser,
        codec.caps
    );
    play(&line)
}

/// Splits at start codes. Zeros before the next start code do not belong to a NAL unit.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(3))
        .filter(|at| bytes[*at..].starts_with(&[0, 0, 1]))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let parts = starts.iter().zip(ends).map(|(start, end)| {
        let part = &bytes[start + 3..end];
        let length = part
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        &part[..length]
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// The pictures of a Matroska file, gray.
pub fn decoded(file: &Path) -> Vec<gst::Buffer> {
    play(&format!(
        "filesrc location={} ! matroskademux name=d d.video_0 ! queue ! decodebin ! videoconvert ! videoscale \
         ! video/x-raw,format=GRAY8,width=320,height=240 ! appsink name=out",
        file.display()
    ))
}

/// When the first white one of these pictures is shown, in milliseconds of the file.
pub fn when_white(pictures: &[gst::Buffer]) -> u64 {
    let white = pictures.iter().find(|picture| brightness(picture) > 200);
    let time = white.and_then(|picture| picture.pts());
    time.expect("a white picture with a time").mseconds()
}

/// The mean of a gray picture.
pub fn brightness(picture: &gst::Buffer) -> u64 {
    let pixels = picture.map_readable().expect("readable");
    pixels.iter().map(|pixel| u64::from(*pixel)).sum::<u64>() / pixels.len() as u64
}

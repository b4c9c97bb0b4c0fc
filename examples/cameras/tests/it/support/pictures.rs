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

/// Runs a pipeline to its end. Returns the buffers of its appsink `out`.
pub fn play(line: &str) -> Vec<gst::Buffer> {
    super::init();
    let pipeline = gst::parse::launch(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let out = pipeline.by_name("out").expect("an appsink");
    let out = out.downcast::<gst_app::AppSink>().expect("an appsink");
    out.set_sync(false);
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let buffers = std::iter::from_fn(|| out.pull_sample().ok()?.buffer_owned()).collect();
    let error = pipeline
        .bus()
        .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(error.is_none(), "{line}: {error:?}");
    buffers
}

/// The pictures of a Matroska file. Each is the bytes of its NAL units.
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

fn access_units(codec: &Codec, file: &Path) -> Vec<gst::Buffer> {
    let line = format!(
        "filesrc location={} ! matroskademux ! {} ! {},stream-format=byte-stream,alignment=au ! appsink name=out",
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

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Files of sound: a low tone, then a high one.

use std::path::Path;
use std::sync::mpsc;

use gst::prelude::*;

use super::media::run_line;
use super::pictures::play;
use super::program::WAIT;

/// How often a wave of the low and of the high tone begins in a second.
const TONES: [u32; 2] = [440, 1760];
/// In these windows the waves are counted.
const WINDOW_MS: usize = 20;

#[derive(Clone, Copy)]
pub struct Sound {
    pub rate: u32,
    pub encoder: &'static str,
    pub parser: &'static str,
    pub payloader: &'static str,
}

pub const PCMU: Sound = Sound {
    rate: 8000,
    encoder: "mulawenc",
    parser: "identity",
    payloader: "rtppcmupay",
};

pub const AAC: Sound = Sound {
    rate: 48_000,
    encoder: "voaacenc",
    parser: "aacparse",
    payloader: "rtpmp4gpay",
};

/// The parts of a launch line that feed `concat name=c` with so many 25th of a second of each tone.
pub fn tones(sound: &Sound, lengths: [usize; 2]) -> String {
    let rate = sound.rate;
    let parts = TONES.iter().zip(lengths).map(|(tone, length)| {
        format!(
            " audiotestsrc freq={tone} num-buffers={length} samplesperbuffer={} ! audio/x-raw,rate={rate},channels=1 ! c.",
            rate / 25
        )
    });
    parts.collect()
}

pub fn make_sound(sound: &Sound, file: &Path, lengths: [usize; 2]) {
    run_line(&format!(
        "concat name=c ! identity single-segment=true ! audioconvert ! {} ! matroskamux ! filesink location={}{}",
        sound.encoder,
        file.display(),
        tones(sound, lengths)
    ));
}

/// The tracks of a Matroska file: `video_0`, `audio_0`.
pub fn tracks(file: &Path) -> Vec<String> {
    let line = format!("filesrc location={} ! matroskademux name=d", file.display());
    let pipeline = gst::parse::launch(&line).expect("it is valid");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let demuxer = pipeline.by_name("d").expect("the demuxer");
    let (sender, found) = mpsc::channel();
    demuxer.connect_no_more_pads(move |demuxer| {
        let pads = demuxer.src_pads().into_iter();
        // Nobody waits for a second file.
        let _ = sender.send(pads.map(|pad| pad.name().to_string()).collect());
    });
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let found = found.recv_timeout(WAIT);
    pipeline.set_state(gst::State::Null).expect("it stops");
    found.expect("the tracks")
}

/// The encoded bytes of the sound of a Matroska file.
pub fn bytes_of(file: &Path) -> Vec<u8> {
    let line = format!(
        "filesrc location={} ! matroskademux ! audio/x-mulaw ! appsink name=out",
        file.display()
    );
    let buffers = play(&line).into_iter();
    buffers
        .flat_map(|buffer| buffer.map_readable().expect("readable").to_vec())
        .collect()
}

/// When the high tone begins, and when the sound ends, in milliseconds of the file.
pub fn change_of_tone(file: &Path) -> (Option<u64>, u64) {
    const RATE: usize = 8000;
    let line = format!(
        "filesrc location={} ! matroskademux name=d d.audio_0 ! queue ! decodebin ! audioconvert ! audioresample \
         ! audio/x-raw,format=S16LE,channels=1,rate={RATE} ! audiobuffersplit output-buffer-duration={WINDOW_MS}/1000 \
         ! appsink name=out",
        file.display()
    );
    let windows = play(&line);
    let limit = (TONES[0] + TONES[1]) as usize / 2 * WINDOW_MS / 1000;
    let is_high = |window: &&gst::Buffer| {
        let bytes = window.map_readable().expect("readable");
        let samples: Vec<_> = bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        let waves = samples
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0);
        waves.count() > limit
    };
    let time = |window: &gst::Buffer| window.pts().expect("a time").mseconds();
    let end = windows
        .last()
        .map_or(0, |last| time(last) + WINDOW_MS as u64);
    (windows.iter().find(is_high).map(time), end)
}

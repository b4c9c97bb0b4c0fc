// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `recorder`: its notes name the right file and second, and failures of the service do not disturb the
//! recording.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde_json::Value;

use super::programs::{Program, in_each_language};
use crate::common::Service;
use crate::common::clock::{read_code, timestamp, with_codes};

/// A decoded frame of a file.
struct Frame {
    pts: gst::ClockTime,
    size: (u32, u32),
    luma: Vec<u8>,
}

/// Decodes all frames of a file.
fn frames(file: &Path) -> Vec<Frame> {
    crate::common::init();
    let description = format!(
        "filesrc location={} ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 \
         ! appsink name=out sync=false",
        file.display()
    );
    let pipeline = gst::parse::launch(&description).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let out = pipeline.by_name("out").expect("named out");
    let out = out.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut frames = Vec::new();
    while let Ok(sample) = out.pull_sample() {
        let caps = sample.caps().expect("caps");
        let info = gst_video::VideoInfo::from_caps(caps).expect("video");
        let buffer = sample.buffer().expect("a frame");
        frames.push(Frame {
            pts: buffer.pts().expect("a time"),
            size: (info.width(), info.height()),
            luma: buffer.map_readable().expect("readable").to_vec(),
        });
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    frames
}

/// The files of the recording, in order.
fn recorded_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "mkv"))
        .collect();
    files.sort();
    files
}

/// Records ten seconds of video with a clock in the picture. The overlay has a short name because the codes contain it:
/// with its default name, the six codes of a clip do not fit into an answer of 512 characters.
fn record_a_clock(path: &Path) {
    let line = format!(
        "videotestsrc num-buffers=300 pattern=white ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=q pixel-size=4 ! x264enc key-int-max=30 ! mp4mux ! filesink location={}",
        path.display()
    );
    let service = Service::start();
    let launch = crate::common::Launch::start(&service, &format!("-q {}", with_codes(&line)));
    let finished = launch.finish(Duration::from_secs(60));
    assert!(finished.status.success(), "{finished:?}");
}

fn the_notes_name_the_right_pictures(program: &Program) {
    let video = program.folder.join("clock.mp4");
    record_a_clock(&video);
    let service = Service::start();
    let folder = program.folder.join("recordings");
    let arguments = format!("{} 3 file://{}", folder.display(), video.display());
    let launch = program.start(&service, &arguments);
    let finished = launch.finish(Duration::from_secs(60));
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();

    let files = recorded_files(&folder);
    // A file ends at a key frame, and there is a key frame every two seconds.
    assert!((2..=4).contains(&files.len()), "{files:?}");
    let files: Vec<_> = (files.iter())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), frames(path))
        })
        .collect();
    let recorded: usize = files.iter().map(|(_, frames)| frames.len()).sum();
    assert_eq!(recorded, 300);

    let notes = fs::read_to_string(folder.join("answers.jsonl")).expect("notes");
    let (mut note_count, mut named_files) = (0, Vec::new());
    for line in notes.lines() {
        let note: Value = serde_json::from_str(line).expect("JSON");
        let answer = note["answer"].as_str().expect("an answer");
        let seconds = note["seconds"].as_f64().expect("a number");
        let analysed = timestamp(answer).expect("a clock");
        let (name, frames) = (files.iter())
            .find(|(name, _)| *name == note["file"])
            .expect("a file of the recording");
        let distance = |frame: &&Frame| (frame.pts.nseconds() as f64 / 1e9 - seconds).abs();
        let frame = (frames.iter())
            .min_by(|one, other| distance(one).total_cmp(&distance(other)))
            .expect("a frame");
        let text = read_code(frame.size, &frame.luma).expect("a clock");
        let shown = timestamp(&text).expect("a clock");
        // The difference is at most one frame.
        assert!(analysed.abs_diff(shown) < 34_000_000, "{line}: {text}");
        named_files.push(name);
        note_count += 1;
    }
    named_files.dedup();
    assert!(note_count >= 8 && named_files.len() >= 2, "{notes}");
}

#[test]
fn notes_name_the_file_and_the_second() {
    in_each_language("recorder", the_notes_name_the_right_pictures);
}

/// Asserts that the recording contains all video, although the service causes trouble.
fn the_recording_is_complete(program: &Program, service: Service, trouble: impl FnOnce(Service)) {
    let folder = program.folder.join("recordings");
    let launch = program.start(&service, &format!("{} 2", folder.display()));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !folder.is_dir() || recorded_files(&folder).is_empty() {
        assert!(Instant::now() < deadline, "{}", launch.printed());
        std::thread::sleep(Duration::from_millis(10));
    }
    let start = Instant::now();
    trouble(service);
    let duration = start.elapsed();
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("warning: "), "{finished:?}");

    let mut recorded = 0;
    for file in recorded_files(&folder) {
        let frames = frames(&file);
        for pair in frames.windows(2) {
            let gap = pair[1].pts - pair[0].pts;
            assert!(gap.mseconds() < 40, "{gap} in {}", file.display());
        }
        recorded += frames.len();
    }
    let seconds = recorded as f64 / 30.0;
    assert!(
        seconds > duration.as_secs_f64() - 0.5,
        "{seconds} s of {duration:?}"
    );
}

#[test]
fn a_service_that_disappears_does_not_disturb_the_recording() {
    in_each_language("recorder", |program| {
        the_recording_is_complete(program, Service::start(), |service| {
            service.wait("answers", |seen| {
                seen.streams.first().is_some_and(|s| s.answers.len() >= 2)
            });
            drop(service);
            // In this time the element notices the loss and tries again.
            std::thread::sleep(Duration::from_secs(4));
        });
    });
}

#[test]
fn a_rejected_key_does_not_disturb_the_recording() {
    in_each_language("recorder", |program| {
        let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
        the_recording_is_complete(program, service, |service| {
            service.wait("the error response", |seen| {
                seen.requests.iter().any(|request| request.status == 401)
            });
            std::thread::sleep(Duration::from_secs(3));
        });
    });
}

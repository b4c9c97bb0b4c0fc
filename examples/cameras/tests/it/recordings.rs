// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings hold the seconds around the event, in exactly the bytes that the camera sent.

use std::path::Path;
use std::process::Command;

use crate::support::program::answers_of;
use crate::support::{Camera, Program, Service, entry, file};
use gst::prelude::*;
use serde_json::Value;

const RATE: usize = 25;
/// The video turns white at this frame. There is a key frame each second.
const EVENT: usize = 4 * RATE;
const FRAMES: usize = 9 * RATE;

const SCHEMA: &str = "schema = { type = \"object\", required = [\"brightness\"], \
    properties = { brightness = { type = \"number\" } } }\n";

struct Codec {
    caps: &'static str,
    encoder: &'static str,
    parser: &'static str,
    payloader: &'static str,
    is_picture: fn(u8) -> bool,
    is_key: fn(u8) -> bool,
}

const H264: Codec = Codec {
    caps: "video/x-h264",
    encoder: "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25",
    parser: "h264parse",
    payloader: "rtph264pay",
    is_picture: |header| matches!(header & 0x1f, 1..=5),
    is_key: |header| header & 0x1f == 5,
};

const H265: Codec = Codec {
    caps: "video/x-h265",
    encoder: "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25",
    parser: "h265parse",
    payloader: "rtph265pay",
    is_picture: |header| (header >> 1) & 0x3f < 32,
    is_key: |header| matches!((header >> 1) & 0x3f, 16..=23),
};

/// Runs a pipeline to its end. Returns the buffers of its appsink `out`.
fn play(line: &str) -> Vec<gst::Buffer> {
    crate::support::init();
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
fn pictures(codec: &Codec, file: &Path) -> Vec<Vec<u8>> {
    let line = format!(
        "filesrc location={} ! matroskademux ! {} ! {},stream-format=byte-stream,alignment=au ! appsink name=out",
        file.display(),
        codec.parser,
        codec.caps
    );
    let units = play(&line).into_iter().map(|unit| {
        let bytes = unit.map_readable().expect("readable");
        let parts = split(&bytes);
        let pictures = parts.iter().filter(|part| (codec.is_picture)(part[0]));
        pictures.flat_map(|part| part.to_vec()).collect()
    });
    units.collect()
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

/// Makes a video that is black and then white, in which no two frames are equal.
fn make_video(codec: &Codec, file: &Path) {
    let caps = "video/x-raw,width=320,height=240,framerate=25/1";
    let white = FRAMES - EVENT;
    let line = format!(
        "concat name=c ! timeoverlay ! videoconvert ! {} ! {} ! matroskamux ! filesink location={} \
         videotestsrc num-buffers={EVENT} pattern=black ! {caps} ! c. \
         videotestsrc num-buffers={white} pattern=white ! {caps} ! c.",
        codec.encoder,
        codec.parser,
        file.display()
    );
    let status = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(line.split(' '))
        .status();
    assert!(status.expect("gst-launch-1.0 runs").success());
}

fn camera_of(codec: &Codec, file: &Path) -> Camera {
    let line = format!(
        "filesrc location={} ! matroskademux ! {} ! {} name=pay0 pt=96",
        file.display(),
        codec.parser,
        codec.payloader
    );
    Camera::serve(0, &line)
}

fn trigger(folder: &Path) -> String {
    format!(
        "{SCHEMA}[cameras.trigger]\nwhen = \"/brightness > 0.7\"\nanswers = 2\ncool-down-seconds = 600\n\
         before-seconds = 2\nafter-seconds = 2\nfolder = \"{}\"\n",
        folder.display()
    )
}

fn recordings(events: &[Value]) -> Vec<&Value> {
    events
        .iter()
        .filter(|event| event["event"] == "recording")
        .collect()
}

fn check_recording(codec: &Codec) {
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("video.mkv");
    make_video(codec, &video);
    let sent = pictures(codec, &video);
    assert_eq!(sent.len(), FRAMES);

    let service = Service::start();
    let rtsp = camera_of(codec, &video);
    let cameras = format!("{}{}", entry("yard", &rtsp.url), trigger(folder.path()));
    let (_cameras, file) = file(&cameras);
    let program = Program::run(&service, &file);
    let events = program.wait("a recording", |events| !recordings(events).is_empty());
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();

    let triggered = answers_of(&events, "yard")
        .into_iter()
        .filter(|answer| answer["triggered"] == true);
    assert_eq!(triggered.count(), 1, "{events:?}");
    let recording = recordings(&events)[0];
    let path = Path::new(recording["file"].as_str().expect("a path"));
    assert_eq!(path.parent(), Some(folder.path()));
    assert!(
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("yard-0000"))
    );
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
        .filter(|name| name.ends_with(".part"))
        .collect();
    assert_eq!(left, [""; 0]);

    let recorded = pictures(codec, path);
    assert!((codec.is_key)(recorded[0][0]), "it begins with a key frame");
    let first = sent.iter().position(|picture| *picture == recorded[0]);
    let first = first.expect("the camera sent its first picture");
    let last = first + recorded.len();
    assert_eq!(
        recorded,
        sent[first..last],
        "exactly the pictures that were sent"
    );
    // The file has two seconds before and after the event. It begins at a key frame, and the answers take up
    // to half a second, or more on a busy machine.
    println!("frames {first} to {last}, the event at {EVENT}");
    assert!((EVENT - 3 * RATE..=EVENT).contains(&first), "{first}");
    assert!(last >= EVENT + 2 * RATE, "{last}");
    let seconds = recording["seconds"].as_f64().expect("a number");
    assert!(
        (seconds - recorded.len() as f64 / RATE as f64).abs() < 0.2,
        "{seconds}"
    );

    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! appsink name=out",
        path.display()
    );
    let decoded = play(&line);
    assert_eq!(decoded.len(), recorded.len());
    assert!(
        decoded[0]
            .pts()
            .is_some_and(|start| start < gst::ClockTime::from_mseconds(100))
    );
}

#[test]
fn the_seconds_around_an_event_are_recorded_as_they_were_sent() {
    check_recording(&H264);
}

#[test]
fn h265_too() {
    check_recording(&H265);
}

/// A camera continues to get answers although its recording fails.
fn check_failed_recording(folder: &Path, why: &str) {
    let videos = tempfile::tempdir().expect("a folder");
    let video = videos.path().join("video.mkv");
    make_video(&H264, &video);
    let service = Service::start();
    let rtsp = camera_of(&H264, &video);
    let (_cameras, file) = file(&format!("{}{}", entry("yard", &rtsp.url), trigger(folder)));
    let program = Program::run(&service, &file);
    let line = program.wait_for_log("not recorded");
    assert!(
        line.contains("yard: WARNING") && line.contains(why),
        "{line}"
    );
    let answers = answers_of(&program.events(), "yard").len();
    let events = program.wait("more answers", |events| {
        answers_of(events, "yard").len() > answers + 5
    });
    assert_eq!(recordings(&events).len(), 0);
    assert!(program.stop().status.success());
    service.assert_all_deleted();
}

#[test]
fn a_missing_folder_is_reported_and_answers_continue() {
    let folder = tempfile::tempdir().expect("a folder");
    check_failed_recording(&folder.path().join("missing"), "No such file");
}

#[test]
fn a_full_disk_is_reported_and_answers_continue() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = |command: &str, arguments: &[&str]| {
        let done = Command::new(command)
            .args(arguments)
            .arg(folder.path())
            .status();
        done.is_ok_and(|status| status.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=16k", "tmpfs"]) {
        return println!("SKIPPED: a small disk cannot be mounted here");
    }
    let outcome =
        std::panic::catch_unwind(|| check_failed_recording(folder.path(), "No space left"));
    assert!(mount("umount", &["--lazy"]));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

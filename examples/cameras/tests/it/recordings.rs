// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings hold the seconds around the event, in exactly the bytes that the camera sent.

use std::path::Path;
use std::process::Command;

use crate::support::pictures::{Codec, H264, H265, REORDERED, pictures, play, times};
use crate::support::program::answers_of;
use crate::support::{Camera, Program, Service, entry, file};
use serde_json::Value;

const RATE: usize = 25;
/// The video turns white at this frame. There is a key frame each second.
const EVENT: usize = 4 * RATE;
const FRAMES: usize = 9 * RATE;

const SCHEMA: &str = "schema = { type = \"object\", required = [\"brightness\"], \
    properties = { brightness = { type = \"number\" } } }\n";

/// Makes a video that is black and then white.
fn make_video(codec: &Codec, file: &Path) {
    let caps = "video/x-raw,width=320,height=240,framerate=25/1".to_owned();
    let parts = [
        (EVENT, "black", caps.clone()),
        (FRAMES - EVENT, "white", caps),
    ];
    encode(codec, file, &parts);
}

/// Encodes so many frames of each pattern, of which no two are equal.
fn encode(codec: &Codec, file: &Path, parts: &[(usize, &str, String)]) {
    let sources = parts.iter().map(|(count, pattern, caps)| {
        format!(" videotestsrc num-buffers={count} pattern={pattern} ! {caps} ! c.")
    });
    let line = format!(
        "concat name=c ! identity single-segment=true ! timeoverlay ! videoconvert ! {} ! {} ! matroskamux ! filesink location={}{}",
        codec.encoder,
        codec.parser,
        file.display(),
        sources.collect::<String>()
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
    let triggered: Vec<_> = triggered.collect();
    assert_eq!(triggered.len(), 1, "{events:?}");
    check_still(
        Path::new(triggered[0]["still"].as_str().expect("a still")),
        folder.path(),
    );
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
    let (sent_times, recorded_times) = (times(codec, &video), times(codec, path));
    let since_first = |times: &[Option<i64>]| -> Vec<Option<i64>> {
        times
            .iter()
            .map(|time| Some((*time)? - times[0]?))
            .collect()
    };
    let (own, camera) = (
        since_first(&recorded_times),
        since_first(&sent_times[first..last]),
    );
    let is_same = |(own, camera): (&Option<i64>, &Option<i64>)| {
        own.zip(*camera)
            .is_some_and(|(own, camera)| (own - camera).abs() <= 10)
    };
    assert!(
        own.iter().zip(&camera).all(is_same),
        "{own:?} and not {camera:?}"
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

/// The picture that the answer is about: a white one.
fn check_still(file: &Path, folder: &Path) {
    assert_eq!(file.parent(), Some(folder));
    let line = format!(
        "filesrc location={} ! jpegdec ! videoconvert ! video/x-raw,format=GRAY8,width=320 ! appsink name=out",
        file.display()
    );
    let pictures = play(&line);
    assert_eq!(pictures.len(), 1);
    let pixels = pictures[0].map_readable().expect("readable");
    let mean = pixels.iter().map(|pixel| u64::from(*pixel)).sum::<u64>() / pixels.len() as u64;
    assert!(mean > 200, "{mean}");
}

#[test]
fn b_frames_keep_their_order_and_their_times() {
    check_recording(&REORDERED);
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

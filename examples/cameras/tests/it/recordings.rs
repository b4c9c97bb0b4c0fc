// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings hold the seconds around the event, in exactly the bytes that the camera sent.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::pictures::{
    Codec, H264, H265, REORDERED, brightness, decoded, is_transport_stream, pictures, play, times,
    when_white,
};
use crate::support::program::answers_of;
use crate::support::sound::{AAC, PCMU, Sound, bytes_of, change_of_tone, make_sound, tracks};
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
    let muxer = match is_transport_stream(file) {
        true => "mpegtsmux",
        false => "matroskamux",
    };
    let line = format!(
        "concat name=c ! identity single-segment=true ! timeoverlay ! videoconvert ! {} ! {} ! {muxer} ! filesink location={}{}",
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
    Camera::serve(0, &line_of(codec, file))
}

fn line_of(codec: &Codec, file: &Path) -> String {
    let demuxer = match is_transport_stream(file) {
        true => "tsdemux",
        false => "matroskademux",
    };
    format!(
        "filesrc location={} ! {demuxer} ! {} ! {} name=pay0 pt=96",
        file.display(),
        codec.parser,
        codec.payloader
    )
}

/// A camera with sound, of which the tone changes when the picture does.
fn camera_with_sound(codec: &Codec, file: &Path, sound: &Sound) -> Camera {
    let sound_file = file.with_extension("sound.mkv");
    make_sound(sound, &sound_file, [EVENT, FRAMES - EVENT]);
    Camera::serve(
        0,
        &format!(
            "{} filesrc location={} ! matroskademux ! {} ! {} name=pay1 pt=97",
            line_of(codec, file),
            sound_file.display(),
            sound.parser,
            sound.payloader
        ),
    )
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

fn check_recording(codec: &Codec, sound: Option<&Sound>) {
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("video.mkv");
    make_video(codec, &video);
    let sent = pictures(codec, &video);
    assert_eq!(sent.len(), FRAMES);

    let service = Service::start();
    let rtsp = match sound {
        Some(sound) => camera_with_sound(codec, &video, sound),
        None => camera_of(codec, &video),
    };
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

    let decoded = decoded(path);
    assert_eq!(decoded.len(), recorded.len());
    assert!(
        decoded[0]
            .pts()
            .is_some_and(|start| start < gst::ClockTime::from_mseconds(100))
    );
    if let Some(sound) = sound {
        check_sound(sound, path, &video, when_white(&decoded), seconds);
    }
}

/// The sound is what was sent, and fits the picture.
fn check_sound(sound: &Sound, path: &Path, video: &Path, white: u64, seconds: f64) {
    let (change, end) = change_of_tone(path);
    let change = change.expect("the high tone");
    println!(
        "white at {white} ms, the high tone at {change} ms, the sound ends at {end} ms of {seconds} s"
    );
    // An AAC encoder delays by two of its frames.
    assert!(change.abs_diff(white) <= 80, "{change} and {white}");
    assert!(
        (end as f64 / 1000.0 - seconds).abs() < 0.2,
        "{end} and {seconds}"
    );
    if sound.encoder == PCMU.encoder {
        let (sent, recorded) = (bytes_of(&video.with_extension("sound.mkv")), bytes_of(path));
        let is_part = sent.windows(recorded.len()).any(|part| part == recorded);
        assert!(is_part, "exactly what was sent");
    }
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
    assert!(brightness(&pictures[0]) > 200);
}

#[test]
fn b_frames_keep_their_order_and_their_times_beside_sound() {
    check_recording(&REORDERED, Some(&AAC));
}

#[test]
fn the_seconds_around_an_event_are_recorded_as_they_were_sent() {
    check_recording(&H264, Some(&PCMU));
}

#[test]
fn h265_too() {
    check_recording(&H265, None);
}

#[test]
fn when_the_size_changes_another_file_goes_on() {
    const CHANGE: usize = EVENT - RATE;
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("video.ts");
    let caps = |size| format!("video/x-raw,{size},framerate=25/1");
    let (small, large) = (caps("width=320,height=240"), caps("width=640,height=480"));
    let parts = [
        (CHANGE, "black", small),
        (EVENT - CHANGE, "black", large.clone()),
        (FRAMES - EVENT, "white", large),
    ];
    encode(&H264, &video, &parts);
    let sent = pictures(&H264, &video);
    assert_eq!(sent.len(), FRAMES);
    let service = Service::start();
    let rtsp = camera_with_sound(&H264, &video, &PCMU);
    let cameras = format!("{}{}", entry("yard", &rtsp.url), trigger(folder.path()));
    let (_cameras, file) = file(&cameras);
    let program = Program::run(&service, &file);
    let events = program.wait("two recordings", |events| recordings(events).len() == 2);
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");

    let files = recordings(&events).into_iter();
    let mut files: Vec<_> = files
        .map(|event| PathBuf::from(event["file"].as_str().expect("a path")))
        .collect();
    files.sort();
    let parts = files.iter().map(|file| pictures(&H264, file));
    let parts: Vec<_> = parts.collect();
    let first = sent.iter().position(|picture| *picture == parts[0][0]);
    let first = first.expect("the camera sent its first picture");
    let all = parts.concat();
    println!(
        "frames {first} to {}, the size changes at {CHANGE}",
        first + all.len()
    );
    assert_eq!(all, sent[first..first + all.len()], "nothing is lost");
    assert_eq!(first + parts[0].len(), CHANGE);
    assert!((EVENT - 3 * RATE..CHANGE).contains(&first), "{first}");
    assert!(first + all.len() >= EVENT + 2 * RATE);
    for file in &files {
        assert_eq!(tracks(file), ["video_0", "audio_0"]);
    }
    let white = when_white(&decoded(&files[1]));
    let (change, _) = change_of_tone(&files[1]);
    assert!(
        change.expect("the high tone").abs_diff(white) <= 80,
        "{change:?}, {white}"
    );
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

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings have the camera's sound, and whatever is wrong with it, the video goes on.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::media::run_line;
use crate::support::pictures::{decoded, when_white};
use crate::support::program::{answers_of, status_of};
use crate::support::sound::{AAC, change_of_tone, tones, tracks};
use crate::support::{Camera, LIVE, Program, Service, entry, file};

const SPEEX: &str = "audiotestsrc is-live=true ! audio/x-raw,rate=16000,channels=1 ! speexenc ! rtpspeexpay name=pay1 pt=97";
const PCMA: &str = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=97";
/// It says that it is AAC, and it is not.
const BROKEN: &str = "audiotestsrc is-live=true wave=white-noise ! audio/x-raw,rate=8000,channels=1 ! alawenc \
     ! capssetter join=false replace=true caps=audio/mpeg,mpegversion=4,stream-format=raw,codec_data=(buffer)1588,rate=8000,channels=1 \
     ! rtpmp4gpay name=pay1 pt=97";
/// It has no video, of which the program must not wait for a recording.
const ONLY_SOUND: &str = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay0 pt=97";

/// The entry of a camera that records at once.
fn recorded(name: &str, url: &str, folder: &Path, more: &str) -> String {
    format!(
        "{}[cameras.trigger]\nwhen = \"black | white | gray\"\nbefore-seconds = 0\nafter-seconds = 1\n\
         cool-down-seconds = 600\nfolder = \"{}\"\n{more}",
        entry(name, url),
        folder.display()
    )
}

/// An MPEG-TS file of four seconds. After two, it turns white and the tone changes.
fn make_file(file: &Path) {
    run_line(&format!(
        "mpegtsmux name=m ! filesink location={} \
         concat name=v ! identity single-segment=true ! x264enc tune=zerolatency key-int-max=25 ! h264parse ! queue ! m. \
         videotestsrc num-buffers=50 pattern=black ! video/x-raw,width=320,height=240,framerate=25/1 ! v. \
         videotestsrc num-buffers=50 pattern=white ! video/x-raw,width=320,height=240,framerate=25/1 ! v. \
         concat name=c ! identity single-segment=true ! audioconvert ! {} ! {} ! queue ! m.{}",
        file.display(),
        AAC.encoder,
        AAC.parser,
        tones(&AAC, [50, 50])
    ));
}

#[test]
fn no_sound_ends_a_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |sound: &str| Camera::serve(0, &format!("{LIVE} {sound}"));
    let (unwanted, speex, broken) = (with(PCMA), with(SPEEX), with(BROKEN));
    let only_sound = Camera::serve(0, ONLY_SOUND);
    let video = folder.path().join("video.ts");
    make_file(&video);
    let cameras = [
        ("unwanted", unwanted.url.as_str(), "sound = false\n"),
        ("speex", &speex.url, ""),
        ("broken", &broken.url, ""),
        ("only", &only_sound.url, ""),
    ];
    let mut cameras: String = cameras
        .map(|(name, url, more)| recorded(name, url, folder.path(), more))
        .concat();
    let ts = recorded("ts", &video.display().to_string(), folder.path(), "");
    cameras += &ts
        .replace("black | white | gray", "white")
        .replace("before-seconds = 0", "before-seconds = 1");
    let (_cameras, file) = file(&cameras);
    let service = Service::start();
    let program = Program::run(&service, &file);
    let recording = |events: &[Value], name: &str| {
        let found = events
            .iter()
            .find(|event| event["event"] == "recording" && event["camera"] == name);
        found.map(|event| event["file"].as_str().expect("a path").to_owned())
    };
    let names = ["unwanted", "speex", "broken", "ts"];
    let events = program.wait("four recordings", |events| {
        names.iter().all(|name| recording(events, name).is_some())
            && status_of(events, "only").is_some()
    });
    let answers = answers_of(&events, "broken").len();
    program.wait("more answers", |events| {
        answers_of(events, "broken").len() > answers + 5
    });
    let status = status_of(&events, "only").expect("a status");
    assert_eq!(status["reason"], "no-video");
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();

    let log = &finished.stderr;
    assert!(
        log.contains("speex: WARNING: recorded without sound: a Matroska file can't hold sound of the codec SPEEX"),
        "{log}"
    );
    for quiet in ["unwanted: WARNING", "broken: no video", "ts: WARNING"] {
        assert!(!log.contains(quiet), "{log}");
    }
    let path = |name| PathBuf::from(recording(&events, name).expect("a recording"));
    for silent in ["unwanted", "speex"] {
        assert_eq!(tracks(&path(silent)), ["video_0"], "{silent}");
    }
    let white = when_white(&decoded(&path("ts")));
    let (change, end) = change_of_tone(&path("ts"));
    let change = change.expect("the high tone");
    println!("white at {white} ms, the high tone at {change} ms of {end} ms");
    assert!(change.abs_diff(white) <= 100, "{change} and {white}");
}

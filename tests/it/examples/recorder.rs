//! Analytics beside a recorder: the notes are true, and nothing disturbs the recording.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde_json::Value;

use super::programs::{Program, in_each_language};
use crate::common::Service;
use crate::common::clock::{code, timestamp, with_codes};

/// A decoded frame of a file.
struct Frame {
    pts: gst::ClockTime,
    size: (u32, u32),
    luma: Vec<u8>,
}

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
fn pieces(folder: &Path) -> Vec<PathBuf> {
    let mut pieces: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "mkv"))
        .collect();
    pieces.sort();
    pieces
}

/// Ten seconds with a clock in the picture.
fn record_a_clock(path: &Path) {
    let line = format!(
        "videotestsrc num-buffers=300 pattern=white ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! debugqroverlay pixel-size=4 ! x264enc key-int-max=30 ! mp4mux ! filesink location={}",
        path.display()
    );
    let service = Service::start();
    let launch = crate::common::Launch::start(&service, &format!("-q {}", with_codes(&line)));
    let finished = launch.finish(Duration::from_secs(60));
    assert!(finished.status.success(), "{finished:?}");
}

fn the_notes_name_the_very_pictures(program: &Program) {
    let video = program.folder.join("clock.mp4");
    record_a_clock(&video);
    let service = Service::start();
    let folder = program.folder.join("recordings");
    let arguments = format!("{} 3 file://{}", folder.display(), video.display());
    let launch = program.start(&service, &arguments);
    let finished = launch.finish(Duration::from_secs(60));
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();

    let pieces = pieces(&folder);
    // A piece ends at a key frame, and there is one every two seconds.
    assert!((2..=4).contains(&pieces.len()), "{pieces:?}");
    let pieces: Vec<_> = (pieces.iter())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), frames(path))
        })
        .collect();
    let recorded: usize = pieces.iter().map(|(_, frames)| frames.len()).sum();
    assert_eq!(recorded, 300);

    let notes = fs::read_to_string(folder.join("answers.jsonl")).expect("notes");
    let (mut noted, mut files) = (0, Vec::new());
    for line in notes.lines() {
        let note: Value = serde_json::from_str(line).expect("JSON");
        let answer = note["answer"].as_str().expect("an answer");
        let seconds = note["seconds"].as_f64().expect("a number");
        let told = timestamp(answer).expect("a clock");
        let (name, frames) = (pieces.iter())
            .find(|(name, _)| *name == note["file"])
            .expect("a file of the recording");
        let off = |frame: &&Frame| (frame.pts.nseconds() as f64 / 1e9 - seconds).abs();
        let frame = (frames.iter())
            .min_by(|one, other| off(one).total_cmp(&off(other)))
            .expect("a frame");
        let text = code(frame.size, &frame.luma).expect("a clock");
        let shown = timestamp(&text).expect("a clock");
        // One frame.
        assert!(told.abs_diff(shown) < 34_000_000, "{line}: {text}");
        files.push(name);
        noted += 1;
    }
    files.dedup();
    assert!(noted >= 8 && files.len() >= 2, "{notes}");
}

#[test]
fn notes_tell_the_file_and_the_second() {
    in_each_language("recorder", the_notes_name_the_very_pictures);
}

/// Whatever becomes of the service, all that passed meanwhile is in the files.
fn it_records_on(program: &Program, service: Service, trouble: impl FnOnce(Service)) {
    let folder = program.folder.join("recordings");
    let launch = program.start(&service, &format!("{} 2", folder.display()));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !folder.is_dir() || pieces(&folder).is_empty() {
        assert!(Instant::now() < deadline, "{}", launch.printed());
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    trouble(service);
    let passed = began.elapsed();
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("warning: "), "{finished:?}");

    let mut recorded = 0;
    for piece in pieces(&folder) {
        let frames = frames(&piece);
        for pair in frames.windows(2) {
            let gap = pair[1].pts - pair[0].pts;
            assert!(gap.mseconds() < 40, "{gap} in {}", piece.display());
        }
        recorded += frames.len();
    }
    let seconds = recorded as f64 / 30.0;
    assert!(
        seconds > passed.as_secs_f64() - 0.5,
        "{seconds} s of {passed:?}"
    );
}

#[test]
fn a_service_that_goes_away_leaves_the_recording_whole() {
    in_each_language("recorder", |program| {
        it_records_on(program, Service::start(), |service| {
            service.wait("answers", |seen| {
                seen.streams.first().is_some_and(|s| s.answers.len() >= 2)
            });
            drop(service);
            // It notices, and tries again.
            std::thread::sleep(Duration::from_secs(4));
        });
    });
}

#[test]
fn a_refused_key_leaves_the_recording_whole() {
    in_each_language("recorder", |program| {
        let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
        it_records_on(program, service, |service| {
            service.wait("the refusal", |seen| {
                seen.requests.iter().any(|request| request.status == 401)
            });
            std::thread::sleep(Duration::from_secs(3));
        });
    });
}

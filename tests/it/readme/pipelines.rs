// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Each pipeline runs, on both API versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::Mode;
use serde_json::Value;

use super::pages::{fenced, page};
use super::v1;
use crate::common::launch::{Finished, command};
use crate::common::{Camera, Launch, Pipeline, Service, unused_address};

/// The `gst-launch-1.0` commands of all pages, without the variables before them.
fn pipelines() -> Vec<&'static str> {
    let line_at = |line: &'static str| line.find("gst-launch-1.0 ").map(|at| &line[at..]);
    let lines: Vec<_> = fenced("gst-launch-1.0 ")
        .into_iter()
        .filter_map(line_at)
        .collect();
    for line in &lines {
        assert!(!line.ends_with('\\'), "a pipeline is one line here: {line}");
    }
    lines
}

/// Pipelines that need API v1 are on its page.
fn needs_v1(line: &str) -> bool {
    page("docs/api-v1.md").contains(line)
}

/// Replaces what a test machine does not have: a local camera by a live test picture, a camera's address by the
/// test's own RTSP server, the screen by a sink that shows nothing at the same pace. A file's name stays: it is
/// a real video in the folder that the pipeline runs in.
fn runnable(line: &str, camera: &Camera) -> String {
    line.replace("v4l2src ! image/jpeg", "v4l2src ! jpegenc")
        .replace("v4l2src", "videotestsrc is-live=true")
        .replace("rtsp://camera.example/stream", &camera.url)
        .replace("autovideosink", "fakesink sync=true")
}

/// A folder with the video that the pages call `video.mp4`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let video = crate::common::video("carphone_pristine.mp4");
    fs::copy(video, folder.join("video.mp4")).expect("copied");
    folder
}

fn start(service: &Service, folder: &Path, line: &str) -> Launch {
    println!("{line}");
    Launch::spawn(
        command(service)
            .current_dir(folder)
            .arg("-c")
            .arg(format!("exec {line}")),
    )
}

/// No ERROR, no WARNING, the stream deleted.
fn check(service: &Service, line: &str, finished: &Finished) {
    assert!(finished.status.success(), "{line}: {finished:?}");
    for trouble in ["WARNING: ", "ERROR: "] {
        let is_printed = finished.stdout.contains(trouble) || finished.stderr.contains(trouble);
        assert!(!is_printed, "{line}: {finished:?}");
    }
    service.assert_all_deleted();
}

/// Runs a pipeline of the pages to its end and returns what it printed.
fn run(service: &Service, folder: &Path, camera: &Camera, line: &str) -> Finished {
    let launch = start(service, folder, &runnable(line, camera));
    let answered = service.control.wait(Duration::from_secs(20), |seen| {
        let answers = seen.streams.first().map_or(0, |s| s.answers.len());
        answers + seen.questions.len() >= 3
    });
    if answered.is_err() {
        panic!("no answers: {line}: {:?}", launch.finish(Duration::ZERO));
    }
    // A file ends by itself; the others end by Ctrl-C, as by a person.
    if !line.contains("video.mp4") {
        launch.interrupt();
    }
    let finished = launch.finish(Duration::from_secs(30));
    check(service, line, &finished);
    if line.contains(" -v ") {
        let shown = finished.stdout.matches("last-result = ").count();
        assert!(shown >= 2, "{line}: {}", finished.stdout);
    }
    if line.contains("recording.mp4") {
        assert!(seconds_of(&folder.join("recording.mp4")) > 0.5);
    }
    finished
}

/// The answer's text has the form that the pages ask for.
fn check_form(text: &str) {
    let fits: Value = serde_json::from_str(text).expect("JSON of the form");
    assert!(fits["color"].is_string(), "{fits}");
    assert!(fits["moving"].is_boolean(), "{fits}");
}

#[test]
fn every_pipeline_runs() {
    let mut pipelines = pipelines();
    pipelines.retain(|line| !needs_v1(line));
    assert!(pipelines.len() >= 13, "{pipelines:?}");
    let all = pipelines.concat();
    for replaced in ["v4l2src", "rtsp://camera.example/stream", "autovideosink"] {
        assert!(all.contains(replaced), "{replaced} is on no page");
    }
    let camera = Camera::start("bikes.mp4");
    let folder = folder("readme");
    for line in pipelines {
        let service = Service::start();
        run(&service, &folder, &camera, line);
        let stream = service.stream();
        if line.contains(" interval-seconds=") {
            assert_eq!(stream.mode, Some(Mode::Frame), "{line}");
        }
        if line.contains(" output-schema=") {
            for answer in &stream.answers {
                let answer: Value = serde_json::from_str(&answer.text).expect("JSON");
                check_form(answer["result"].as_str().expect("a text"));
            }
        }
        if line.contains("answers.jsonl") {
            let lines = fs::read_to_string(folder.join("answers.jsonl")).expect("answers");
            let written: Vec<_> = lines.lines().collect();
            let sent: Vec<_> = stream.answers.iter().map(|a| a.text.as_str()).collect();
            assert_eq!(written, sent);
            assert!(sent.len() >= 10, "{} answers", sent.len());
        }
    }
}

#[test]
fn every_pipeline_runs_on_v1() {
    let pipelines = pipelines();
    let own = pipelines.iter().filter(|line| needs_v1(line));
    assert!(own.count() >= 2, "{pipelines:?}");
    let camera = Camera::start("bikes.mp4");
    let folder = folder("readme-v1");
    for line in pipelines {
        let service = v1();
        let finished = run(&service, &folder, &camera, line);
        let asked = service.control.snapshot().questions;
        let urls: String = asked.iter().map(|q| q.media[0].url.as_str()).collect();
        if line.contains(" interval-seconds=") {
            assert!(!urls.contains("start_offset_ms"), "{line}: {urls}");
        }
        if line.contains(" output-schema=") {
            asked
                .iter()
                .for_each(|question| check_form(&question.answer));
        }
        if line.contains("answers.jsonl") {
            let lines = fs::read_to_string(folder.join("answers.jsonl")).expect("answers");
            let written: Vec<_> = lines.lines().map(text_of).collect();
            let sent: Vec<_> = asked.iter().map(|q| q.answer.clone()).collect();
            assert!(written.len() >= 3 && sent.starts_with(&written), "{lines}");
        }
        if line.contains(" questions=") {
            for (name, prompt) in [
                ("gate", "Is the gate open?"),
                ("people", "How many people?"),
            ] {
                let member = format!("\"question\":\"{name}\"");
                assert!(finished.stdout.contains(&member), "{finished:?}");
                assert!(asked.iter().any(|q| q.prompt == prompt), "{asked:?}");
            }
        }
        if line.contains(" stream-partial=") {
            assert!(
                finished.stdout.contains("overshoot-partial"),
                "{finished:?}"
            );
            assert!(asked.iter().all(|question| question.chunks));
        }
    }
}

/// The answer's text in a line of JSON.
fn text_of(line: &str) -> String {
    let answer: Value = serde_json::from_str(line).expect("JSON");
    answer["result"].as_str().expect("a text").to_owned()
}

#[test]
fn the_overlay_shows_each_answer_until_the_next() {
    const FRAMES: usize = 180;
    // Only the service sees the clock, which makes each answer another text. The local picture shows that text
    // alone.
    let line = pipelines()
        .into_iter()
        .find(|line| line.contains("textoverlay"))
        .expect("the overlay")
        .trim_start_matches("gst-launch-1.0 -e ")
        .replace(
            "is-live=true",
            &format!("is-live=true pattern=black num-buffers={FRAMES}"),
        )
        .replace(
            "overshootsink name=o",
            "debugqroverlay pixel-size=4 ! overshootsink name=o delay-seconds=0.5",
        )
        .replace(
            "autovideosink",
            "video/x-raw,format=GRAY8 ! appsink name=seen",
        );
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line);
    let seen = pipeline.pipeline.by_name("seen").expect("named seen");
    let seen = seen.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.play();
    // Each frame: when it was shown, and its pixels where it has a text.
    let mut shown = Vec::new();
    while let Some(sample) = seen.try_pull_sample(gst::ClockTime::from_seconds(10)) {
        let at = Instant::now();
        let buffer = sample.buffer().expect("a frame");
        let pixels = buffer.map_readable().expect("readable");
        let has_text = pixels.iter().any(|pixel| *pixel > 128);
        shown.push((at, has_text.then(|| pixels.to_vec())));
    }
    // Both branches at full rate.
    assert_eq!(shown.len(), FRAMES);
    pipeline.wait_for_eos(Duration::from_secs(10));
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("frames-in"), Ok(FRAMES as u64), "{stats}");

    // Each text from the first frame that shows it; the last answers come after the last frame.
    let last = shown[FRAMES - 1].0;
    let mut first_shown = Vec::new();
    let mut before = None;
    for (at, text) in &shown {
        if let Some(text) = text
            && before != Some(text)
        {
            first_shown.push(*at);
            before = Some(text);
        }
    }
    let results = pipeline.results();
    let answered: Vec<_> = (results.iter().map(|posted| posted.at))
        .filter(|at| *at + Duration::from_millis(200) < last)
        .collect();
    assert!(answered.len() >= 8, "{} answers", answered.len());
    assert!(first_shown.len() >= answered.len(), "a text was not shown");
    let mut delays: Vec<_> = (first_shown.iter().zip(&answered))
        .map(|(shown, answered)| shown.saturating_duration_since(*answered))
        .collect();
    delays.sort();
    let (p50, most) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("from the answer to the picture: p50 {p50:?}, at the most {most:?}");
    // One frame for the source's latency, one until the next is drawn, and one without a text, in
    // which textoverlay takes the new one.
    assert!(p50 < Duration::from_millis(105), "{p50:?}");
    assert!(most < Duration::from_millis(400), "{most:?}");

    let first = shown.iter().position(|(_, text)| text.is_some());
    let since = &shown[first.expect("a text")..];
    let with_text = since.iter().filter(|(_, text)| text.is_some()).count();
    println!(
        "text on {with_text} of {} frames since the first answer",
        since.len()
    );
    // A machine that is busy delays an answer now and then; without durations it would be one
    // frame of fifteen.
    assert!(since.len() > 120 && with_text * 3 > since.len() * 2);
}

/// How long a video is, by playing it to its end.
fn seconds_of(video: &Path) -> f64 {
    crate::common::init();
    let pipeline = gst::parse::launch("filesrc name=f ! decodebin ! fakesink sync=false name=s")
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let file = pipeline.by_name("f").expect("named f");
    file.set_property("location", video.to_str().expect("text"));
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline
        .bus()
        .expect("a bus")
        .timed_pop_filtered(gst::ClockTime::from_seconds(20), &ends)
        .expect("it ends");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let sink = pipeline.by_name("s").expect("named s");
    let position = sink.query_position::<gst::ClockTime>();
    pipeline.set_state(gst::State::Null).expect("it stops");
    position.expect("a position").nseconds() as f64 / 1e9
}

#[test]
fn the_recorder_records_whatever_happens_to_the_key() {
    let line = pipelines()
        .into_iter()
        .find(|line| line.contains("on-error=warn"))
        .expect("the recorder");
    let folder = folder("readme-recorder");
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let launch = start(&service, &folder, line);
    service.wait("the refusal", |seen| {
        seen.requests.iter().any(|request| request.status == 401)
    });
    // The recording must go on.
    std::thread::sleep(Duration::from_secs(3));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    let printed = finished.stdout + &finished.stderr;
    assert!(printed.contains("key was refused"), "{printed}");
    let seconds = seconds_of(&folder.join("recording.mp4"));
    assert!(seconds > 2.5, "{seconds} s were recorded");
}

#[test]
fn the_emulator_runs_by_hand() {
    // A line that only sets the address is for other pipelines.
    let lines = fenced("127.0.0.1:8787").into_iter();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("export ")).collect();
    let (emulator, pipeline) = match lines[..] {
        [emulator, pipeline] => (emulator, pipeline),
        ref others => panic!("an emulator and a pipeline: {others:?}"),
    };
    let build = match fenced("cargo build --locked -p gst-plugin-overshoot -p")[..] {
        [build] => build,
        ref others => panic!("how both are built: {others:?}"),
    };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is in the target folder");
    let port = unused_address().port().to_string();
    let shell = |line: &str| {
        let mut shell = Command::new("bash");
        shell
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("GST_PLUGIN_PATH", crate::common::launch::plugin_folder())
            .env_remove("OVERSHOOT_API_URL")
            .env_remove("OVERSHOOT_API_KEY")
            .arg("-c")
            .env("CARGO_TARGET_DIR", target)
            .arg(line.replace("8787", &port));
        shell
    };
    let built = Launch::spawn(&mut shell(build)).finish(Duration::from_secs(600));
    assert!(built.status.success(), "{built:?}");
    let emulator = emulator.replace("target/", &format!("{}/", target.display()));
    let emulator = Launch::spawn(&mut shell(&format!("exec {emulator}")));
    emulator.wait_for_output("listening on", Duration::from_secs(20));
    let pipeline = Launch::spawn(&mut shell(
        &pipeline.replace("gst-launch", "exec gst-launch"),
    ));
    pipeline.wait_for_output("last-result = ", Duration::from_secs(20));
    pipeline.interrupt();
    let finished = pipeline.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    emulator.interrupt();
    let finished = emulator.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
}

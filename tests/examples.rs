//! The example programs: answers are printed, the prompt is changed, the end is in order.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::launch::{Finished, command};
use common::{Launch, Service};

/// What `examples/answers.*` ask.
const FIRST: &str = "What do you see?";
const THEN: &str = "What moves, and where to?";

/// The program `examples/answers.rs`. `cargo test --test examples` does not build it by itself.
fn rust_example() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is in the target folder");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--example",
            "answers",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("debug/examples/answers")
}

/// The command of `examples/answers.py`; none where Python has no GStreamer.
fn python_example() -> Option<String> {
    let works = Command::new("/usr/bin/python3")
        .args([
            "-c",
            "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst",
        ])
        .output();
    match works {
        Ok(output) if output.status.success() => Some(format!(
            "/usr/bin/python3 {}/examples/answers.py",
            env!("CARGO_MANIFEST_DIR")
        )),
        why => {
            println!(
                "SKIPPED: /usr/bin/python3 cannot import gi (install python3-gi and gir1.2-gstreamer-1.0): {why:?}"
            );
            None
        }
    }
}

/// All three ways to end: the time, Ctrl-C, the end of the video.
fn runs(program: &str) {
    the_time_ends_it(program);
    ctrl_c_ends_it(program);
    the_video_ends_it(program);
    a_refusal_ends_it(program);
}

fn start(service: &Service, program: &str, arguments: &str) -> Launch {
    Launch::spawn(
        command(service)
            .arg("-c")
            .arg(format!("exec {program} {arguments}")),
    )
}

/// It succeeded; every answer that the service gave was printed, and the stream is deleted.
fn check(service: &Service, finished: &Finished) {
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(finished.stderr, "");
    service.assert_all_deleted();
    let answers = service.stream().answers;
    assert!(answers.len() >= 3, "{} answers", answers.len());
    let mut lines = finished.stdout.lines();
    for answer in &answers {
        let json: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        let text = json["result"].as_str().expect("a text");
        assert!(lines.any(|line| line == text), "{text}: {finished:?}");
    }
}

fn the_time_ends_it(program: &str) {
    let service = Service::start();
    let finished = start(&service, program, "3").finish(Duration::from_secs(30));
    check(&service, &finished);
    assert_eq!(service.stream().prompts, [FIRST, THEN]);
    let told = format!("now asking: {THEN}");
    assert!(finished.stdout.lines().any(|l| l == told), "{finished:?}");
}

fn ctrl_c_ends_it(program: &str) {
    let service = Service::start();
    let launch = start(&service, program, "600");
    service.wait("answers", |seen| {
        seen.streams.first().is_some_and(|s| s.answers.len() >= 3)
    });
    launch.interrupt();
    check(&service, &launch.finish(Duration::from_secs(10)));
}

fn the_video_ends_it(program: &str) {
    let service = Service::start();
    let video = common::video("carphone_pristine.mp4");
    let arguments = format!("600 file://{}", video.display());
    let finished = start(&service, program, &arguments).finish(Duration::from_secs(30));
    check(&service, &finished);
    assert!(finished.stdout.contains("176x130"), "{finished:?}");
}

fn a_refusal_ends_it(program: &str) {
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let finished = start(&service, program, "600").finish(Duration::from_secs(10));
    assert!(!finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("key was refused"), "{finished:?}");
}

#[test]
fn the_rust_program_runs() {
    runs(rust_example().to_str().expect("text"));
}

#[test]
fn the_python_program_runs() {
    if let Some(program) = python_example() {
        runs(&program);
    }
}

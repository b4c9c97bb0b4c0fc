// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Cameras in one process: answers, reconnects, turns and the end.

use std::time::Duration;

use crate::support::program::{answered, answers_of, command};
use crate::support::{
    Camera, KEY, LIVE, Program, Relay, Service, active_streams, entry, file, with_password,
};
use overshoot_emulator::{Call, Fault, Times};

const VIDEO: &str = "carphone_pristine.mp4";

fn entries(count: usize, rtsp: &Camera) -> String {
    let entries = (0..count).map(|number| entry(&format!("camera-{number}"), &rtsp.url));
    entries.collect()
}

#[test]
fn a_camera_gets_answers_until_sigterm() {
    let service = Service::start();
    let rtsp = Camera::start(VIDEO);
    let schema = "schema = { type = \"object\", required = [\"width\"], properties = { width = { type = \"integer\" } } }\n";
    let (_folder, file) = file(&format!(
        "{}{}{schema}",
        entry("gate", &rtsp.url),
        entry("form", &rtsp.url)
    ));
    let program = Program::run(&service, &file);
    let events = program.wait("answers", |events| {
        answers_of(events, "gate").len() >= 3 && answers_of(events, "form").len() >= 3
    });
    let answer = answers_of(&events, "gate")[0];
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["prompt"], "What do you see?");
    let host = service.url.split('/').nth(2);
    assert_eq!(answer["service"].as_str(), host, "{answer}");
    assert!(
        answer["result"]
            .as_str()
            .is_some_and(|text| text.contains("176x1")),
        "{answer}"
    );
    assert!(
        answer["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{answer}"
    );
    assert!(
        answer["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0),
        "{answer}"
    );
    assert!(answer.get("json").is_none(), "{answer}");
    let answer = answers_of(&events, "form")[0];
    assert_eq!(answer["json"]["width"], 176, "{answer}");
    // The end takes a few seconds at most, because a stream costs money.
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    assert!(
        finished.took < Duration::from_secs(10),
        "{:?}",
        finished.took
    );
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 2);
}

#[test]
fn api_v1_answers_too() {
    let service = Service::of("v1", |_| {});
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, file) = file(&entry("gate", &rtsp.url));
    let program = Program::run(&service, &file);
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
}

#[test]
fn a_lost_camera_has_no_stream_until_it_is_back() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let port = rtsp.port();
    let (_folder, file) = file(&entry("gate", &rtsp.url));
    let program = Program::run(&service, &file);
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    drop(rtsp);
    let line = program.wait_for_log("no video from");
    assert!(
        line.contains(&format!("gate: no video from 127.0.0.1:{port}")),
        "{line}"
    );
    service.wait("the stream is deleted", |seen| active_streams(seen) == 0);
    service.assert_all_deleted();
    // While the camera cannot be reached, there is no stream.
    program.wait_for_logs("next attempt in", 2);
    assert_eq!(service.control.snapshot().streams.len(), 1);
    let before = answers_of(&program.events(), "gate").len();
    let _rtsp = Camera::serve(port, LIVE);
    program.wait("more answers", |events| {
        answers_of(events, "gate").len() >= before + 3
    });
    assert!(program.stop().status.success());
    service.assert_all_deleted();
}

#[test]
fn a_silent_camera_is_reconnected() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let relay = Relay::to(&rtsp);
    let url = format!("rtsp://127.0.0.1:{}/camera", relay.port);
    let (_folder, file) = file(&entry("gate", &url));
    let program = Program::run(&service, &file);
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    relay.freeze();
    program.wait_for_log("no frame for 1");
    service.wait("the stream is deleted", |seen| active_streams(seen) == 0);
    service.wait("another stream", |seen| seen.streams.len() == 2);
    let before = answers_of(&program.events(), "gate").len();
    program.wait("more answers", |events| {
        answers_of(events, "gate").len() >= before + 3
    });
    assert!(program.stop().status.success());
    service.assert_all_deleted();
}

#[test]
fn seven_cameras_share_the_five_slots_of_a_key() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, file) = file(&format!("turn-seconds = 3\n{}", entries(7, &rtsp)));
    let program = Program::run(&service, &file);
    let mut most = 0;
    service.wait("seven streams, one after the other", |seen| {
        most = most.max(active_streams(seen));
        seen.streams.len() >= 9
    });
    program.wait("answers of all", |events| answered(events).len() == 7);
    assert_eq!(most, 5);
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    let seen = service.control.snapshot();
    assert!(
        seen.requests.iter().all(|request| request.status != 429),
        "{:#?}",
        seen.requests
    );
    assert!(
        finished
            .stderr
            .contains("7 cameras share 5 stream slots (five per key), in turns of 3 s"),
        "{}",
        finished.stderr
    );
    service.assert_all_deleted();
}

#[test]
fn two_keys_have_ten_slots() {
    let other = "ovs-key-another";
    let service = Service::with(|config| config.api_keys.push(other.to_owned()));
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, file) = file(&format!(
        "keys = [\"KEY_1\", \"KEY_2\"]\n{}",
        entries(7, &rtsp)
    ));
    let mut command = command(&service);
    let program = Program::spawn(
        command
            .env("KEY_1", KEY)
            .env("KEY_2", other)
            .arg("run")
            .arg(file),
    );
    service.wait("seven streams at once", |seen| active_streams(seen) == 7);
    program.wait("answers of all", |events| answered(events).len() == 7);
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    for key in [KEY, other] {
        assert!(!finished.stderr.contains(key) && !format!("{:?}", finished.events).contains(key));
    }
    service.assert_all_deleted();
}

#[test]
fn a_busy_key_is_tried_again() {
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::status(429), Times::Once);
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, file) = file(&entry("gate", &rtsp.url));
    let program = Program::run(&service, &file);
    program.wait_for_log("Waiting for a free stream slot");
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    assert!(program.stop().status.success());
    service.assert_all_deleted();
}

#[test]
fn a_refused_key_is_reported_by_its_variable_and_tried_again() {
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, list) = file(&format!(
        "keys = [\"GATE_KEY\"]\n{}",
        entry("gate", &rtsp.url)
    ));
    let mut command = command(&service);
    let program = Program::spawn(command.env("GATE_KEY", KEY).arg("run").arg(list));
    let line = program.wait_for_log("is not used for a minute");
    let words = "put a valid key into the environment variable GATE_KEY";
    assert!(
        line.contains("key was refused")
            && line.contains(words)
            && line.contains("The service says: "),
        "{line}"
    );
    assert!(!line.contains("api-key") && !line.contains(KEY), "{line}");
    assert!(program.stop().status.success());
}

#[test]
fn refused_settings_end_only_that_camera() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let bad = entry("bad", &rtsp.url)
        + "model = \"no such model\"\nmode = \"clip\"\nclip-length-seconds = 0.1\ntarget-fps = 1\n";
    let (_folder, list) = file(&format!("{bad}{}", entry("gate", &rtsp.url)));
    let program = Program::run(&service, &list);
    let line = program.wait_for_log("This camera is not tried again");
    assert!(
        line.contains("bad: ") && line.contains(&format!("{}, line ", list.display())),
        "{line}"
    );
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    assert!(program.stop().status.success());
    // If no other camera is left, the program ends.
    let (_folder, list) = file(&bad);
    let finished = Program::run(&service, &list).finish();
    assert!(!finished.status.success(), "{finished:?}");
    assert!(
        finished.stderr.contains("settings of every camera"),
        "{finished:?}"
    );
}

/// A camera with one user. One entry has the right password, another a wrong one.
#[test]
fn the_password_of_a_camera_is_never_shown() {
    const PASSWORD: &str = "s3same-0pen";
    let service = Service::start();
    let rtsp = with_password(LIVE, PASSWORD);
    let login = |password: &str| {
        rtsp.url
            .replace("rtsp://", &format!("rtsp://admin:{password}@"))
    };
    let (_folder, file) = file(&format!(
        "{}{}",
        entry("gate", &login(PASSWORD)),
        entry("door", &login("wr0ng-s3same"))
    ));
    let mut command = command(&service);
    let log = tempfile::NamedTempFile::new().expect("a file");
    command
        .env("GST_DEBUG", "*:5")
        .env("GST_DEBUG_FILE", log.path());
    let program = Program::spawn(command.arg("run").arg(&file));
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    program.wait_for_log("door: no video from 127.0.0.1");
    let finished = program.stop();
    let written = std::fs::read(log.path()).expect("GStreamer logs");
    let written = String::from_utf8_lossy(&written);
    println!(
        "{} lines of log; {}",
        written.lines().count(),
        finished.stderr
    );
    for secret in [PASSWORD, "wr0ng-s3same", KEY] {
        assert!(!finished.stderr.contains(secret), "{}", finished.stderr);
        assert!(!format!("{:?}", finished.events).contains(secret));
        let leak = written.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None);
    }
}

#[test]
fn a_reader_that_closes_stdout_ends_it() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, file) = file(&entry("gate", &rtsp.url));
    let program = env!("CARGO_BIN_EXE_overshoot-cameras");
    let mut command = command(&service);
    let mut head = std::process::Command::new("sh");
    head.arg("-c")
        .arg(format!("{program} run {} | head -n 2", file.display()));
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            head.env(name, value);
        }
    }
    command.arg("run");
    let done = head.output().expect("sh runs");
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).lines().count(),
        2,
        "{done:?}"
    );
    service.assert_all_deleted();
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The start: the service, the file, and the file when it is read anew.

use std::collections::HashSet;

use crate::support::program::{answered, answers_of, bare};
use crate::support::{Camera, KEY, LIVE, Program, Service, active_streams, entry, file};
use serde_json::Value;

#[test]
fn an_emulator_answers_only_if_it_is_asked_for() {
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, list) = file(&entry("gate", &rtsp.url));
    // Without a key, or with a typing error in its name, nothing is asked and nothing is answered.
    let other = file(&format!(
        "keys = [\"GATE_KEY\"]\n{}",
        entry("gate", &rtsp.url)
    ));
    for (list, url, key) in [
        (&list, None, "OVERSHOOT_API_KEY"),
        (&list, Some("http://127.0.0.1:9/v1"), "OVERSHOOT_API_KEY"),
        (&other.1, None, "GATE_KEY"),
    ] {
        let mut command = bare();
        command.envs(url.map(|url| ("OVERSHOOT_API_URL", url)));
        let done = Program::spawn(command.arg("run").arg(list)).finish();
        assert!(!done.status.success() && done.events.is_empty(), "{done:?}");
        let why = format!("there is no API key in {key}: ");
        assert!(
            done.stderr.contains(&why) && done.stderr.contains("--emulator"),
            "{done:?}"
        );
    }
    let mut both = bare();
    both.env("OVERSHOOT_API_URL", "http://127.0.0.1:9/v1");
    let done = Program::spawn(both.args(["run", "--emulator"]).arg(&list)).finish();
    assert!(
        !done.status.success() && done.stderr.contains("name two services"),
        "{done:?}"
    );

    let program = Program::spawn(bare().args(["run", "--emulator"]).arg(&list));
    program.wait_for_log("INVENTS all answers");
    let events = program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    assert!(
        events.iter().all(|event| event["service"] == "emulator"),
        "{events:?}"
    );
    assert!(program.stop().status.success());
}

#[test]
fn an_invalid_file_is_refused_with_the_fix() {
    let good = entry("gate", "rtsp://user:5ecret@127.0.0.1/");
    for (text, why) in [
        (
            good.replace("prompt", "promt"),
            "line 4, camera \"gate\": unknown field `promt`",
        ),
        (good.replace("rtsp", "ftp"), "write rtsp://host/path"),
        ("turn-seconds = 5\n".to_owned(), "there is no camera"),
        (
            format!("keys = [\"NO_SUCH_KEY\"]\n{good}"),
            "no API key in NO_SUCH_KEY",
        ),
        (
            format!("metrics = \"192.0.2.1:1\"\n{good}"),
            "metrics = \"192.0.2.1:1\"",
        ),
    ] {
        let (_folder, file) = file(&text);
        let mut command = bare();
        // The address of the metrics is used after the key was found.
        if why.starts_with("metrics") {
            command.env("OVERSHOOT_API_KEY", KEY);
        }
        let done = command.arg("run").arg(&file).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(
            !done.status.success() && stderr.contains(why),
            "{why}: {stderr}"
        );
        assert!(!stderr.contains("5ecret"), "{stderr}");
    }
}

#[test]
fn a_missing_folder_is_an_error_at_the_start() {
    let service = Service::start();
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    let camera = entry("yard", "rtsp://127.0.0.1:9/");
    let trigger = format!(
        "[cameras.trigger]\nwhen = \"fire\"\nfolder = \"{}\"\n",
        missing.display()
    );
    let (_cameras, file) = file(&format!("{camera}{trigger}"));
    let finished = Program::run(&service, &file).finish();
    assert!(!finished.status.success(), "{finished:?}");
    for part in [
        "camera \"yard\", trigger.folder",
        "missing: No such file",
        "create this folder",
    ] {
        assert!(finished.stderr.contains(part), "{finished:?}");
    }
}

/// SIGHUP reads the file anew. Cameras that are the same keep their stream.
#[test]
fn only_changed_cameras_start_again() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (gate, yard) = (entry("gate", &rtsp.url), entry("yard", &rtsp.url));
    let (_folder, list) = file(&format!("{gate}{yard}"));
    let program = Program::run(&service, &list);
    let streams_of = |events: &[Value], name: &str| -> HashSet<String> {
        let answers = answers_of(events, name).into_iter();
        answers
            .filter_map(|answer| answer["stream_id"].as_str().map(str::to_owned))
            .collect()
    };
    program.wait("answers", |events| answered(events).len() == 2);
    let reload = |text: &str| {
        std::fs::write(&list, text).expect("written");
        program.signal("HUP");
    };
    reload(&format!("{gate}{}", yard.replace("prompt", "promt")));
    let line = program.wait_for_log("nothing is changed");
    assert!(
        line.contains("line 9, camera \"yard\": unknown field `promt`"),
        "{line}"
    );
    let (changed, door) = (yard.replace("What do", "Whom do"), entry("door", &rtsp.url));
    reload(&format!("{door}{changed}{gate}"));
    let line = program.wait_for_log("added door");
    assert!(line.ends_with("added door; changed yard"), "{line}");
    let asked = |events: &[Value]| {
        let answers = answers_of(events, "yard");
        answers
            .iter()
            .any(|answer| answer["prompt"] == "Whom do you see?")
    };
    program.wait("answers to the new prompt", asked);
    program.wait("answers of the new camera", |events| {
        answered(events).len() == 3
    });
    reload(&format!("{gate}{door}"));
    program.wait_for_log("removed yard");
    service.wait("two streams", |seen| active_streams(seen) == 2);
    let before = answers_of(&program.events(), "gate").len();
    let events = program.wait("more answers", |events| {
        answers_of(events, "gate").len() > before + 2
    });
    assert_eq!(streams_of(&events, "gate").len(), 1);
    assert_eq!(streams_of(&events, "yard").len(), 2);
    assert!(program.stop().status.success());
    service.assert_all_deleted();
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The first command of the README, `examples/quickstart.sh`, as a new user runs it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{KEY, Launch, Service};

/// The script without the settings of a service, so that it starts its own emulator.
fn quickstart(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/quickstart.sh"
        ))
        .env_remove("OVERSHOOT_API_KEY")
        .env_remove("OVERSHOOT_API_URL")
        .env("QUICKSTART_SECONDS", "6")
        .stdin(Stdio::null())
        .args(arguments);
    command
}

#[test]
fn it_shows_answers_about_a_test_picture_and_about_a_file() {
    let file = crate::common::video("bikes.mp4");
    let file = file.to_str().expect("text");
    for (arguments, size) in [(&[][..], "x"), (&[file], "640x272")] {
        let finished = Launch::spawn(&mut quickstart(arguments)).finish(Duration::from_secs(600));
        println!("{}{}", finished.stderr, finished.stdout);
        assert!(finished.status.success(), "{finished:?}");
        let answers = finished
            .stdout
            .lines()
            .filter(|line| line.contains(" ms] "));
        assert!(answers.clone().count() > 5, "{finished:?}");
        assert!(
            answers.clone().all(|line| line.contains(size)),
            "{finished:?}"
        );
    }
}

#[test]
fn it_also_shows_answers_of_api_v1() {
    let service = Service::start();
    let url = service.url.replace("/v0.2", "/v1");
    // With the script's own emulator, and with the user's service.
    for user_url in [None, Some(&url)] {
        let mut command = quickstart(&["--api", "v1"]);
        if let Some(url) = user_url {
            command.env("OVERSHOOT_API_URL", url);
            command.env("OVERSHOOT_API_KEY", KEY);
        }
        let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
        println!("{}{}", finished.stderr, finished.stdout);
        assert!(finished.status.success(), "{finished:?}");
        let answers = finished.stdout.matches(" ms] 640x480").count();
        assert!(answers > 3, "{finished:?}");
        let hint = user_url.map_or("https://api.overshoot.ai/v1beta", |url| url);
        let command_hint = format!("OVERSHOOT_API_URL={hint}");
        assert!(finished.stderr.contains(&command_hint), "{finished:?}");
        assert!(!finished.stderr.contains("/v0.2"), "{finished:?}");
    }
    assert!(service.control.snapshot().questions.len() > 3);
    service.assert_all_deleted();
}

#[test]
fn ctrl_c_ends_it_in_order() {
    let launch = Launch::spawn(quickstart(&[]).env("QUICKSTART_SECONDS", "300"));
    launch.wait_for_output(" ms] ", Duration::from_secs(600));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stdout.contains(" ms] "), "{finished:?}");
}

/// A folder with fake Rust tools of this version, or without tools, and a PATH with this folder in front and without
/// rustup's folder.
fn path_with_rust(version: Option<&str>) -> (PathBuf, String) {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rust-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    if let Some(version) = version {
        for tool in ["cargo", "rustc"] {
            let tool_path = folder.join(tool);
            fs::write(&tool_path, format!("#!/bin/sh\necho {tool} {version}\n")).expect("a script");
            fs::set_permissions(&tool_path, fs::Permissions::from_mode(0o755)).expect("it may run");
        }
    }
    let path = format!("{}:/usr/bin:/bin", folder.display());
    (folder, path)
}

#[test]
fn it_names_the_command_if_rust_is_missing_or_too_old() {
    for (version, problem) in [
        (None, "Rust 1.92 or newer is needed"),
        (Some("1.63.0"), "this cargo is 1.63.0"),
    ] {
        let (folder, path) = path_with_rust(version);
        let mut command = quickstart(&[]);
        command.env("PATH", path).env("CARGO_HOME", &folder);
        let finished = Launch::spawn(&mut command).finish(Duration::from_secs(20));
        fs::remove_dir_all(folder).expect("it was there");
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        for part in [problem, "https://sh.rustup.rs"] {
            assert!(finished.stderr.contains(part), "{finished:?}");
        }
    }
}

#[test]
fn on_a_terminal_it_offers_to_install_rust() {
    for (answer, outcome) in [("n", "nothing to build with"), ("y", "rustup has run")] {
        let (folder, path) = path_with_rust(Some("1.63.0"));
        // A fake `curl` replaces the download. The script that it prints makes a file.
        let curl = folder.join("curl");
        let marker = folder.join("ran");
        fs::write(
            &curl,
            format!("#!/bin/sh\necho touch {}\n", marker.display()),
        )
        .expect("a script");
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).expect("it may run");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart.sh");
        let mut command = Command::new("script");
        // `script` provides a terminal on which the test types the answer.
        command
            .args(["--quiet", "--return", "--echo", "never", "--command"])
            .arg(format!("bash {script}"))
            .arg("/dev/null")
            .env("PATH", path)
            .env("CARGO_HOME", folder.join("none"))
            .stdin(Stdio::piped());
        let mut launch = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts (package bsdutils)");
        let mut typed = launch.stdin.take().expect("a pipe");
        writeln!(typed, "{answer}").expect("it reads");
        let output = launch.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ran = marker.exists();
        fs::remove_dir_all(folder).expect("it was there");
        assert!(text.contains("[y/N]"), "{text}");
        assert!(text.contains(outcome), "{text}");
        assert_eq!(ran, answer == "y", "{text}");
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
}

#[test]
fn wrong_arguments_are_rejected() {
    for (arguments, reason) in [
        (&["/no/such/file.mp4"][..], "there is no file"),
        (&["/dev/video99"], "there is no camera"),
        (&["http://example.org/a.mp4"], "not supported"),
        (&["--nonsense"], "unknown option"),
        (&["--api", "v3"], "v0.2 or v1"),
        (&["--api"], "v0.2 or v1"),
        (&["a.mp4", "b.mp4"], "one video at a time"),
    ] {
        let finished = Launch::spawn(&mut quickstart(arguments)).finish(Duration::from_secs(20));
        assert!(!finished.status.success(), "{arguments:?}");
        assert!(
            finished.stderr.contains(reason),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
}

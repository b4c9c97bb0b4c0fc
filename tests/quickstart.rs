//! The first command of the README, as a newcomer runs it.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::Launch;

/// The script without a service to ask: it brings its own emulator.
fn quickstart(argument: &str) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/quickstart.sh"
        ))
        .env_remove("OVERSHOOT_API_KEY")
        .env_remove("OVERSHOOT_API_URL")
        .env("QUICKSTART_SECONDS", "6")
        .stdin(Stdio::null());
    if !argument.is_empty() {
        command.arg(argument);
    }
    command
}

#[test]
fn it_shows_answers_about_a_test_picture_and_about_a_file() {
    let file = common::video("bikes.mp4");
    for (argument, size) in [("", "x"), (file.to_str().expect("text"), "640x272")] {
        let finished = Launch::spawn(&mut quickstart(argument)).finish(Duration::from_secs(600));
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
fn ctrl_c_ends_it_in_order() {
    let launch = Launch::spawn(quickstart("").env("QUICKSTART_SECONDS", "300"));
    launch.wait_for_output(" ms] ", Duration::from_secs(600));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stdout.contains(" ms] "), "{finished:?}");
}

#[test]
fn what_it_cant_play_is_refused() {
    for (argument, why) in [
        ("/no/such/file.mp4", "there is no file"),
        ("/dev/video99", "there is no camera"),
        ("http://example.org/a.mp4", "not supported"),
        ("--nonsense", "unknown option"),
    ] {
        let finished = Launch::spawn(&mut quickstart(argument)).finish(Duration::from_secs(20));
        assert!(!finished.status.success(), "{argument}");
        assert!(
            finished.stderr.contains(why),
            "{argument}: {}",
            finished.stderr
        );
    }
}

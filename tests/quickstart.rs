//! The first command of the README, as a newcomer runs it.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{KEY, Launch, Service};

/// The script without a service to ask: it brings its own emulator.
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
    let file = common::video("bikes.mp4");
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
fn api_v1_is_shown_too() {
    let service = Service::start();
    let url = service.url.replace("/v0.2", "/v1");
    // Its own emulator, and a service of the user's.
    for own in [None, Some(&url)] {
        let mut command = quickstart(&["--api", "v1"]);
        if let Some(url) = own {
            command.env("OVERSHOOT_API_URL", url);
            command.env("OVERSHOOT_API_KEY", KEY);
        }
        let finished = Launch::spawn(&mut command).finish(Duration::from_secs(600));
        println!("{}{}", finished.stderr, finished.stdout);
        assert!(finished.status.success(), "{finished:?}");
        let answers = finished.stdout.matches(" ms] 640x480").count();
        assert!(answers > 3, "{finished:?}");
        let hint = own.map_or("https://api.overshoot.ai/v1beta", |url| url);
        let by_hand = format!("OVERSHOOT_API_URL={hint}");
        assert!(finished.stderr.contains(&by_hand), "{finished:?}");
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

#[test]
fn what_it_cant_play_is_refused() {
    for (arguments, why) in [
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
            finished.stderr.contains(why),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `answers`: it prints each answer, changes the prompt, and ends correctly in all four ways.

use std::time::Duration;

use super::programs::{Program, in_each_language};
use crate::common::Service;
use crate::common::launch::Finished;

/// The program's first prompt.
const FIRST_PROMPT: &str = "What do you see?";
/// The program's second prompt.
const SECOND_PROMPT: &str = "What moves, and where to?";

/// Asserts that the program succeeded, has printed every answer of the service, and has deleted the stream.
fn check_success(service: &Service, finished: &Finished) {
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

fn the_time_ends_it(program: &Program) {
    let service = Service::start();
    let launch = program.start(&service, "8");
    let finished = launch.finish(Duration::from_secs(30));
    check_success(&service, &finished);
    assert_eq!(service.stream().prompts, [FIRST_PROMPT, SECOND_PROMPT]);
    let announcement = format!("now asking: {SECOND_PROMPT}");
    assert!(
        finished.stdout.lines().any(|line| line == announcement),
        "{finished:?}"
    );
}

fn ctrl_c_ends_it(program: &Program) {
    let service = Service::start();
    let launch = program.start(&service, "600");
    service.wait("answers", |seen| {
        seen.streams.first().is_some_and(|s| s.answers.len() >= 3)
    });
    launch.interrupt();
    check_success(&service, &launch.finish(Duration::from_secs(10)));
}

fn the_video_ends_it(program: &Program) {
    let service = Service::start();
    let video = crate::common::video("carphone_pristine.mp4");
    let launch = program.start(&service, &format!("600 file://{}", video.display()));
    let finished = launch.finish(Duration::from_secs(30));
    check_success(&service, &finished);
    assert!(finished.stdout.contains("176x130"), "{finished:?}");
}

fn a_rejected_key_ends_it(program: &Program) {
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let launch = program.start(&service, "600");
    let finished = launch.finish(Duration::from_secs(20));
    assert!(!finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("key was refused"), "{finished:?}");
}

#[test]
fn answers_are_printed_until_one_of_four_ends() {
    in_each_language("answers", |program| {
        the_time_ends_it(program);
        ctrl_c_ends_it(program);
        the_video_ends_it(program);
        a_rejected_key_ends_it(program);
    });
}

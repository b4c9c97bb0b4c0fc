// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `prompts`: each line from stdin becomes the prompt.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use super::programs::{Program, in_each_language};
use crate::common::Service;

fn typed_lines_become_prompts(program: &Program) {
    let service = Service::start();
    let input = program.folder.join("input");
    let made = Command::new("mkfifo").arg(&input).status();
    assert!(made.expect("mkfifo runs").success());
    let launch = program.start(&service, &format!("<{}", input.display()));
    // The shell opens the other end of the pipe.
    let mut pipe = File::options().write(true).open(&input).expect("a pipe");
    let wait_for_answers = |n: usize, question: &str| {
        service.wait("answers", |seen| {
            let Some(stream) = seen.streams.first() else {
                return false;
            };
            let is_asked = stream.prompts.last().is_some_and(|p| p == question);
            is_asked && stream.answers.len() >= n
        })
    };
    writeln!(pipe, "What is it?\n").expect("the program reads");
    wait_for_answers(3, "What is it?");
    writeln!(pipe, "Where \"is\" it?").expect("the program reads");
    launch.wait_for_output("Where \"is\" it?: ", Duration::from_secs(20));
    drop(pipe);
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
    // An empty line does not change the prompt.
    let stream = service.stream();
    assert_eq!(stream.prompts, ["What is it?", "Where \"is\" it?"]);
    let lines: Vec<_> = finished.stdout.lines().collect();
    let change = lines.iter().position(|line| line.starts_with("Where"));
    let (before, after) = lines.split_at(change.expect("waited for"));
    assert!(before.len() >= 2, "{finished:?}");
    assert!(before.iter().all(|l| l.starts_with("What is it?: 320x240")));
    assert!(after.iter().all(|l| l.starts_with("Where \"is\" it?: 320")));
}

#[test]
fn each_line_is_a_new_prompt() {
    in_each_language("prompts", typed_lines_become_prompts);
}

#[test]
fn without_a_prompt_there_are_no_requests() {
    in_each_language("prompts", |program| {
        let service = Service::start();
        let launch = program.start(&service, "</dev/null");
        let finished = launch.finish(Duration::from_secs(20));
        assert!(finished.status.success(), "{finished:?}");
        assert!(service.control.snapshot().requests.is_empty());
    });
}

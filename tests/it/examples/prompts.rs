//! Prompt changes from stdin.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use super::programs::{Program, in_each_language};
use crate::common::Service;

fn what_is_typed_is_asked(program: &Program) {
    let service = Service::start();
    let input = program.folder.join("input");
    let made = Command::new("mkfifo").arg(&input).status();
    assert!(made.expect("mkfifo runs").success());
    let launch = program.start(&service, &format!("<{}", input.display()));
    // The shell opens the other end.
    let mut typing = File::options().write(true).open(&input).expect("a pipe");
    let answered = |n: usize, question: &str| {
        service.wait("answers", |seen| {
            let Some(stream) = seen.streams.first() else {
                return false;
            };
            let asked = stream.prompts.last().is_some_and(|p| p == question);
            asked && stream.answers.len() >= n
        })
    };
    writeln!(typing, "What is it?\n").expect("it reads");
    answered(3, "What is it?");
    writeln!(typing, "Where \"is\" it?").expect("it reads");
    launch.wait_for_output("Where \"is\" it?: ", Duration::from_secs(20));
    drop(typing);
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
    // The empty line is no question.
    let stream = service.stream();
    assert_eq!(stream.prompts, ["What is it?", "Where \"is\" it?"]);
    let questions: Vec<_> = finished.stdout.lines().collect();
    let change = questions.iter().position(|line| line.starts_with("Where"));
    let (before, since) = questions.split_at(change.expect("waited for"));
    assert!(before.len() >= 2, "{finished:?}");
    assert!(before.iter().all(|l| l.starts_with("What is it?: 320x240")));
    assert!(since.iter().all(|l| l.starts_with("Where \"is\" it?: 320")));
}

#[test]
fn each_line_is_a_new_question() {
    in_each_language("prompts", what_is_typed_is_asked);
}

#[test]
fn without_a_question_nothing_is_asked() {
    in_each_language("prompts", |program| {
        let service = Service::start();
        let launch = program.start(&service, "</dev/null");
        let finished = launch.finish(Duration::from_secs(20));
        assert!(finished.status.success(), "{finished:?}");
        assert!(service.control.snapshot().requests.is_empty());
    });
}

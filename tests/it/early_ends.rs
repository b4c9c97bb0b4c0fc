// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Programs that end at any moment and leave their elements behind: none crashes, and each deletes its stream.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::launch::command;
use crate::common::{Launch, Random, Service};

/// The status with which the programs end.
const STATUS: i32 = 7;
/// They end within this time, in milliseconds.
const LATEST_END: u64 = 2000;
/// Programs that run at the same time.
const AT_ONCE: usize = 4;

/// How the programs end: arguments of `tests/setup/early_end.c` and `early_end.py`.
const C: [&str; 8] = [
    "main", "thread", "frame", "answer", "fork", "prompt", "gone", "stuck",
];
const PYTHON: [&str; 3] = ["main", "fork", "prompt"];
const PYTHON_WITH_HANDLERS: [&str; 7] =
    ["main", "answer", "notify", "bus", "pad", "fork", "prompt"];

/// The number of programs. tests/long.sh sets more.
fn ends() -> usize {
    std::env::var("OVERSHOOT_TEST_ENDS").map_or(16, |count| count.parse().expect("a number"))
}

fn helper(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/setup")
        .join(name)
}

/// Compiles a file in C, with more `arguments`.
fn compiled(source: &str, arguments: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(source.replace(".c", ""));
    let line = format!(
        "cc -Wall -Werror {arguments} -o {} {} $(pkg-config --cflags --libs gstreamer-1.0)",
        program.display(),
        helper(source).display()
    );
    let compiled = Command::new("sh").args(["-c", &line]).status();
    assert!(compiled.expect("a shell").success());
    program
}

/// Runs the program many times, every second time on one core. `how` are its ways to end.
fn run(program: &str, how: &[&str]) {
    let service = Service::start();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = now.expect("after 1970").as_secs();
    println!("seed {seed}");
    let count = ends();
    let one = |thread: usize| {
        let mut random = Random::new(seed + thread as u64);
        for turn in (thread..count).step_by(AT_ONCE) {
            let how = how[turn % how.len()];
            let milliseconds = random.below(LATEST_END);
            let core = ["", "taskset -c 0 "][turn / how.len() % 2];
            let line = format!(
                "exec {core}{program} {how} {milliseconds} \
                 'videotestsrc is-live=true ! video/x-raw,width=320,height=240 ! overshootsink name=o'"
            );
            let launch =
                Launch::spawn(command(&service).env_remove("G_DEBUG").arg("-c").arg(&line));
            println!("{line}");
            let finished = launch.finish(Duration::from_secs(30));
            assert_eq!(finished.status.signal(), None, "{line}: {finished:?}");
            assert_eq!(finished.status.code(), Some(STATUS), "{line}: {finished:?}");
        }
    };
    thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            let one = &one;
            scope.spawn(move || one(thread));
        }
    });
    service.assert_all_deleted();
}

#[test]
fn programs_in_c_end_without_a_crash() {
    run(&compiled("early_end.c", "").display().to_string(), &C);
}

/// Python 3.14 itself crashes if threads of a library call it while it ends (python/cpython#124619): a program with a
/// handler of fakesink's `handoff` nearly always.
fn python_is_before_3_14() -> bool {
    let line = "import sys; sys.exit(sys.version_info >= (3, 14))";
    let python = Command::new("/usr/bin/python3").args(["-c", line]).status();
    python.expect("Python").success()
}

#[test]
fn programs_in_python_end_without_a_crash() {
    let program = format!("/usr/bin/python3 {}", helper("early_end.py").display());
    if python_is_before_3_14() {
        run(&program, &PYTHON_WITH_HANDLERS);
    } else {
        run(&program, &PYTHON);
    }
}

/// The warm-up must not use a type that another thread still registers.
#[test]
fn programs_start_although_types_register_slowly() {
    let slow = compiled("slow_types.c", "-shared -fPIC");
    let service = Service::start();
    let mut command = command(&service);
    command
        .env("LD_PRELOAD", slow)
        .arg("-c")
        .arg("exec gst-launch-1.0 -m videotestsrc is-live=true ! overshootsink prompt=x");
    let launch = Launch::spawn(&mut command);
    launch.wait_for_output("overshoot-result", Duration::from_secs(30));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(30));
    assert!(finished.status.success(), "{finished:?}");
}

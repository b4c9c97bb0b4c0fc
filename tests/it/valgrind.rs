// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Starting, streaming and stopping under valgrind: there are no invalid memory accesses, and the element leaks no
//! memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::launch::command;
use crate::common::{Launch, Service};

#[test]
fn there_are_no_memory_errors_and_no_leaks() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let service = Service::start();
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("valgrind.log");
    // Under valgrind everything takes twenty times as long: streaming starts after about 20 s, beside other tests later.
    let launch = Launch::spawn(
        command(&service)
            .env("G_SLICE", "always-malloc")
            .arg("-c")
            .arg(format!(
                "exec valgrind --log-file={} --num-callers=40 --error-exitcode=9 \
                 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none \
                 gst-launch-1.0 -e -m videotestsrc is-live=true \
                 ! video/x-raw,width=160,height=120,framerate=10/1 \
                 ! overshootsink prompt=What? interval-seconds=0.5 timeout=100000000000",
                log.display()
            )),
    );
    let answered = service.control.wait(Duration::from_secs(240), |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.answers.len() > 2)
    });
    assert!(answered.is_ok(), "no answers: {}", launch.printed());
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(60));
    let report = fs::read_to_string(&log).expect("valgrind writes it");
    assert!(finished.status.success(), "{}\n{report}", finished.stderr);
    let answers = finished.stdout.matches("overshoot-result").count();
    println!("{answers} answers under valgrind");
    assert!(answers > 2, "{}", finished.stdout);
    assert!(report.contains("ERROR SUMMARY: 0 errors"), "{report}");
    // GLib and this machine's drivers have leaks of their own, which do not count.
    let ours = |leak: &&str| leak.contains("definitely lost") && leak.contains("gstovershoot");
    let leaks: Vec<_> = report.split("== \n").filter(ours).collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

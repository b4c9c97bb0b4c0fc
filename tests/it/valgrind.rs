//! A start, a stream and a stop under valgrind: no memory is read or written that is not ours, and the
//! element leaks none.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::launch::command;
use crate::common::{Launch, Service};

#[test]
fn memory_is_used_as_it_should_be() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let service = Service::start();
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("valgrind.log");
    // Everything takes twenty times as long there: it begins to stream after some 20 s.
    let launch = Launch::spawn(
        command(&service)
            .env("G_SLICE", "always-malloc")
            .arg("-c")
            .arg(format!(
                "exec valgrind --log-file={} --num-callers=40 --error-exitcode=9 \
                 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=none \
                 gst-launch-1.0 -e -m videotestsrc is-live=true num-buffers=350 \
                 ! video/x-raw,width=160,height=120,framerate=10/1 \
                 ! overshootsink prompt=What? interval-seconds=0.5 timeout=100000000000",
                log.display()
            )),
    );
    let finished = launch.finish(Duration::from_secs(240));
    let found = fs::read_to_string(&log).expect("valgrind writes it");
    assert!(finished.status.success(), "{}\n{found}", finished.stderr);
    let answers = finished.stdout.matches("overshoot-result").count();
    println!("{answers} answers under valgrind");
    assert!(answers > 2, "{}", finished.stdout);
    assert!(found.contains("ERROR SUMMARY: 0 errors"), "{found}");
    // GLib and the drivers of this machine have theirs.
    let ours = |leak: &&str| leak.contains("definitely lost") && leak.contains("gstovershoot");
    let leaks: Vec<_> = found.split("== \n").filter(ours).collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

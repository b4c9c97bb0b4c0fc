//! The table, on a real terminal.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Camera, LIVE, Service, entry, file};

/// Killed when it is dropped; what runs in it then has lost its terminal, and ends.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it by `script`, whose terminal it is, until Ctrl-C; what it drew.
#[test]
fn a_terminal_gets_a_table_and_is_left_as_it_was() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (folder, list) = file(&entry("gate", &rtsp.url));
    let drawn = folder.path().join("drawn");
    let program = env!("CARGO_BIN_EXE_overshoot-cameras");
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--flush", "--return", "--command"])
        .arg(format!(
            "stty cols 120 rows 24; exec {program} run {}",
            list.display()
        ))
        .arg(&drawn)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let own = crate::support::program::command(&service);
    for (name, value) in own
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        script.env(name, value);
    }
    let mut script = Script(script.spawn().expect("script runs"));
    service.wait("answers", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.answers.len() >= 5)
    });
    let deadline = Instant::now() + crate::support::program::PATIENCE;
    let text = loop {
        let text = String::from_utf8_lossy(&std::fs::read(&drawn).expect("drawn")).into_owned();
        if text.contains("320x240") {
            break text;
        }
        assert!(Instant::now() < deadline, "{text:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    for part in [
        "\u{1b}[?1049h",
        "last answer",
        "gate",
        "streaming",
        "camera;",
    ] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
    assert!(!text.contains("{\"camera\""), "no lines where the table is");
    // Ctrl-C, as the terminal has it.
    let stdin = script.0.stdin.as_mut().expect("piped");
    stdin.write_all(&[3]).expect("typed");
    let status = script.0.wait().expect("script ends");
    assert!(status.success(), "{status:?}");
    let text = String::from_utf8_lossy(&std::fs::read(&drawn).expect("drawn")).into_owned();
    assert!(text.contains("\u{1b}[?1049l"), "{text:?}");
    service.assert_all_deleted();
}

#[test]
fn a_terminal_that_is_closed_ends_it_in_order() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    let (_folder, list) = file(&entry("gate", &rtsp.url));
    let program = crate::support::Program::run(&service, &list);
    program.wait("answers", |told| told.len() >= 3);
    program.signal("HUP");
    let finished = program.finish();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
}

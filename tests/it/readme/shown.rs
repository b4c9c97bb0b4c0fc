// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! docs/troubleshooting.md shows what `gst-launch-1.0` prints: each of its pipelines is run, with the emulator of its
//! block.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::pages::page;
use crate::common::launch::plugin_folder;
use crate::common::{Launch, unused_address};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A block: two commands, and lines that the second one prints.
struct Shown<'a> {
    emulator: &'a str,
    pipeline: &'a str,
    lines: Vec<&'a str>,
}

fn blocks() -> Vec<Shown<'static>> {
    let blocks = page("docs/troubleshooting.md").split("```text\n$ ").skip(1);
    let blocks = blocks.map(|block| {
        let (block, _) = block.split_once("```").expect("its end");
        let mut lines = block.lines();
        let emulator = lines.next().expect("a command");
        let pipeline = lines.next().and_then(|line| line.strip_prefix("$ "));
        Shown {
            emulator,
            pipeline: pipeline.expect("a second command"),
            lines: lines.collect(),
        }
    });
    blocks.collect()
}

/// Whether a printed line has all parts of a shown line, in this order.
fn matches(printed: &str, shown: &str) -> bool {
    let mut rest = printed;
    shown.split('…').map(str::trim).all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

#[test]
fn the_pipelines_print_what_the_page_shows() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let programs = target.expect("it is in the target folder").join("debug");
    let blocks = blocks();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for shown in blocks {
        let port = unused_address().port().to_string();
        let shell = |line: &str| {
            let line = line.replace("127.0.0.1:8787", &format!("127.0.0.1:{port}"));
            let mut shell = Command::new("bash");
            shell
                .env("GST_PLUGIN_PATH", plugin_folder())
                .env("OVERSHOOT_API_KEY", "any")
                .env_remove("OVERSHOOT_API_URL")
                .arg("-c")
                .arg(format!("exec {line}"));
            shell
        };
        let emulator = format!("{}/{}", programs.display(), shown.emulator);
        let listen = format!("{emulator} --listen 127.0.0.1:8787");
        let emulator = Launch::spawn(&mut shell(&listen));
        emulator.wait_for_output("listening on", TIMEOUT);
        let pipeline = Launch::spawn(&mut shell(shown.pipeline));
        let deadline = Instant::now() + TIMEOUT;
        let is_shown = |line: &&str| {
            let printed = pipeline.printed();
            printed.lines().any(|printed| matches(printed, line))
        };
        while !shown.lines.iter().all(&is_shown) {
            let printed = pipeline.printed();
            assert!(Instant::now() < deadline, "{:?}: {printed}", shown.lines);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_line_with_gaps_matches_in_order() {
    assert!(matches("a b c d", "a … c …"));
    assert!(matches("a b c d", "… b … d"));
    assert!(!matches("a b c d", "… c … b"));
    assert!(!matches("a b c d", "e"));
}

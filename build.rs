// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use std::process::Command;

fn main() {
    gst_plugin_version_helper::info();
    // The version has the commit, and a `+` when files differ from it. Without these lines, Cargo would compile the
    // plugin and all that depends on it again after an edit of any file, a test's or the docs' too.
    for path in ["build.rs", "Cargo.toml", "Cargo.lock", "src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if let Some(path) = log_of_commits() {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// The file to which git appends a line whenever another commit is checked out or made: in a linked worktree, it is not
/// below the worktree. None in a release's archive, which has no commit.
fn log_of_commits() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--git-path", "logs/HEAD"])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}

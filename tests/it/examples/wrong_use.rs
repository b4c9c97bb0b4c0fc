// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Wrong use of the examples: one sentence says what to do.

use std::time::Duration;

use super::programs::{Program, in_each_language};
use crate::common::Service;
use crate::common::launch::command;

const TIMEOUT: Duration = Duration::from_secs(30);

fn check(program: &Program, service: &Service, plugin: bool, arguments: &str, why: &str) {
    let mut shell = command(service);
    if !plugin {
        shell.env("GST_PLUGIN_PATH", "/nowhere");
        shell.env("GST_REGISTRY", program.folder.join("registry"));
    }
    let finished = program.start_in(&mut shell, arguments).finish(TIMEOUT);
    let text = finished.stderr.trim();
    assert!(!finished.status.success(), "{finished:?}");
    assert!(
        text.starts_with("error: ") && text.contains(why),
        "{why}: {finished:?}"
    );
    assert_eq!(text.lines().count(), 1, "no traceback: {finished:?}");
}

#[test]
fn wrong_arguments_are_explained() {
    let service = Service::start();
    for (name, arguments, why) in [
        ("recorder", "", "Usage: recorder"),
        ("recorder", "/proc/none", "write another folder"),
        ("answers", "soon", "is no number of seconds"),
        ("answers", "5 Cargo.toml", "write file:///"),
        ("overlay", "a b c", "Usage: overlay"),
        ("repetitions", "nothing", "is no address of a video"),
    ] {
        in_each_language(name, |program| {
            check(program, &service, true, arguments, why)
        });
    }
    assert!(service.control.snapshot().requests.is_empty());
}

/// The programs in Rust contain the plugin.
#[test]
fn a_missing_plugin_is_explained() {
    let service = Service::start();
    in_each_language("answers", |program| {
        if program.folder.display().to_string().contains("-python-") {
            check(program, &service, false, "", "set GST_PLUGIN_PATH");
        }
    });
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example programs, and how the tests start them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::launch::command;
use crate::common::{Launch, Service};

/// Runs a test with the program of this name in both languages, at the same time.
pub fn in_each_language(name: &str, test: impl Fn(&Program) + Sync) {
    let rust = Program::rust(name);
    let python = Program::python(name);
    std::thread::scope(|scope| {
        if let Some(python) = &python {
            scope.spawn(|| test(python));
        }
        test(&rust);
    });
}

/// An example program in one language.
pub struct Program {
    /// The shell command.
    command: String,
    /// The program's own folder, which is empty at the start.
    pub folder: PathBuf,
}

impl Program {
    fn rust(name: &str) -> Self {
        Self::new(
            &format!("{name}-rust"),
            rust_examples_folder().join(name).display().to_string(),
        )
    }

    /// `None` if Python has no GStreamer bindings.
    fn python(name: &str) -> Option<Self> {
        let works = Command::new("/usr/bin/python3")
            .args([
                "-c",
                "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst",
            ])
            .output();
        match works {
            Ok(output) if output.status.success() => {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
                let command = format!("/usr/bin/python3 -B {folder}/{name}.py");
                Some(Self::new(&format!("{name}-python"), command))
            }
            result => {
                println!(
                    "SKIPPED: /usr/bin/python3 cannot import gi (install python3-gi and gir1.2-gstreamer-1.0): {result:?}"
                );
                None
            }
        }
    }

    fn new(name: &str, command: String) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        Self { command, folder }
    }

    /// Starts the program. The shell expands the arguments.
    pub fn start(&self, service: &Service, arguments: &str) -> Launch {
        self.start_in(&mut command(service), arguments)
    }

    /// Like [`Program::start`], in this shell, which [`command`] made.
    pub fn start_in(&self, shell: &mut Command, arguments: &str) -> Launch {
        let line = format!("exec {} {arguments}", self.command);
        Launch::spawn(shell.arg("-c").arg(line))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the Rust programs. Cargo builds them together with all tests, but not with `--test it` alone.
fn rust_examples_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let folder = target.expect("a folder in the target folder");
    let folder = folder.join("debug/examples");
    assert!(
        folder.join("answers").exists(),
        "run the tests by `bash tests/run.sh`, which builds the examples, too"
    );
    folder
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The log: one line per message, on stderr, or below the table if there is one.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::lock::lock;

/// How many log lines are shown below the table.
pub const TABLE_LOG_LINES: usize = 8;

#[derive(Debug, Default)]
pub struct Log {
    /// The lines for the table. `None` without a table.
    table_lines: Mutex<Option<VecDeque<String>>>,
}

impl Log {
    /// A line about one camera.
    pub fn camera(&self, camera: &str, text: impl fmt::Display) {
        self.line(format_args!("{camera}: {text}"));
    }

    pub fn line(&self, text: impl fmt::Display) {
        let now = OffsetDateTime::now_utc();
        let (hour, minute, second) = now.to_hms();
        // Errors of other libraries may contain line feeds and escape codes.
        let text = text.to_string().replace(['\n', '\r', '\u{1b}'], " ");
        let line = format!("{hour:02}:{minute:02}:{second:02} {text}");
        if let Some(lines) = &mut *lock(&self.table_lines) {
            if lines.len() == TABLE_LOG_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
            return;
        }
        write(&line);
    }

    /// From now on the lines are kept for the table.
    pub fn show_in_table(&self) {
        *lock(&self.table_lines) = Some(VecDeque::new());
    }

    /// From now on the lines go to stderr. The kept lines are printed first.
    pub fn print_to_stderr(&self) {
        let lines = lock(&self.table_lines).take();
        for line in lines.into_iter().flatten() {
            write(&line);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let lines = lock(&self.table_lines);
        lines.iter().flatten().cloned().collect()
    }
}

/// To call without holding the lock, because stderr may be slow. Errors have no reader to report them to.
fn write(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

//! What happens, a line each: on stderr, or below the table where there is one.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::lock::lock;

/// How many lines the table has.
pub const LINES_SHOWN: usize = 8;

#[derive(Debug, Default)]
pub struct Log {
    /// Kept for the table while there is one.
    shown: Mutex<Option<VecDeque<String>>>,
}

impl Log {
    /// About one camera.
    pub fn of(&self, camera: &str, text: impl fmt::Display) {
        self.say(format_args!("{camera}: {text}"));
    }

    pub fn say(&self, text: impl fmt::Display) {
        let now = OffsetDateTime::now_utc();
        let (hour, minute, second) = now.to_hms();
        // One line each, whatever somebody else's error has in it.
        let text = text.to_string().replace(['\n', '\r', '\u{1b}'], " ");
        let line = format!("{hour:02}:{minute:02}:{second:02} {text}");
        if let Some(lines) = &mut *lock(&self.shown) {
            if lines.len() == LINES_SHOWN {
                lines.pop_front();
            }
            lines.push_back(line);
            return;
        }
        write(&line);
    }

    /// From now on the lines are for the table.
    pub fn keep(&self) {
        *lock(&self.shown) = Some(VecDeque::new());
    }

    /// From now on they go to stderr, the last ones first.
    pub fn release(&self) {
        let lines = lock(&self.shown).take();
        for line in lines.into_iter().flatten() {
            write(&line);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let shown = lock(&self.shown);
        shown.iter().flatten().cloned().collect()
    }
}

/// Without the lock: whoever reads stderr may be slow. Where nobody does there is nobody to tell.
fn write(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

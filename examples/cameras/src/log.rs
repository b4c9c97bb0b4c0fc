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
        let mut shown = lock(&self.shown);
        match &mut *shown {
            Some(lines) => {
                if lines.len() == LINES_SHOWN {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
            // Without a reader of stderr there is nobody to tell.
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// From now on the lines are for the table.
    pub fn keep(&self) {
        *lock(&self.shown) = Some(VecDeque::new());
    }

    /// From now on they go to stderr, the last ones first.
    pub fn release(&self) {
        for line in lock(&self.shown).take().into_iter().flatten() {
            // As above.
            drop(writeln!(std::io::stderr(), "{line}"));
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let shown = lock(&self.shown);
        shown.iter().flatten().cloned().collect()
    }
}

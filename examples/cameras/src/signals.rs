// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The signals that this program handles.

use std::fs::File;
use std::io;

use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C, SIGTERM, or the terminal is closed.
    Stop,
    /// SIGHUP: read the file anew.
    Reload,
}

pub struct Signals {
    interrupt: Listener,
    terminate: Listener,
    hangup: Listener,
    had_terminal: bool,
}

impl Signals {
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            had_terminal: has_terminal(),
        })
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            // A terminal that closes sends the same signal.
            _ = self.hangup.recv() => match self.had_terminal && !has_terminal() {
                true => Signal::Stop,
                false => Signal::Reload,
            },
        }
    }
}

/// Whether this process has a terminal that can send it signals.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

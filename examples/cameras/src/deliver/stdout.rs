// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Writes events to stdout as JSON Lines.

use std::io::Write;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::EventReceiver;

/// Runs on its own thread, because stdout may be a pipe that nobody reads for a while.
pub fn deliver(mut events: EventReceiver, closed: &CancellationToken) {
    let mut stdout = std::io::stdout().lock();
    while let Some(event) = Handle::current().block_on(events.next()) {
        if let Err(error) = writeln!(stdout, "{}", event.json).and_then(|()| stdout.flush()) {
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                events.report(error);
            }
            // The reader has closed stdout, as `head` does when it has read enough.
            return closed.cancel();
        }
        events.count_delivered();
    }
}

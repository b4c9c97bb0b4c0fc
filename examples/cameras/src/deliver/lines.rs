//! JSON Lines on stdout.

use std::io::Write;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Inbox;

/// On a thread of its own: stdout may be a pipe that nobody reads for a while.
pub fn deliver(mut inbox: Inbox, closed: &CancellationToken) {
    let mut stdout = std::io::stdout().lock();
    while let Some(event) = Handle::current().block_on(inbox.next()) {
        if let Err(error) = writeln!(stdout, "{}", event.json).and_then(|()| stdout.flush()) {
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                inbox.trouble(error);
            }
            // As `head` does, when it has read enough.
            return closed.cancel();
        }
        inbox.delivered();
    }
}

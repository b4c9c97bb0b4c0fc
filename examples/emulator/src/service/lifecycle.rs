// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The life of one stream: watches its lease and tasks, and ends it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::records::event::Event;
use crate::records::snapshot::EndReason;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// Runs a stream until it has ended. Each of the `tasks` runs until the stream ends; if one fails, the stream
/// ends with the reason `broken`.
pub(crate) async fn run(
    mut tasks: JoinSet<()>,
    broken: EndReason,
    live: Arc<LiveStream>,
    app: Arc<App>,
) {
    while !live.end_token.is_cancelled() {
        let (until, _) = live.lease();
        tokio::select! {
            () = live.end_token.cancelled() => {}
            () = sleep_until(until.into()) => {
                // Meanwhile a keepalive may have arrived, or may have been rejected.
                let (until, reason) = live.lease();
                if until <= Instant::now() {
                    live.end(reason);
                }
            }
            // Each task runs until the stream ends; a task that ends earlier has panicked.
            Some(_) = tasks.join_next() => {
                live.video_lost(broken);
            }
        }
    }
    let at = Instant::now();
    if let Some(reason) = live.end_reason() {
        app.config.control.stream(&live.id, |stream| {
            stream.ended.get_or_insert((at, reason));
        });
    }
    while tasks.join_next().await.is_some() {}
    // The last charge. The pictures are dropped; the stream itself is kept for its feedback.
    let _ = app.credits.charge(&live);
    live.api.clear();
    app.emit(&Event::Ended {
        stream: live.id.clone(),
        reason: live.end_reason(),
        lived: at.duration_since(live.created),
        frames: live.frames.load(Ordering::Relaxed),
        bytes: live.bytes.load(Ordering::Relaxed),
        answers: live.api.answers(),
    });
}

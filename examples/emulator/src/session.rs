//! The owner of one stream's tasks: starts them, watches the lease, joins them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::answer;
use crate::event::Event;
use crate::live::Live;
use crate::record::EndReason;
use crate::room::Inlet;
use crate::rtc;
use crate::service::App;

/// Runs a stream from its making to its end.
pub(crate) async fn run(inlet: Inlet, live: Arc<Live>, app: Arc<App>) {
    let mut tasks = JoinSet::new();
    // Of a task that fails.
    let broken = match inlet {
        Inlet::Direct(_) => EndReason::WebrtcDisconnected,
        Inlet::Host(_) | Inlet::Guest(_) => EndReason::LivekitDisconnected,
    };
    match inlet {
        Inlet::Direct(peer) => tasks.spawn(rtc::run(*peer, live.clone(), app.clone())),
        Inlet::Host(host) => tasks.spawn(host.run(live.clone(), app.clone())),
        Inlet::Guest(guest) => tasks.spawn(guest.run(live.clone(), app.clone())),
    };
    tasks.spawn(answer::run(live.clone(), app.clone()));
    while !live.over.is_cancelled() {
        let (until, _) = live.lease();
        tokio::select! {
            () = live.over.cancelled() => {}
            () = sleep_until(until.into()) => {
                // A keepalive may have come meanwhile, or been refused.
                let (until, reason) = live.lease();
                if until <= Instant::now() {
                    live.end(reason);
                }
            }
            // Both run until the stream is over; one that is done earlier has panicked.
            Some(_) = tasks.join_next() => {
                live.end(broken);
            }
        }
    }
    let at = Instant::now();
    if let Some(reason) = live.ended() {
        app.config.control.stream(&live.id, |stream| {
            stream.ended.get_or_insert((at, reason));
        });
    }
    while tasks.join_next().await.is_some() {}
    // The last of the money, and of the pictures: the stream itself is remembered for its feedback.
    let _ = app.charge(&live);
    live.eyes.forget();
    app.tell(&Event::Ended {
        stream: live.id.clone(),
        reason: live.ended(),
        lived: at.duration_since(live.created),
        frames: live.frames.load(Ordering::Relaxed),
        bytes: live.bytes.load(Ordering::Relaxed),
        answers: live.answers.load(Ordering::Relaxed),
    });
}

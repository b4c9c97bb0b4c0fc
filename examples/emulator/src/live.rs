//! One stream while it lives: lease, prompt, route, outlet, end.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use tokio_util::sync::CancellationToken;

use crate::outlet::Outlet;
use crate::record::EndReason;
use crate::room;
use crate::route::Route;
use crate::sight::Eyes;
use crate::util::{lock, timestamp};
use crate::validate::Plan;

/// What the calls, the socket, the media and the schedule of one stream share.
pub(crate) struct Live {
    pub id: String,
    /// The key that made it. Never shown.
    pub owner: String,
    pub plan: Plan,
    pub created: Instant,
    pub created_text: String,
    pub route: Route,
    pub outlet: Outlet,
    pub eyes: Eyes,
    /// Frames decoded.
    pub frames: AtomicU64,
    /// Bytes of RTP received.
    pub bytes: AtomicU64,
    /// Answers given.
    pub answers: AtomicU64,
    /// Cancelled when the stream ends, for whatever reason.
    pub over: CancellationToken,
    /// The room that was made for it, and where to knock: nowhere, if it is on a LiveKit server.
    pub room: OnceLock<Option<room::Door>>,
    prompt: Mutex<String>,
    lease: Mutex<Lease>,
    ending: Mutex<Option<EndReason>>,
    cut_until: Mutex<Option<Instant>>,
    stalled_until: Mutex<Option<Instant>>,
    charged: Mutex<Instant>,
}

struct Lease {
    until: Instant,
    /// Set by a keepalive that was refused for want of credits.
    broke: bool,
}

impl Live {
    pub(crate) fn new(
        id: String,
        owner: String,
        plan: Plan,
        eyes: Eyes,
        ttl: Duration,
        over: CancellationToken,
    ) -> Self {
        let created = Instant::now();
        Live {
            id,
            owner,
            prompt: Mutex::new(plan.prompt.clone()),
            plan,
            created,
            created_text: timestamp(),
            route: Route::new(),
            outlet: Outlet::default(),
            eyes,
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            over,
            room: OnceLock::new(),
            lease: Mutex::new(Lease {
                until: created + ttl,
                broke: false,
            }),
            ending: Mutex::new(None),
            cut_until: Mutex::new(None),
            stalled_until: Mutex::new(None),
            charged: Mutex::new(created),
        }
    }

    pub(crate) fn prompt(&self) -> String {
        lock(&self.prompt).clone()
    }

    pub(crate) fn set_prompt(&self, prompt: String) {
        *lock(&self.prompt) = prompt;
    }

    pub(crate) fn renew_lease(&self, ttl: Duration) {
        *lock(&self.lease) = Lease {
            until: Instant::now() + ttl,
            broke: false,
        };
    }

    /// A renewal was refused: the stream goes when the lease is over, for that reason.
    pub(crate) fn out_of_credits(&self) {
        lock(&self.lease).broke = true;
    }

    /// The seconds since this was last asked.
    pub(crate) fn uncharged_seconds(&self) -> f64 {
        let now = Instant::now();
        let before = std::mem::replace(&mut *lock(&self.charged), now);
        now.duration_since(before).as_secs_f64()
    }

    /// When the lease is over, and what the stream then ends with.
    pub(crate) fn lease(&self) -> (Instant, EndReason) {
        let lease = lock(&self.lease);
        let reason = if lease.broke {
            EndReason::InsufficientCredits
        } else {
            EndReason::LeaseExpired
        };
        (lease.until, reason)
    }

    /// Ends the stream. False where it had ended already.
    pub(crate) fn end(&self, reason: EndReason) -> bool {
        {
            let mut ending = lock(&self.ending);
            if ending.is_some() || self.over.is_cancelled() {
                return false;
            }
            *ending = Some(reason);
        }
        self.over.cancel();
        true
    }

    /// Why it ended. `None`: it lives, or the emulator stops.
    pub(crate) fn ended(&self) -> Option<EndReason> {
        *lock(&self.ending)
    }

    pub(crate) fn cut_media(&self, for_: Duration) {
        *lock(&self.cut_until) = Instant::now().checked_add(for_);
    }

    pub(crate) fn media_is_cut(&self) -> bool {
        lock(&self.cut_until).is_some_and(|until| Instant::now() < until)
    }

    pub(crate) fn stall_media(&self, for_: Duration) {
        *lock(&self.stalled_until) = Instant::now().checked_add(for_);
    }

    /// Until when the media socket is left alone.
    pub(crate) fn media_stalled_until(&self) -> Option<Instant> {
        lock(&self.stalled_until).filter(|until| Instant::now() < *until)
    }

    /// Whether that request may see the stream.
    pub(crate) fn visible_to(
        &self,
        owner: Option<&str>,
        sticky: bool,
        headers: &HeaderMap,
    ) -> bool {
        owner.is_none_or(|owner| owner == self.owner) && (!sticky || self.route.found_by(headers))
    }
}

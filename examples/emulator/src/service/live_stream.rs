// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One stream of either API while it lives: its lease, its media, its end.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::faults::injected::FedFrame;
use crate::faults::injected::{SignalMessage, SocketMessage};
use crate::lock::lock;
use crate::records::snapshot::EndReason;
use crate::service::rtp_timeline::RtpTimeline;
use crate::vision::observation::MeasuredFrame;

/// What the calls, the media and the tasks of one stream share.
pub(crate) struct LiveStream {
    pub id: String,
    /// The key that created it. Never shown.
    pub owner: String,
    pub created: Instant,
    pub api: Arc<dyn ApiStream>,
    /// Frames decoded.
    pub frames: AtomicU64,
    /// Bytes of RTP received.
    pub bytes: AtomicU64,
    /// Cancelled when the stream ends, for whatever reason.
    pub end_token: CancellationToken,
    /// The room that was made for it.
    pub room: OnceLock<StreamRoom>,
    timeline: Mutex<RtpTimeline>,
    lease: Mutex<Lease>,
    ending: Mutex<Option<(EndReason, Instant)>>,
    cut_until: Mutex<Option<Instant>>,
    stalled_until: Mutex<Option<Instant>>,
    charged: Mutex<Instant>,
}

/// The part of a stream that depends on its API: what happens to its decoded frames.
pub(crate) trait ApiStream: Send + Sync {
    /// Takes a decoded frame, on the decoder's thread.
    fn add_frame(&self, frame: MeasuredFrame, picture: gst::Sample);

    /// Drops all pictures.
    fn clear(&self);

    /// How many answers were given.
    fn answers(&self) -> u64;

    /// Whether the stream ends when its video is gone for good.
    fn ends_without_video(&self) -> bool;

    /// Writes a message to all of its authenticated sockets. False: it has none.
    fn send_on_sockets(&self, _message: SocketMessage) -> bool {
        false
    }

    /// Takes an encoded frame as if it had come from the network. False: it cannot.
    fn feed(&self, _frame: FedFrame) -> bool {
        false
    }
}

/// A room that was made for a stream.
pub(crate) enum StreamRoom {
    /// Hosted by this emulator. Passes the messages of [`Control`](crate::Control) to it.
    Here(SignalInjector),
    /// On a LiveKit server.
    OnServer,
}

/// Passes a message to a room. False: the room did not take it.
pub(crate) type SignalInjector = Box<dyn Fn(SignalMessage) -> bool + Send + Sync>;

struct Lease {
    until: Instant,
    /// Set when a keepalive was rejected because there were no credits.
    out_of_credits: bool,
}

impl LiveStream {
    pub(crate) fn new(
        id: String,
        owner: String,
        api: Arc<dyn ApiStream>,
        ttl: Duration,
        end_token: CancellationToken,
    ) -> Self {
        let created = Instant::now();
        LiveStream {
            id,
            owner,
            created,
            api,
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            end_token,
            room: OnceLock::new(),
            timeline: Mutex::default(),
            lease: Mutex::new(Lease {
                until: created + ttl,
                out_of_credits: false,
            }),
            ending: Mutex::new(None),
            cut_until: Mutex::new(None),
            stalled_until: Mutex::new(None),
            charged: Mutex::new(created),
        }
    }

    /// The timestamp of a frame on the stream's own clock, see [`RtpTimeline`].
    pub(crate) fn time(&self, rtp_time: u64, arrived: Instant, new_sender: bool) -> u64 {
        lock(&self.timeline).time(rtp_time, arrived, new_sender)
    }

    /// When the newest frame arrived, decodable or not.
    pub(crate) fn newest_arrival(&self) -> Option<Instant> {
        lock(&self.timeline).newest_arrival()
    }

    pub(crate) fn renew_lease(&self, ttl: Duration) {
        *lock(&self.lease) = Lease {
            until: Instant::now() + ttl,
            out_of_credits: false,
        };
    }

    /// A keepalive was rejected for lack of credits: when the lease expires, this is the reason for the end.
    pub(crate) fn mark_out_of_credits(&self) {
        lock(&self.lease).out_of_credits = true;
    }

    /// The seconds since the last call of this function.
    pub(crate) fn uncharged_seconds(&self) -> f64 {
        let now = Instant::now();
        let before = std::mem::replace(&mut *lock(&self.charged), now);
        now.duration_since(before).as_secs_f64()
    }

    /// When the lease expires, and the reason for the end then.
    pub(crate) fn lease(&self) -> (Instant, EndReason) {
        let lease = lock(&self.lease);
        let reason = if lease.out_of_credits {
            EndReason::InsufficientCredits
        } else {
            EndReason::LeaseExpired
        };
        (lease.until, reason)
    }

    /// Ends the stream. False: it had ended already.
    pub(crate) fn end(&self, reason: EndReason) -> bool {
        {
            let mut ending = lock(&self.ending);
            if ending.is_some() || self.end_token.is_cancelled() {
                return false;
            }
            *ending = Some((reason, Instant::now()));
        }
        self.end_token.cancel();
        true
    }

    /// The video is gone for good. This ends a v0.2 stream. A v1 stream lives on, since its history can still
    /// be asked about.
    pub(crate) fn video_lost(&self, reason: EndReason) {
        if self.api.ends_without_video() {
            self.end(reason);
        }
    }

    /// Why it ended. `None`: it is alive, or the emulator stops.
    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        lock(&self.ending).map(|(reason, _)| reason)
    }

    pub(crate) fn ended_at(&self) -> Option<Instant> {
        lock(&self.ending).map(|(_, at)| at)
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

    /// Until when the media socket must not be touched.
    pub(crate) fn media_stalled_until(&self) -> Option<Instant> {
        lock(&self.stalled_until).filter(|until| Instant::now() < *until)
    }
}

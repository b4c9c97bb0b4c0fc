// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Requests for a key frame of video that is passed through: when to ask the source, and when to give up on it.

use std::time::{Duration, Instant};

use crate::sink::codec::random_access::RandomAccess;

/// Minimum time between two requests to the source, however often the remote peer asks.
const INTERVAL: Duration = Duration::from_millis(300);
/// Peers that wait for a key frame ask at least this often (libwebrtc: every 3 s, aiortc: with each packet that it can't
/// use). After a longer pause, the peer got what it needed.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long a peer may wait for an IDR if it has got none on this connection.
const FIRST_IDR_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may wait later. Some cameras send one every 10 s only, whoever asks.
const NEXT_IDR_TIMEOUT: Duration = Duration::from_secs(12);

/// What the source has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRequest {
    /// Send a key frame.
    KeyFrame,
    /// Nothing: it sends no key frame that the remote peer can begin at, so its video must be decoded here.
    Decode,
}

/// The requests during one connection.
#[derive(Default)]
pub struct KeyFrameRequests {
    /// When the source was asked.
    forwarded: Option<Instant>,
    /// Since when the remote peer waits, and when it last asked.
    waiting: Option<(Instant, Instant)>,
    has_idr: bool,
    gave_up: bool,
}

impl KeyFrameRequests {
    /// A frame was passed on.
    pub fn passed_on(&mut self, access: RandomAccess) {
        if access == RandomAccess::Full {
            self.waiting = None;
            self.has_idr = true;
        }
    }

    /// A frame was not passed on, because no key frame was passed on before it.
    pub fn missed(&mut self, now: Instant) -> Option<SourceRequest> {
        let due = self.forwarded.is_none_or(|at| now - at >= INTERVAL);
        due.then(|| {
            self.forwarded = Some(now);
            SourceRequest::KeyFrame
        })
    }

    /// The remote peer asks for a key frame.
    pub fn asked(&mut self, now: Instant) -> Option<SourceRequest> {
        let since = match self.waiting {
            Some((since, last)) if now - last <= LONGEST_PAUSE => since,
            _ => now,
        };
        self.waiting = Some((since, now));
        let timeout = match self.has_idr {
            true => NEXT_IDR_TIMEOUT,
            false => FIRST_IDR_TIMEOUT,
        };
        if now - since >= timeout {
            let first = !std::mem::replace(&mut self.gave_up, true);
            return first.then_some(SourceRequest::Decode);
        }
        self.missed(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the source is asked if the peer asks every `pause` ms, for 20 s. `sent`: the frames before each request.
    fn requests(pause: u64, sent: impl Fn(u64) -> RandomAccess) -> Vec<(u64, SourceRequest)> {
        let (begin, mut requests) = (Instant::now(), KeyFrameRequests::default());
        (0..20_000 / pause)
            .filter_map(|n| {
                requests.passed_on(sent(n));
                let now = begin + Duration::from_millis(n * pause);
                Some((n * pause, requests.asked(now)?))
            })
            .collect()
    }

    #[test]
    fn the_source_is_asked_now_and_then_and_given_up_once() {
        let asked = requests(100, |_| RandomAccess::Partial);
        assert_eq!(
            asked[..3],
            [0, 300, 600].map(|at| (at, SourceRequest::KeyFrame))
        );
        let given_up: Vec<_> = asked
            .iter()
            .filter(|(_, request)| *request == SourceRequest::Decode)
            .collect();
        assert_eq!(given_up, [&(3_000, SourceRequest::Decode)]);
    }

    #[test]
    fn a_source_with_rare_idrs_is_kept() {
        let gives_up = |pause: u64, every: u64| {
            let sent = |n: u64| match (n * pause).is_multiple_of(every) {
                true => RandomAccess::Full,
                false => RandomAccess::None,
            };
            requests(pause, sent)
                .iter()
                .any(|(_, request)| *request == SourceRequest::Decode)
        };
        assert!(!gives_up(1_000, 10_000));
        assert!(gives_up(1_000, 19_000));
        // A request every 5 s is a new one each time.
        assert!(!gives_up(5_000, 60_000));
    }
}

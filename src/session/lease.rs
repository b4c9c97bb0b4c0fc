// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When to renew a stream's lease. Nothing here reads the clock.

use std::time::Duration;

use super::retry::{MAX_PAUSE, TRIES};

/// Used if the service names no usable lease (protocol: 30 s).
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// A shorter lease counts as this one: the element would do nothing but renew it.
const MIN_TTL: Duration = Duration::from_secs(2);
/// A longer lease is renewed as if it had this length: a stream that nobody needs any more must not stay
/// alive for days.
const MAX_TTL: Duration = Duration::from_secs(3600);

/// The pause between the tries of a call that the stream needs, as the service's SDKs do it.
pub const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The length of the lease, from the service's `ttl_seconds`.
pub fn ttl(seconds: Option<f64>) -> Duration {
    match seconds {
        Some(seconds) if seconds > 0.0 && seconds.is_finite() => {
            Duration::try_from_secs_f64(seconds)
                .unwrap_or(MAX_TTL)
                .clamp(MIN_TTL, MAX_TTL)
        }
        _ => DEFAULT_TTL,
    }
}

/// The time from one renewal to the next: half the lease.
pub fn renewal_interval(ttl: Duration) -> Duration {
    ttl / 2
}

/// The pause between the tries of a renewal: the SDKs' 2 s, or less for a short lease.
pub fn retry_pause(ttl: Duration) -> Duration {
    RETRY_PAUSE.min((ttl - renewal_interval(ttl)) / 4)
}

/// The limit for one try of a renewal. With it, the last try ends before the lease does. A tenth of the
/// remaining time is kept in reserve, as the service's clock may differ.
pub fn try_timeout(ttl: Duration) -> Duration {
    let pauses = retry_pause(ttl) * (TRIES - 1);
    time_left(ttl, renewal_interval(ttl)).saturating_sub(pauses) / TRIES
}

/// The time for renewing a lease whose renewal starts after `interval`, with the same reserve.
pub fn time_left(ttl: Duration, interval: Duration) -> Duration {
    (ttl - interval).mul_f64(0.9)
}

/// The longest pause between two tries of a renewal that the service can ask for (`retry-after`): a third
/// of the remaining lease, with its jitter, as a try after its end is useless.
pub fn max_retry_pause(ttl: Duration) -> Duration {
    MAX_PAUSE.min((ttl - renewal_interval(ttl)).mul_f64(0.28))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_ttls_are_replaced() {
        let secs = Duration::from_secs;
        for (seconds, expected) in [
            (Some(30.0), secs(30)),
            (Some(45.5), Duration::from_millis(45_500)),
            (None, secs(30)),
            (Some(0.0), secs(30)),
            (Some(-3.0), secs(30)),
            (Some(f64::NAN), secs(30)),
            (Some(f64::INFINITY), secs(30)),
            (Some(0.001), secs(2)),
            (Some(1e300), secs(3600)),
        ] {
            assert_eq!(ttl(seconds), expected, "{seconds:?}");
        }
        assert_eq!(renewal_interval(secs(30)), secs(15));
    }

    #[test]
    fn all_tries_fit_in_the_lease() {
        for ttl in [2, 4, 10, 30, 300].map(Duration::from_secs) {
            let tries = try_timeout(ttl) * TRIES + retry_pause(ttl) * (TRIES - 1);
            assert!(renewal_interval(ttl) + tries <= ttl, "{ttl:?}");
            assert!(renewal_interval(ttl) + tries < ttl.mul_f64(0.96), "{ttl:?}");
            assert!(try_timeout(ttl) >= Duration::from_millis(130), "{ttl:?}");
        }
        assert_eq!(retry_pause(Duration::from_secs(30)), Duration::from_secs(2));
    }
}

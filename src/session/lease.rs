//! When a stream's lease must be renewed. Pure functions: the clock is the caller's.

use std::time::Duration;

use super::retry::{MAX_PAUSE, TRIES};

/// The lease where the service names none, or none that makes sense (protocol: 30 s).
pub const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// A shorter lease would have us do nothing but renew it.
const MIN_TTL: Duration = Duration::from_secs(2);
/// A longer one is renewed as if it were this long: a stream that nobody needs any more should
/// not live on for days.
const MAX_TTL: Duration = Duration::from_secs(3600);

/// The pause between the tries of a call that the stream needs, as the service's SDKs do it.
pub const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// The lease that the service granted, from its `ttl_seconds`.
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

/// How long after a renewal the next one is due: at half the lease.
pub fn renewal_interval(ttl: Duration) -> Duration {
    ttl / 2
}

/// The pause between the tries of a renewal: the SDKs' 2 s, less where the lease is short.
pub fn retry_pause(ttl: Duration) -> Duration {
    RETRY_PAUSE.min((ttl - renewal_interval(ttl)) / 4)
}

/// How long one try of a renewal may take, so that the last one ends before the lease does, by a
/// tenth of what is left of it: the service counts from its own clock.
pub fn try_timeout(ttl: Duration) -> Duration {
    let left = ttl - renewal_interval(ttl);
    let pauses = retry_pause(ttl) * (TRIES - 1);
    left.mul_f64(0.9).saturating_sub(pauses) / TRIES
}

/// The longest wait between two tries of a renewal that the service can ask for, by `retry-after`:
/// a third of what is left of the lease, as the last try is of no use after its end.
pub fn longest_retry_pause(ttl: Duration) -> Duration {
    MAX_PAUSE.min((ttl - renewal_interval(ttl)) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttls_of_the_service_are_checked() {
        let secs = Duration::from_secs;
        for (told, taken) in [
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
            assert_eq!(ttl(told), taken, "{told:?}");
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

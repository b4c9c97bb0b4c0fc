// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Trying again: which failures, how often, and how long to wait before it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::error::{Error, Kind};

/// Tries of a call that the stream needs, as the service's SDKs do it.
pub const TRIES: u32 = 3;

/// The longest pause that the service can ask for (`retry-after`) while a stream runs: a longer one
/// would outlast the stream's lease.
pub const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause that the service can ask for while there is no stream: it may have recovered by then.
pub const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(60);

/// Pauses of 1, 2, 4, 8, 10, 10, … s before a connection is made again, as the service's SDKs do it.
pub const RECONNECT: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));

/// Pauses that double with each failure in a row.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    pub const fn longest(self) -> Duration {
        self.longest
    }

    /// The pause after a failure that `failures` others came before in a row.
    pub fn pause(self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// The same, varied by `jitter` (0 to 1) between half and the whole of it: clients that lost the
    /// same server do not come back all at once.
    pub fn pause_with_jitter(self, failures: u32, jitter: f64) -> Duration {
        self.pause(failures)
            .mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

/// The pause that the service asks for (`retry-after`), up to `longest`; zero if it asks for none. It lengthens
/// the caller's own pause and never replaces it: a service that says 0 must not be asked without a pause. Many
/// clients may have got the same number, so a part of it is added at random.
pub fn asked_pause(error: &Error, longest: Duration) -> Duration {
    lengthened_by_jitter(
        error.retry_after.unwrap_or_default().min(longest),
        rand::random(),
    )
}

/// `jitter` (0 to 1) adds up to a fifth.
fn lengthened_by_jitter(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0))
}

/// A time that comes from the service, up to a tenth earlier, so that the streams that it created at the same
/// moment are not renewed at the same moment.
pub fn a_little_earlier(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - 0.1 * rand::random::<f64>())
}

/// The times of [`call_with_retries`].
#[derive(Debug, Clone, Copy)]
pub struct RetryTimes {
    /// From one try to the next.
    pub pause: Duration,
    /// The longest pause that the service can ask for.
    pub longest: Duration,
    /// When the last try starts, if only something on the way answers: the service has not refused the call.
    pub until: Option<Instant>,
}

/// Makes a call up to [`TRIES`] times, while a retry can help. A 404 of the service is not tried again: it
/// means that the stream has ended. While something on the way answers in place of the service, the call is
/// tried until [`RetryTimes::until`].
///
/// # Errors
/// The failure of the last try.
pub async fn call_with_retries<T, F>(
    mut call: impl FnMut() -> F,
    times: RetryTimes,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut tries = 0;
    loop {
        let error = match call().await {
            Err(error) if error.retryable() && error.kind != Kind::NotFound => error,
            outcome => return outcome,
        };
        tries += 1;
        let pause = times.pause.max(asked_pause(&error, times.longest));
        let is_in_time = times
            .until
            .is_some_and(|until| Instant::now() + pause < until);
        if tries >= TRIES && !(error.is_from_the_way() && is_in_time) {
            return Err(error);
        }
        sleep(pause).await;
    }
}

/// Waits until the deadline; forever without one.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::api_version::Api;
    use crate::session::error::Stage;
    use crate::session::error_response::ErrorResponse;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = (0..6).map(|n| RECONNECT.pause(n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(RECONNECT.pause(u32::MAX), RECONNECT.longest());
    }

    #[test]
    fn jitter_takes_up_to_half_of_a_pause() {
        let pause = |failures, jitter| RECONNECT.pause_with_jitter(failures, jitter);
        assert_eq!(pause(0, 0.0), Duration::from_millis(500));
        assert_eq!(pause(0, 1.0), Duration::from_secs(1));
        assert_eq!(pause(u32::MAX, 9.0), Duration::from_secs(10));
    }

    #[test]
    fn the_service_lengthens_a_pause_up_to_a_limit() {
        let mut error = Error::new(Kind::Busy, Stage::Create, "");
        let longest = Duration::from_secs(10);
        let mut asked = |retry_after| {
            error.retry_after = retry_after;
            asked_pause(&error, longest)
        };
        assert_eq!(asked(None), Duration::ZERO);
        assert_eq!(asked(Some(Duration::ZERO)), Duration::ZERO);
        let secs = Duration::from_secs;
        for _ in 0..100 {
            assert!((secs(3)..=Duration::from_millis(3600)).contains(&asked(Some(secs(3)))));
            assert!((secs(10)..=secs(12)).contains(&asked(Some(Duration::MAX))));
            assert!((secs(9)..=secs(10)).contains(&a_little_earlier(secs(10))));
        }
        assert_eq!(
            lengthened_by_jitter(secs(1), 7.0),
            Duration::from_millis(1200)
        );
    }

    /// How many calls are made if each gets this response, and how long that takes.
    async fn calls(status: u16, body: &str, retry_after: u64) -> (u32, Duration) {
        let response = ErrorResponse {
            status,
            body: body.to_owned(),
            retry_after: Some(Duration::from_secs(retry_after)),
            ..ErrorResponse::default()
        };
        let (start, mut count) = (Instant::now(), 0);
        let times = RetryTimes {
            pause: Duration::from_millis(20),
            longest: Duration::from_millis(40),
            until: Some(start + Duration::from_millis(300)),
        };
        let call = || {
            count += 1;
            let error = Error::from_response(Api::V02, Stage::Keepalive, &response, false);
            std::future::ready(Err::<(), _>(error))
        };
        assert!(call_with_retries(call, times).await.is_err());
        (count, start.elapsed())
    }

    #[tokio::test]
    async fn a_call_is_repeated_while_that_can_help() {
        let json = r#"{"detail":"no"}"#;
        let ms = Duration::from_millis;
        for status in [401, 402, 403, 404, 410, 422] {
            assert_eq!(calls(status, json, 0).await.0, 1, "{status}");
        }
        for status in [408, 409, 425, 429, 503] {
            // A `retry-after` of 0 does not shorten the pauses.
            let (count, time) = calls(status, json, 0).await;
            assert_eq!(count, TRIES, "{status}");
            assert!(time >= ms(40), "{status} {time:?}");
            // An hour lengthens them to the longest.
            let (count, time) = calls(status, json, 3600).await;
            assert_eq!(count, TRIES, "{status}");
            assert!((ms(80)..ms(5000)).contains(&time), "{status} {time:?}");
        }
        for (status, body) in [
            (401, "<html>"),
            (403, "<html>"),
            (404, ""),
            (410, "gone"),
            (521, ""),
        ] {
            let (count, time) = calls(status, body, 0).await;
            assert!(count > TRIES, "{status} {count}");
            assert!(time >= ms(250), "{status} {time:?}");
        }
    }
}

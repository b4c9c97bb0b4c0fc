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

/// Makes a call up to [`TRIES`] times, while a retry can help. A 404 is not tried again: it means that
/// the stream has ended. Between the tries it waits for `pause`, or as long as the service asks for,
/// but not longer than `longest`.
///
/// # Errors
/// The failure of the last try.
pub async fn call_with_retries<T, F>(
    mut call: impl FnMut() -> F,
    pause: Duration,
    longest: Duration,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.retryable() && error.kind != Kind::NotFound => {
                let pause = error.retry_after.unwrap_or(pause);
                sleep(pause.min(longest)).await;
            }
            outcome => return outcome,
        }
    }
    call().await
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
}

//! Tries again, and waits.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::error::{Error, Kind};
use super::lease;

/// Tries a call a few times while a retry can help; a 404 is the stream's end. In between it waits
/// for `pause`, or as long as the service says, up to `longest`.
pub async fn persist<T, F>(
    mut call: impl FnMut() -> F,
    pause: Duration,
    longest: Duration,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..lease::TRIES {
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

pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

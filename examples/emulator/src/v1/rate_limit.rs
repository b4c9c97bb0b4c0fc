// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Limits how often a key may ask, and writes the `x-ratelimit-…` headers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::lock::lock;
use crate::v1::V1Error;

/// The `retry-after` of a key that asks too often, in seconds.
const RETRY_SECONDS: u32 = 1;

/// Counts the requests of each key in the current second.
#[derive(Default)]
pub(crate) struct RateLimiter {
    second: Mutex<Second>,
}

#[derive(Default)]
struct Second {
    /// Seconds since 1970.
    number: u64,
    asked: HashMap<String, u32>,
}

/// The state of a limit, as the headers report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub limit: usize,
    pub remaining: usize,
    /// Seconds since 1970.
    pub reset: u64,
}

impl RateLimiter {
    /// Counts a request of this key.
    pub(crate) fn count(&self, key: &str, limit: u32) -> Result<RateLimit, V1Error> {
        self.count_in(now(), key, limit).map_err(|rate_limit| {
            rate_limit.refuse(
                format!("Rate limit exceeded: {limit} requests a second"),
                RETRY_SECONDS,
            )
        })
    }

    fn count_in(&self, number: u64, key: &str, limit: u32) -> Result<RateLimit, RateLimit> {
        let mut second = lock(&self.second);
        if second.number != number {
            *second = Second {
                number,
                asked: HashMap::new(),
            };
        }
        let asked = second.asked.entry(key.to_owned()).or_default();
        let left = limit.checked_sub(*asked + 1);
        let rate_limit = RateLimit {
            limit: limit as usize,
            remaining: left.unwrap_or_default() as usize,
            reset: number + 1,
        };
        if left.is_none() {
            return Err(rate_limit);
        }
        *asked += 1;
        Ok(rate_limit)
    }
}

impl RateLimit {
    /// A used-up limit that time alone does not restore.
    pub(crate) fn spent(limit: usize, retry: u32) -> Self {
        RateLimit {
            limit,
            remaining: 0,
            reset: now() + u64::from(retry),
        }
    }

    /// The error 429, with the headers.
    pub(crate) fn refuse(self, message: impl Into<String>, retry: u32) -> V1Error {
        let refusal = V1Error::detail(429, message).with_header(header::RETRY_AFTER, retry);
        self.headers()
            .into_iter()
            .fold(refusal, |refusal, (name, value)| {
                refusal.with_header(name, value)
            })
    }

    /// Adds the headers to a response.
    pub(crate) fn write_headers(self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.insert(name, HeaderValue::from(value));
        }
    }

    fn headers(self) -> [(HeaderName, u64); 3] {
        [
            ("x-ratelimit-limit", self.limit as u64),
            ("x-ratelimit-remaining", self.remaining as u64),
            ("x-ratelimit-reset", self.reset),
        ]
        .map(|(name, value)| (HeaderName::from_static(name), value))
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_limit_per_second() {
        let rate = RateLimiter::default();
        let left = |second, key| {
            let taken = rate.count_in(second, key, 2);
            taken
                .map(|rate_limit| rate_limit.remaining)
                .map_err(|b| b.reset)
        };
        assert_eq!(left(7, "a"), Ok(1));
        assert_eq!(left(7, "a"), Ok(0));
        assert_eq!(left(7, "a"), Err(8));
        assert_eq!(left(7, "b"), Ok(1));
        assert_eq!(left(8, "a"), Ok(1));
    }
}

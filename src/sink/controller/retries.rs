// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When a failed attempt is repeated, and which failures were reported already.

use std::time::{Duration, Instant};

use crate::session::error::{Error, Kind, Stage};
use crate::session::retry::{MAX_RECONNECT_PAUSE, RECONNECT, asked_pause};

/// The pauses while the first connection is made are at most this part of `timeout`, so that there are several
/// tries.
const MAX_FIRST_PAUSE_PARTS: u32 = 8;
/// The same for the pauses that the service asks for.
const MAX_ASKED_FIRST_PAUSE_PARTS: u32 = 4;

/// The attempts since the start or the last answer.
#[derive(Default)]
pub struct Retries {
    /// When the first attempt started.
    started: Option<Instant>,
    /// The number of failures since the last answer.
    failures: u32,
    /// The causes that were reported since the last answer.
    reported: Vec<(Kind, Stage, Option<u16>)>,
}

impl Retries {
    pub fn attempt_started(&mut self) {
        self.started.get_or_insert_with(Instant::now);
    }

    pub fn answer_arrived(&mut self) {
        self.failures = 0;
        self.reported.clear();
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether to report this failure: each cause once until an answer arrives.
    pub fn is_news(&mut self, error: &Error) -> bool {
        let cause = (error.kind, error.stage, error.status_code);
        let is_news = !self.reported.contains(&cause);
        if is_news {
            self.reported.push(cause);
        }
        is_news
    }

    /// Counts a failure. Returns the pause before the next attempt.
    pub fn next_pause(&mut self, error: &Error) -> Duration {
        let own_pause = RECONNECT.pause_with_jitter(self.failures, rand::random());
        self.failures += 1;
        own_pause.max(asked_pause(error, MAX_RECONNECT_PAUSE))
    }

    /// Counts a failure of the first connection. Returns the pause before the next attempt, if that can still
    /// succeed within `timeout` and the service has done nothing yet, or nothing that lasts.
    pub fn next_first_pause(&mut self, error: &Error, timeout: Duration) -> Option<Duration> {
        let is_listing =
            error.stage == Stage::Models && matches!(error.kind, Kind::Network | Kind::Server);
        if !error.retryable() || !(error.was_not_taken() || is_listing) {
            return None;
        }
        let own_pause = RECONNECT.pause_with_jitter(self.failures, rand::random());
        let pause = own_pause
            .min(timeout / MAX_FIRST_PAUSE_PARTS)
            .max(asked_pause(error, timeout / MAX_ASKED_FIRST_PAUSE_PARTS));
        let next = Instant::now() + pause;
        let started = self.started?;
        (next < started + timeout).then(|| {
            self.failures += 1;
            pause
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Api;
    use crate::session::error_response::ErrorResponse;

    fn error(stage: Stage, status: u16, body: &str, retry_after: Option<u64>) -> Error {
        let response = ErrorResponse {
            status,
            body: body.to_owned(),
            retry_after: retry_after.map(Duration::from_secs),
            ..ErrorResponse::default()
        };
        Error::from_response(Api::V02, stage, &response, false)
    }

    const JSON: &str = r#"{"message":"no"}"#;

    #[test]
    fn the_service_lengthens_the_pauses_and_never_replaces_them() {
        for (retry_after, least, longest) in [
            (
                None,
                [0.5, 1.0, 2.0, 4.0, 5.0, 5.0],
                [1.0, 2.0, 4.0, 8.0, 10.0, 10.0],
            ),
            (
                Some(0),
                [0.5, 1.0, 2.0, 4.0, 5.0, 5.0],
                [1.0, 2.0, 4.0, 8.0, 10.0, 10.0],
            ),
            (Some(7), [7.0; 6], [8.4, 8.4, 8.4, 8.4, 10.0, 10.0]),
            (Some(u64::MAX), [60.0; 6], [72.0; 6]),
        ] {
            let mut retries = Retries::default();
            let error = error(Stage::Create, 429, JSON, retry_after);
            for (least, longest) in least.into_iter().zip(longest) {
                let pause = retries.next_pause(&error).as_secs_f64();
                assert!(
                    (least..=longest).contains(&pause),
                    "{retry_after:?}: {pause}"
                );
            }
            retries.answer_arrived();
            assert_eq!(retries.failures(), 0);
        }
    }

    #[test]
    fn each_cause_is_reported_once_until_an_answer_arrives() {
        let mut retries = Retries::default();
        let busy = error(Stage::Create, 429, JSON, None);
        let page = error(Stage::Create, 403, "<html>", None);
        for error in [&busy, &page] {
            assert!(retries.is_news(error));
        }
        for error in [&busy, &page, &busy] {
            assert!(!retries.is_news(error));
        }
        retries.answer_arrived();
        assert!(retries.is_news(&busy));
    }

    #[test]
    fn the_first_connection_rides_out_what_passes() {
        let timeout = Duration::from_secs(30);
        let pause = |error: &Error| {
            let mut retries = Retries::default();
            retries.attempt_started();
            retries.next_first_pause(error, timeout)
        };
        for status in [502, 503, 504, 520, 521, 525, 530, 408, 409, 421, 425, 499] {
            assert!(
                pause(&error(Stage::Create, status, JSON, None)).is_some(),
                "{status}"
            );
        }
        for status in [403, 404, 408, 409, 410, 421, 425, 499, 502, 503, 523] {
            for body in ["", "<html>"] {
                assert!(
                    pause(&error(Stage::Create, status, body, None)).is_some(),
                    "{status}"
                );
            }
        }
        for status in [400, 401, 402, 403, 404, 410, 422, 429, 500] {
            assert_eq!(
                pause(&error(Stage::Create, status, JSON, None)),
                None,
                "{status}"
            );
        }
        assert!(pause(&error(Stage::Models, 500, JSON, None)).is_some());
        for (retry_after, longest) in [(None, 3.75), (Some(0), 3.75), (Some(1 << 40), 9.0)] {
            let pause = pause(&error(Stage::Create, 503, JSON, retry_after)).expect("a pause");
            assert!((0.5..=longest).contains(&pause.as_secs_f64()), "{pause:?}");
        }
    }

    #[test]
    fn the_first_connection_takes_no_longer_than_the_timeout() {
        let mut retries = Retries::default();
        retries.attempt_started();
        let unavailable = error(Stage::Create, 503, JSON, None);
        let timeout = Duration::from_millis(80);
        let start = Instant::now();
        while let Some(pause) = retries.next_first_pause(&unavailable, timeout) {
            assert!(pause <= Duration::from_millis(10), "{pause:?}");
            std::thread::sleep(pause);
        }
        assert!(retries.failures() > 2 && start.elapsed() >= Duration::from_millis(60));
    }
}

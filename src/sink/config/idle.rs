// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `idle-timeout`: when a stream of API v0.2 is deleted because there is nothing to look at.

use std::time::Duration;

use super::ask_when::AskWhen;
use crate::session::Api;
use crate::session::error::Error;
use crate::sink::frames::scene::Still;

/// The shortest `idle-timeout`: a stream should bring answers before it is deleted.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The shortest `every`: each look is a stream of its own.
const MIN_EVERY: Duration = Duration::from_secs(10);

/// When the stream is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// While the scene does not change.
    Still {
        /// Time without a change.
        timeout: Duration,
        /// How often the scene is looked at all the same.
        every: Option<Duration>,
    },
    /// While there is no event.
    NoEvent {
        /// How far back events reach.
        before: Duration,
    },
}

impl Idle {
    /// How often the scene is looked at all the same.
    pub fn every(&self) -> Option<Duration> {
        match self {
            Self::Still { every, .. } => *every,
            Self::NoEvent { .. } => None,
        }
    }
}

/// `None`: never.
///
/// # Errors
/// A value is too small. The text says what to write instead.
pub fn read(
    api: Api,
    timeout: Duration,
    ask_when: Option<&AskWhen>,
) -> Result<Option<Idle>, Error> {
    let before = match ask_when.filter(|_| api == Api::V02 && !timeout.is_zero()) {
        None => return Ok(None),
        Some(AskWhen::Still(still)) => return of_still(timeout, still).map(Some),
        Some(AskWhen::Event(event)) => event.before,
        Some(AskWhen::Meta(..)) => Duration::ZERO,
    };
    Ok(Some(Idle::NoEvent { before }))
}

fn of_still(timeout: Duration, still: &Still) -> Result<Idle, Error> {
    if timeout < MIN_TIMEOUT {
        return Err(Error::settings(format!(
            "idle-timeout is {} ns: set at least {} (1 s), or 0 to keep the stream.",
            timeout.as_nanos(),
            MIN_TIMEOUT.as_nanos()
        )));
    }
    if let Some(every) = still.every.filter(|every| *every < MIN_EVERY) {
        return Err(Error::settings(format!(
            "ask-when's every is {} s: on API v0.2, each look at a still scene is a new stream. Set every to {} s or more, to 0 for no such looks, or set idle-timeout=0 to keep the stream.",
            every.as_secs_f64(),
            MIN_EVERY.as_secs()
        )));
    }
    Ok(Idle::Still {
        timeout,
        every: still.every,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::config::ask_when::Event;

    fn still(every: u64) -> AskWhen {
        AskWhen::Still(Still {
            threshold: 8.0,
            after: Duration::from_secs(5),
            every: (every > 0).then(|| Duration::from_secs(every)),
        })
    }

    #[test]
    fn only_v02_with_ask_when_and_a_timeout_deletes_streams() {
        let timeout = Duration::from_secs(30);
        let idle = |api, timeout, when: Option<&AskWhen>| read(api, timeout, when).expect("valid");
        let every = Some(Duration::from_secs(60));
        let is = Some(Idle::Still { timeout, every });
        assert_eq!(idle(Api::V02, timeout, Some(&still(60))), is);
        assert_eq!(idle(Api::V1, timeout, Some(&still(1))), None);
        assert_eq!(idle(Api::V02, timeout, None), None);
        assert_eq!(idle(Api::V02, Duration::ZERO, Some(&still(1))), None);
        let before = Duration::from_secs(3);
        let after = Duration::ZERO;
        let event = AskWhen::Event(Event { before, after });
        // It is deleted after the event, whatever the timeout is.
        let short = Duration::from_nanos(1);
        let is = Some(Idle::NoEvent { before });
        assert_eq!(idle(Api::V02, short, Some(&event)), is);
        assert_eq!(idle(Api::V1, short, Some(&event)), None);
        assert_eq!(idle(Api::V02, Duration::ZERO, Some(&event)), None);
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (timeout, every, fix) in [
            (
                Duration::from_nanos(30),
                60,
                "set at least 1000000000 (1 s)",
            ),
            (Duration::from_secs(30), 9, "Set every to 10 s or more"),
        ] {
            let error = read(Api::V02, timeout, Some(&still(every))).expect_err(fix);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
        assert!(read(Api::V02, MIN_TIMEOUT, Some(&still(0))).is_ok());
    }
}

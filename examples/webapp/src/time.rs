// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Times as text.

use std::time::{SystemTime, UNIX_EPOCH};

use gst::glib::DateTime;

/// The time in UTC, such as `2026-01-31T12:00:00.250Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let date = DateTime::from_unix_utc(since.as_secs().cast_signed())
        .and_then(|date| date.format("%Y-%m-%dT%H:%M:%S"));
    let date = date.map(String::from).unwrap_or_default();
    format!("{date}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        let time = UNIX_EPOCH + Duration::from_millis(1_769_860_800_250);
        assert_eq!(rfc3339(time), "2026-01-31T12:00:00.250Z");
    }
}

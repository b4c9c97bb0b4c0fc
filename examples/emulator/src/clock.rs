// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The time of day, as the APIs write it.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment as milliseconds since 1970.
pub(crate) fn unix_ms(at: Instant) -> u64 {
    // Both clocks are read together only once, so that one moment always has the same time.
    static TOGETHER: OnceLock<(Instant, SystemTime)> = OnceLock::new();
    let (then, wall) = *TOGETHER.get_or_init(|| (Instant::now(), SystemTime::now()));
    let moment = match at.checked_duration_since(then) {
        Some(after) => wall.checked_add(after),
        None => wall.checked_sub(then.duration_since(at)),
    };
    let since = moment.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The current time as the service writes it: RFC 3339, UTC.
pub(crate) fn timestamp() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days to a date: Howard Hinnant's civil_from_days, for dates after 1970.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_differences() {
        let now = Instant::now();
        let later = now + std::time::Duration::from_millis(1_234);
        assert_eq!(unix_ms(later) - unix_ms(now), 1_234);
        assert_eq!(unix_ms(now), unix_ms(now));
        assert!(unix_ms(now) > 1_700_000_000_000);
    }

    #[test]
    fn the_time_is_rfc_3339() {
        let now = timestamp();
        assert_eq!(now.len(), "2026-01-01T00:00:00.000Z".len());
        assert!(now.starts_with("20"), "{now}");
    }
}

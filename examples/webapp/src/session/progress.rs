// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What changes all the time while a stream runs: its place in the video, and what it has cost.

use std::time::Duration;

use serde::Serialize;

/// What a file contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct VideoInfo {
    pub width: i32,
    pub height: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    pub has_audio: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Progress {
    /// Where the stream is in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position_seconds: Option<f64>,
    pub usage: Usage,
}

/// What the streams of a session have used together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// For how long there was a stream at the service.
    pub billed_seconds: f64,
    /// What they have cost. A cent has 1,000,000 microcents. Absent if the service does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_microcents: Option<u64>,
    /// What is left on the account. Absent if the service does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_cents: Option<f64>,
}

impl Usage {
    /// The sum of the earlier streams and a running one.
    pub(super) fn plus(self, running: Duration, stats: Option<&gst::StructureRef>) -> Self {
        let cost = stats.and_then(|stats| stats.get::<u64>("cost-microcents").ok());
        let credits = stats.and_then(|stats| stats.get::<f64>("credits-cents").ok());
        Self {
            billed_seconds: round(self.billed_seconds + running.as_secs_f64()),
            cost_microcents: match (self.cost_microcents, cost) {
                (None, None) => None,
                (earlier, now) => Some(earlier.unwrap_or(0).saturating_add(now.unwrap_or(0))),
            },
            credits_cents: credits.or(self.credits_cents),
        }
    }
}

/// Rounds to milliseconds.
pub(super) fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_added_up_over_streams() {
        gst::init().expect("GStreamer starts");
        let stats = gst::Structure::builder("overshoot-stats")
            .field("cost-microcents", 5u64)
            .field("credits-cents", 90.0)
            .build();
        let first = Usage::default().plus(Duration::from_millis(1500), Some(&stats));
        assert_eq!(first.cost_microcents, Some(5));
        let second = first.plus(Duration::from_secs(1), None);
        assert_eq!(second.billed_seconds, 2.5);
        assert_eq!(
            (second.cost_microcents, second.credits_cents),
            (Some(5), Some(90.0))
        );
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers that the element has requested, in the form of those that API v0.2 pushes.

use std::time::Instant;

use serde_json::json;

use super::protocol::{InferenceResult, Usage};

/// The milliseconds from one time to another, to the microsecond.
pub fn latency_ms(since: Instant, arrived: Instant) -> f64 {
    let latency = arrived.saturating_duration_since(since);
    (latency.as_secs_f64() * 1e6).round() / 1e3
}

/// The answer as v0.2 would push it, and the fields that only requested answers have.
pub fn to_json(
    result: &InferenceResult,
    question: Option<&str>,
    serial: Option<u64>,
    (usage, cost_microcents): (Option<Usage>, Option<u64>),
) -> String {
    let mut value = json!({
        "id": result.id,
        "stream_id": result.stream_id,
        "mode": result.mode,
        "model_name": result.model_name,
        "prompt": result.prompt,
        "result": result.result,
        "inference_latency_ms": result.inference_latency_ms,
        "total_latency_ms": result.total_latency_ms,
        "ok": result.ok,
        "error": result.error,
        "finish_reason": result.finish_reason,
    });
    if let Some(object) = value.as_object_mut() {
        let more = [
            ("question", question.map(Into::into)),
            ("ask_serial", serial.map(Into::into)),
            ("usage", usage.map(|usage| json!(usage))),
            ("cost_microcents", cost_microcents.map(Into::into)),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
    }
    value.to_string()
}

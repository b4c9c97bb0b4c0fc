// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Single JSON values that fit an output schema.

use serde_json::{Map, Number, Value, json};

/// The maximum length of strings and arrays, whatever the schema says.
pub(super) const MAX_LENGTH: usize = 1_000;

pub(super) fn choose(choices: &[Value], observed: Option<&Value>) -> Value {
    let text = observed.and_then(Value::as_str).unwrap_or_default();
    let same = choices.iter().find(|choice| Some(*choice) == observed);
    // "light gray" matches the choice "gray".
    let like = || {
        choices.iter().find(|choice| {
            choice
                .as_str()
                .is_some_and(|choice| !choice.is_empty() && text.contains(choice))
        })
    };
    same.or_else(like)
        .or_else(|| choices.first())
        .cloned()
        .unwrap_or(Value::Null)
}

pub(super) fn string(
    map: &Map<String, Value>,
    observed: Option<&Value>,
    max_length: usize,
) -> String {
    let limit = |keyword: &str| map.get(keyword).and_then(Value::as_u64);
    // A shortened time would not be a time.
    let timed = map.get("format").is_some();
    let text = match observed {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => match map.get("format").and_then(Value::as_str) {
            Some("date-time") => crate::clock::timestamp(),
            Some("date") => crate::clock::timestamp().chars().take(10).collect(),
            _ => String::new(),
        },
    };
    let max = limit("maxLength").map_or(MAX_LENGTH, |n| usize::try_from(n).unwrap_or(MAX_LENGTH));
    let max = if timed { max } else { max.min(max_length) };
    let min = limit("minLength").map_or(0, |n| usize::try_from(n).unwrap_or(MAX_LENGTH));
    let mut text: String = text.chars().take(max).collect();
    let short = min.min(MAX_LENGTH).saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('-', short));
    text
}

pub(super) fn number(map: &Map<String, Value>, observed: Option<&Value>, whole: bool) -> Value {
    let limit = |keyword: &str| map.get(keyword).and_then(Value::as_f64);
    let step = limit("multipleOf").filter(|step| *step > 0.0);
    let unit = step.unwrap_or(if whole { 1.0 } else { 1e-3 });
    let low = [
        limit("minimum"),
        limit("exclusiveMinimum").map(|low| low + unit),
    ];
    let high = [
        limit("maximum"),
        limit("exclusiveMaximum").map(|high| high - unit),
    ];
    let low = low.into_iter().flatten().reduce(f64::max);
    let high = high.into_iter().flatten().reduce(f64::min);
    let mut number = match observed {
        Some(Value::Bool(yes)) => f64::from(u8::from(*yes)),
        Some(value) => value.as_f64().unwrap_or_default(),
        None => 0.0,
    };
    if let Some(high) = high {
        number = number.min(high);
    }
    if let Some(low) = low {
        number = number.max(low);
    }
    if whole || step.is_some() {
        let steps = number / unit;
        let rounded = steps.round() * unit;
        // Rounding must not leave the range.
        number = if low.is_some_and(|low| rounded < low) {
            steps.ceil() * unit
        } else if high.is_some_and(|high| rounded > high) {
            steps.floor() * unit
        } else {
            rounded
        };
    }
    if whole {
        return json!(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64().is_some_and(|n| n != 0.0),
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

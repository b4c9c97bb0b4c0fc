// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the request bodies strictly.

use std::time::Duration;

use serde_json::Value;

use crate::records::snapshot::Mode;
use crate::v02::error::V02Error;
use crate::v02::fields::Fields;
use crate::v02::source::{self, Source};
use crate::vision::model::{Model, ModelStatus};

/// The maximum token rate of the service: tokens per second of `delay_seconds` or `interval_seconds`.
const MAX_TOKENS_PER_SECOND: f64 = 128.0;
/// The minimum number of frames in a clip.
const MIN_FRAMES_PER_CLIP: f64 = 3.0;
/// Tolerance for the rounding of decimal fractions.
const ROUNDING: f64 = 1e-9;
/// The `retry-after` for a saturated model, in seconds.
const SATURATED_RETRY_SECONDS: u32 = 5;

/// What a stream has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamPlan {
    pub sampling: Sampling,
    pub prompt: String,
    pub backend: String,
    pub model: String,
    pub schema: Option<Value>,
    pub max_tokens: usize,
}

/// Which frames an answer is about, and when it is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sampling {
    Clip {
        target_fps: u32,
        length: f64,
        delay: f64,
    },
    Frame {
        interval: f64,
    },
}

impl Sampling {
    pub(crate) fn mode(self) -> Mode {
        match self {
            Sampling::Clip { .. } => Mode::Clip,
            Sampling::Frame { .. } => Mode::Frame,
        }
    }

    /// From one answer to the next.
    pub(crate) fn period(self) -> Duration {
        Duration::from_secs_f64(self.named_period().1)
    }

    fn named_period(self) -> (&'static str, f64) {
        match self {
            Sampling::Clip { delay, .. } => ("delay_seconds", delay),
            Sampling::Frame { interval } => ("interval_seconds", interval),
        }
    }
}

/// The body of a clip call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipRequest {
    pub result_id: String,
    pub prompt: String,
    pub model: String,
    pub max_tokens: Option<usize>,
    pub schema: Option<Value>,
}

/// The body of a feedback call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedbackRequest {
    pub rating: i64,
    pub category: String,
    pub feedback: Option<String>,
}

/// Reads the body of `POST /streams`.
pub(crate) fn create(
    body: &Value,
    models: Option<&[Model]>,
) -> Result<(StreamPlan, Source), V02Error> {
    let known = ["source", "mode", "processing", "inference", "client"];
    let body = Fields::of("", body, &known)?;
    if let Some(client) = body.optional("client") {
        Fields::of("client", client, &["request_id"])?;
    }
    let values = body.required("processing")?;
    let mode = match body.optional("mode") {
        Some(_) => body.one_of("mode", &["clip", "frame"])?,
        None if values.get("interval_seconds").is_some() => "frame",
        None => "clip",
    };
    let sampling = processing(values, mode)?;
    let (period_name, period) = sampling.named_period();

    let inference = Fields::of(
        "inference",
        body.required("inference")?,
        &[
            "prompt",
            "backend",
            "model",
            "output_schema_json",
            "max_output_tokens",
        ],
    )?;
    let prompt = inference.text("prompt")?;
    let backend = match inference.optional("backend") {
        Some(_) => inference.one_of("backend", &["overshoot", "gemini"])?,
        None => "overshoot",
    };
    let name = inference.text("model")?;
    let schema = inference.schema("output_schema_json")?;
    let max_tokens = match inference.tokens("max_output_tokens")? {
        None => default_tokens(period),
        Some(tokens) if tokens as f64 <= MAX_TOKENS_PER_SECOND * period + ROUNDING => tokens,
        Some(_) => {
            return Err(V02Error::invalid(
                "inference.max_output_tokens",
                format!(
                    "divided by {period_name} must be at most {MAX_TOKENS_PER_SECOND}: with {period_name} {period}, that is at most {}",
                    (MAX_TOKENS_PER_SECOND * period).floor()
                ),
            ));
        }
    };
    let source = source::parse(body.optional("source"))?;
    model(name, "inference.model", models)?;
    let plan = StreamPlan {
        sampling,
        prompt: prompt.to_owned(),
        backend: backend.to_owned(),
        model: name.to_owned(),
        schema,
        max_tokens,
    };
    Ok((plan, source))
}

/// The default of `max_output_tokens`. A short delay still needs tokens for an answer.
fn default_tokens(period: f64) -> usize {
    let tokens = (MAX_TOKENS_PER_SECOND * period).floor();
    if tokens < 1.0 {
        MAX_TOKENS_PER_SECOND as usize
    } else {
        tokens as usize
    }
}

fn processing(value: &Value, mode: &str) -> Result<Sampling, V02Error> {
    const PATH: &str = "processing";
    if mode == "frame" {
        let fields = Fields::of(PATH, value, &["interval_seconds"])?;
        let interval = fields.number("interval_seconds", 0.1..=60.0)?;
        return Ok(Sampling::Frame { interval });
    }
    let known = [
        "target_fps",
        "fps",
        "sampling_ratio",
        "clip_length_seconds",
        "delay_seconds",
    ];
    let fields = Fields::of(PATH, value, &known)?;
    if fields.has("target_fps") && (fields.has("fps") || fields.has("sampling_ratio")) {
        return Err(V02Error::invalid(
            PATH,
            "must hold either target_fps or fps with sampling_ratio, not both",
        ));
    }
    let target_fps = if fields.has("fps") || fields.has("sampling_ratio") {
        let fps = fields.integer("fps", 1..=120)?;
        let ratio = fields.number("sampling_ratio", 0.1..=1.0)?;
        // Like Python's int(): rounds the binary product towards zero.
        let target = (fps as f64 * ratio) as u32;
        if !(1..=30).contains(&target) {
            return Err(V02Error::invalid(
                "processing.sampling_ratio",
                format!(
                    "times fps must give a target rate from 1 to 30, but int({fps} × {ratio}) is {target}"
                ),
            ));
        }
        target
    } else {
        fields.integer("target_fps", 1..=30)? as u32
    };
    let length = fields.number("clip_length_seconds", 0.1..=60.0)?;
    let delay = fields.number("delay_seconds", 0.0..=60.0)?;
    if delay == 0.0 {
        return Err(V02Error::invalid(
            "processing.delay_seconds",
            "must be more than 0",
        ));
    }
    if f64::from(target_fps) * length < MIN_FRAMES_PER_CLIP - ROUNDING {
        return Err(V02Error::invalid(
            "processing.clip_length_seconds",
            format!(
                "times the target rate must be at least {MIN_FRAMES_PER_CLIP}: {target_fps} × {length} is too few frames for a clip"
            ),
        ));
    }
    Ok(Sampling::Clip {
        target_fps,
        length,
        delay,
    })
}

/// The model must be known and ready. Without a list, every model is.
fn model(name: &str, field: &str, models: Option<&[Model]>) -> Result<(), V02Error> {
    let Some(models) = models else {
        return Ok(());
    };
    let Some(model) = models.iter().find(|model| model.name == name) else {
        let ready: Vec<&str> = models
            .iter()
            .filter(|model| model.status.ready())
            .map(|model| model.name.as_str())
            .collect();
        return Err(V02Error::invalid(
            field,
            format!(
                "`{name}` is not a known model; the ready models are {}",
                ready.join(", ")
            ),
        ));
    };
    match model.status {
        ModelStatus::Ready | ModelStatus::Degraded => Ok(()),
        ModelStatus::Saturated => Err(V02Error::busy(
            format!("the model {name} is saturated"),
            SATURATED_RETRY_SECONDS,
        )),
        ModelStatus::Unavailable => Err(V02Error::unavailable(format!(
            "the model {name} is unavailable"
        ))),
    }
}

/// Reads the body of `PATCH /streams/{id}/config/prompt`.
pub(crate) fn prompt(body: &Value) -> Result<String, V02Error> {
    let fields = Fields::of("", body, &["prompt"])?;
    Ok(fields.text("prompt")?.to_owned())
}

/// Reads the body of `POST /streams/{id}/feedback`.
pub(crate) fn feedback(body: &Value) -> Result<FeedbackRequest, V02Error> {
    let fields = Fields::of("", body, &["rating", "category", "feedback"])?;
    let rating = fields
        .required("rating")?
        .as_i64()
        .ok_or_else(|| V02Error::invalid("rating", "must be an integer"))?;
    let category = fields.text("category")?.to_owned();
    let feedback = match fields.optional("feedback") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => return Err(V02Error::invalid("feedback", "must be a string")),
    };
    Ok(FeedbackRequest {
        rating,
        category,
        feedback,
    })
}

/// Reads the body of `POST /chat/completions/clip`.
pub(crate) fn clip(body: &Value, models: Option<&[Model]>) -> Result<ClipRequest, V02Error> {
    let known = [
        "result_id",
        "prompt",
        "model",
        "temperature",
        "max_tokens",
        "output_schema",
    ];
    let fields = Fields::of("", body, &known)?;
    if fields.optional("temperature").is_some() {
        fields.number("temperature", 0.0..=2.0)?;
    }
    let call = ClipRequest {
        result_id: fields.text("result_id")?.to_owned(),
        prompt: fields.text("prompt")?.to_owned(),
        model: fields.text("model")?.to_owned(),
        max_tokens: fields.tokens("max_tokens")?,
        schema: fields.schema("output_schema")?,
    };
    model(&call.model, "model", models)?;
    Ok(call)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;

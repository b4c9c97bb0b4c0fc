// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The outcome of a request, as an answer in the form of API v0.2.

use std::time::Instant;

use serde_json::json;

use super::chat::{Completion, QuestionId};
use super::completion::Failure;
use crate::session::error::Error;
use crate::session::event::Answer;
use crate::session::prompt::Prompt;
use crate::session::protocol::{InferenceResult, Mode, Usage, without_nul};
use crate::session::question::{Moment, Question};

/// A completion (an answer or not), or why there is none.
pub struct QuestionOutcome {
    pub question: QuestionId,
    pub prompt: Prompt,
    pub moment: Moment,
    pub result: Result<Completion, Error>,
}

impl QuestionOutcome {
    /// Whether the model or the service failed, although the response has a status of success.
    pub fn has_failed_inside(&self) -> bool {
        let completion = self.result.as_ref().ok();
        let failure = completion.and_then(|completion| completion.failure.as_ref());
        matches!(failure, Some(Failure::Failed(_)))
    }

    /// `question`: the scheduled question, unless it is a one-shot question.
    pub fn into_answer(self, stream_id: &str, question: Option<&Question>) -> Answer {
        let name = question.and_then(|question| question.name.clone());
        let serial = self.question.serial();
        let now = Instant::now();
        let (completion, error) = match self.result {
            Ok(completion) => {
                let failure = completion.failure.as_ref();
                let error = failure.map(|failure| without_nul(failure.message().to_owned()));
                (Some(completion), error)
            }
            Err(error) => (None, Some(error.message)),
        };
        let ok = error.is_none();
        let arrived = completion
            .as_ref()
            .map_or(now, |completion| completion.arrived);
        let latency_ms = |since: Instant| {
            let latency = arrived.saturating_duration_since(since);
            (latency.as_secs_f64() * 1e6).round() / 1e3
        };
        let mode = match self.moment.mode() {
            Mode::Clip => "clip",
            Mode::Frame => "frame",
        };
        let completion = completion.as_ref();
        let usage = completion.and_then(|completion| completion.usage);
        let result = InferenceResult {
            id: completion.and_then(|completion| completion.id.clone()),
            stream_id: Some(stream_id.to_owned()),
            mode: Some(mode.to_owned()),
            model_backend: None,
            model_name: completion.map(|completion| completion.model.clone()),
            prompt: Some(self.prompt.text),
            // Of a failed answer, what came before it failed.
            result: completion
                .map(|completion| completion.text.clone())
                .filter(|text| ok || !text.is_empty()),
            inference_latency_ms: completion.map(|completion| latency_ms(completion.asked)),
            total_latency_ms: completion
                .and_then(|completion| completion.newest_frame)
                .map(latency_ms),
            ok: Some(ok),
            error,
            finish_reason: completion.and_then(|completion| completion.finish_reason.clone()),
        };
        let schema = question.and_then(|question| question.schema.as_ref());
        let schema = schema.filter(|_| ok);
        let schema_error = schema
            .zip(result.result.as_deref())
            .and_then(|(schema, text)| schema.error_in(text));
        Answer {
            json: to_json(&result, name.as_deref(), serial, usage),
            prompt_serial: (self.prompt.serial > 0).then_some(self.prompt.serial),
            result,
            arrived,
            schema_error,
            question: name,
            ask_serial: serial,
            usage,
            end_offset: self.moment.end_offset,
        }
    }
}

/// The answer as v0.2 would send it, and the fields that only v1 has.
fn to_json(
    result: &InferenceResult,
    question: Option<&str>,
    serial: Option<u64>,
    usage: Option<Usage>,
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
        ];
        for (name, value) in more {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
    }
    value.to_string()
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The outcome of a request, as an answer in the form of API v0.2.

use std::time::{Duration, Instant};

use super::chat::{Completion, QuestionId};
use super::completion::Failure;
use crate::session::costs::account::Ticket;
use crate::session::error::Error;
use crate::session::event::Answer;
use crate::session::model_text::without_code_fence;
use crate::session::prompt::Prompt;
use crate::session::protocol::{InferenceResult, Mode, without_nul};
use crate::session::question::Period;
use crate::session::requested_answer::{latency_ms, to_json};
use crate::session::schema::Schema;

/// A completion (an answer or not), or why there is none.
pub struct QuestionOutcome {
    pub question: QuestionId,
    /// The question's name, if it has one.
    pub name: Option<String>,
    pub prompt: Prompt,
    pub period: Period,
    /// The models that it may be asked of, the preferred one first.
    pub models: Vec<String>,
    /// What the answer must match.
    pub schema: Option<Schema>,
    pub result: Result<Completion, Error>,
    /// Held until the answer is on its way: the end of the budget is reported after it.
    pub ticket: Option<Ticket>,
}

impl QuestionOutcome {
    /// Whether the model or the service failed, although the response has a status of success.
    pub fn has_failed_inside(&self) -> bool {
        let completion = self.result.as_ref().ok();
        let failure = completion.and_then(|completion| completion.failure.as_ref());
        matches!(failure, Some(Failure::Failed(_)))
    }

    pub fn into_answer(self, stream_id: &str) -> Answer {
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
        let mode = match self.period.mode() {
            Mode::Clip => "clip",
            Mode::Frame => "frame",
        };
        let completion = completion.as_ref();
        let usage = completion.and_then(|completion| completion.usage);
        let cost = completion.and_then(|completion| completion.cost_microcents);
        let result = InferenceResult {
            id: completion.and_then(|completion| completion.id.clone()),
            stream_id: Some(stream_id.to_owned()),
            mode: Some(mode.to_owned()),
            model_backend: None,
            model_name: completion.map(|completion| completion.model.clone()),
            prompt: Some(self.prompt.text),
            // Of a failed answer, what came before it failed.
            result: completion
                .map(|completion| match &self.schema {
                    Some(_) => without_code_fence(&completion.text).to_owned(),
                    None => completion.text.clone(),
                })
                .filter(|text| ok || !text.is_empty()),
            inference_latency_ms: completion
                .map(|completion| latency_ms(completion.asked, arrived)),
            total_latency_ms: completion
                .and_then(|completion| completion.newest_frame)
                .map(|captured| latency_ms(captured, arrived)),
            ok: Some(ok),
            error,
            finish_reason: completion.and_then(|completion| completion.finish_reason.clone()),
        };
        let schema = self.schema.filter(|_| ok);
        let schema_error = schema
            .zip(result.result.as_deref())
            .and_then(|(schema, text)| schema.error_in(text));
        Answer {
            json: to_json(&result, self.name.as_deref(), serial, (usage, cost)),
            prompt_serial: (self.prompt.serial > 0).then_some(self.prompt.serial),
            result,
            arrived,
            schema_error,
            question: self.name,
            ask_serial: serial,
            usage,
            cost_microcents: cost,
            end_offset: completion.map_or(Duration::ZERO, |answer| answer.moment.end_offset),
            thinned_by: completion.map_or(Duration::ZERO, |answer| answer.moment.sample_interval()),
        }
    }
}

//! What came of a question, as an answer that looks like v0.2's.

use std::time::Instant;

use serde_json::json;

use super::chat::{Answered, Tag};
use crate::session::error::Error;
use crate::session::event::Answer;
use crate::session::protocol::{InferenceResult, Mode, Usage};
use crate::session::question::{Moment, Question};

/// What came of a question.
pub struct Reply {
    pub tag: Tag,
    pub prompt: String,
    pub moment: Moment,
    pub outcome: Result<Answered, Error>,
}

impl Reply {
    /// `question`: of the stream's, where it is one of them.
    pub fn into_answer(self, stream_id: &str, question: Option<&Question>) -> Answer {
        let name = question.and_then(|question| question.name.clone());
        let ask = self.tag.once();
        let ok = self.outcome.is_ok();
        let now = Instant::now();
        let (told, error) = match self.outcome {
            Ok(told) => (Some(told), None),
            Err(error) => (None, Some(error.message)),
        };
        let arrived = told.as_ref().map_or(now, |told| told.arrived);
        let ms = |since: Instant| {
            let latency = arrived.saturating_duration_since(since);
            (latency.as_secs_f64() * 1e6).round() / 1e3
        };
        let text = told.as_ref().map(|told| told.text.clone());
        let schema = question.and_then(|question| question.schema.as_ref());
        let usage = told.as_ref().and_then(|told| told.usage);
        let result = InferenceResult {
            id: told.as_ref().and_then(|told| told.id.clone()),
            stream_id: Some(stream_id.to_owned()),
            mode: Some(
                match self.moment.mode() {
                    Mode::Clip => "clip",
                    Mode::Frame => "frame",
                }
                .to_owned(),
            ),
            model_backend: None,
            model_name: told.as_ref().map(|told| told.model.clone()),
            prompt: Some(self.prompt),
            inference_latency_ms: told.as_ref().map(|told| ms(told.asked)),
            total_latency_ms: told.as_ref().and_then(|told| told.newest_frame).map(ms),
            ok: Some(ok),
            error,
            finish_reason: told.and_then(|told| told.finish_reason),
            result: text,
        };
        let misfit = schema
            .zip(result.result.as_deref())
            .and_then(|(schema, text)| schema.misfit(text));
        Answer {
            json: json_of(&result, name.as_deref(), ask, usage),
            result,
            arrived,
            misfit,
            question: name,
            ask,
            usage,
            end_offset: self.moment.end_offset,
        }
    }
}

/// The answer as v0.2 would have sent it, with what v1 knows beyond that.
fn json_of(
    result: &InferenceResult,
    question: Option<&str>,
    ask: Option<u64>,
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
            ("ask_serial", ask.map(Into::into)),
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

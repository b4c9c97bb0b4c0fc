// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions of the application. The service answers them about a clip that it has answered before
//! (`POST /chat/completions/clip`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::time::sleep;

use super::api::DEFAULT_MODEL;
use super::protocol::{AskAboutClip, ClipAnswer};
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::Answer;
use crate::session::http::HttpClient;
use crate::session::model_text::{content_text, error_text, failed_finish};
use crate::session::protocol::{InferenceResult, without_nul};
use crate::session::question::{OneShotQuestion, Period};
use crate::session::requested_answer::{latency_ms, to_json};
use crate::session::schema::Schema;

/// Questions that are asked at the same time; others wait.
const MAX_UNDER_WAY: usize = 4;
/// Clips that are remembered: ten minutes of five answers a second.
const MAX_CLIPS: usize = 3_000;
/// The service stores a clip within 1 to 2 s, and does not know it until then (protocol, section 1).
const STORE_RETRIES: u32 = 3;
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What an answer was about.
#[derive(Debug, Clone)]
struct Clip {
    result_id: String,
    model: Option<String>,
    captured: Instant,
}

#[derive(Debug, Default)]
pub struct ClipQuestions {
    /// The oldest first.
    clips: VecDeque<Clip>,
    under_way: usize,
}

/// A question, and the clip that it is about.
pub struct ClipQuestion {
    stream_id: String,
    question: OneShotQuestion,
    clip: Option<Clip>,
}

impl ClipQuestions {
    /// Remembers what an answer was about.
    pub fn note_clip(&mut self, result: &InferenceResult, arrived: Instant) {
        let latency =
            Duration::try_from_secs_f64(result.total_latency_ms.unwrap_or_default() / 1e3);
        let captured = arrived.checked_sub(latency.unwrap_or_default());
        let (Some(id), Some(captured)) = (&result.id, captured) else {
            return;
        };
        if result.ok == Some(false) {
            return;
        }
        if self.clips.len() == MAX_CLIPS {
            self.clips.pop_front();
        }
        self.clips.push_back(Clip {
            result_id: id.clone(),
            model: result.model_name.clone(),
            captured,
        });
    }

    pub fn can_ask(&self) -> bool {
        self.under_way < MAX_UNDER_WAY
    }

    /// Chooses the clip for a question.
    pub fn ask(&mut self, stream_id: &str, question: OneShotQuestion) -> ClipQuestion {
        self.under_way += 1;
        ClipQuestion {
            stream_id: stream_id.to_owned(),
            clip: self.clip(&question.period, Instant::now()).cloned(),
            question,
        }
    }

    pub fn answered(&mut self) {
        self.under_way -= 1;
    }

    /// The clip that ends next to the end of the period.
    fn clip(&self, period: &Period, now: Instant) -> Option<&Clip> {
        let end = match period {
            Period::Ago(moment) if moment.end_offset.is_zero() => return self.clips.back(),
            Period::Ago(moment) => now.checked_sub(moment.end_offset)?,
            Period::Captured { to, .. } => *to,
        };
        let distance = |clip: &&Clip| {
            let later = clip.captured.saturating_duration_since(end);
            later.max(end.saturating_duration_since(clip.captured))
        };
        self.clips.iter().rev().min_by_key(distance)
    }
}

impl ClipQuestion {
    /// Asks. There is always an answer, if only the reason why there is none.
    pub async fn answer(self, http: &HttpClient, timeout: Duration) -> Answer {
        let asked = Instant::now();
        let outcome = match &self.clip {
            Some(clip) => self.ask(http, clip, timeout).await,
            None => Err(Error::new(
                Kind::NotFound,
                Stage::Ask,
                "There is no clip to ask about yet: on API v0.2, ask after an answer to prompt.",
            )),
        };
        let arrived = Instant::now();
        let (answer, error) = match outcome {
            Ok(answer) => {
                let error = failure(&answer);
                (answer, error)
            }
            Err(error) => (ClipAnswer::default(), Some(error.message)),
        };
        let ok = error.is_none();
        let result = InferenceResult {
            id: answer.id.map(without_nul),
            stream_id: Some(self.stream_id),
            mode: Some("clip".to_owned()),
            model_backend: None,
            model_name: answer.model.map(without_nul),
            prompt: Some(self.question.prompt),
            result: content_text(&answer.content)
                .map(without_nul)
                .filter(|text| ok || !text.is_empty()),
            inference_latency_ms: ok.then(|| latency_ms(asked, arrived)),
            total_latency_ms: self
                .clip
                .map(|clip| latency_ms(clip.captured, arrived))
                .filter(|_| ok),
            ok: Some(ok),
            error: error.map(without_nul),
            finish_reason: answer.finish_reason.map(without_nul),
        };
        let schema = self.question.schema.filter(|_| ok);
        let schema_error = schema
            .zip(result.result.as_deref())
            .and_then(|(schema, text)| schema.error_in(text));
        let ask_serial = Some(self.question.serial);
        Answer {
            json: to_json(&result, None, ask_serial, (answer.usage, None)),
            prompt_serial: None,
            result,
            arrived,
            schema_error,
            question: None,
            ask_serial,
            usage: answer.usage,
            cost_microcents: None,
            end_offset: Duration::ZERO,
            thinned_by: Duration::ZERO,
        }
    }

    /// Asks the models in order, until one answers.
    async fn ask(
        &self,
        http: &HttpClient,
        clip: &Clip,
        timeout: Duration,
    ) -> Result<ClipAnswer, Error> {
        let models = match self.question.models.is_empty() {
            false => self.question.models.clone(),
            true => vec![
                clip.model
                    .clone()
                    .unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
            ],
        };
        let mut last = Err(Error::settings("model names no model: set it to one."));
        for model in &models {
            last = self.ask_model(http, clip, model, timeout).await;
            match &last {
                Err(error) if error.status_code == Some(503) => {}
                _ => break,
            }
        }
        last
    }

    async fn ask_model(
        &self,
        http: &HttpClient,
        clip: &Clip,
        model: &str,
        timeout: Duration,
    ) -> Result<ClipAnswer, Error> {
        let body = AskAboutClip {
            result_id: &clip.result_id,
            prompt: &self.question.prompt,
            model,
            temperature: self.question.temperature,
            max_tokens: self.question.max_output_tokens,
            output_schema: self.question.schema.as_ref().map(Schema::value),
        };
        let (method, path) = (Method::POST, &["chat", "completions", "clip"]);
        let mut retries = 0;
        loop {
            let asked = http.call(Stage::Ask, method.clone(), path, Some(&body), timeout);
            match asked.await {
                Err(error) if error.status_code == Some(404) && retries < STORE_RETRIES => {
                    retries += 1;
                    sleep(STORE_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

/// Why a response is no answer.
fn failure(answer: &ClipAnswer) -> Option<String> {
    error_text(&answer.error)
        .or_else(|| failed_finish(answer.finish_reason.as_deref()))
        .or_else(|| {
            let has_text = content_text(&answer.content).is_some();
            (!has_text).then(|| "The model gave no text.".to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::question::Moment;

    #[test]
    fn the_clip_of_that_time_is_asked_about() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut questions = ClipQuestions::default();
        let ago = |seconds| {
            Period::Ago(Moment {
                end_offset: Duration::from_secs(seconds),
                window: Duration::ZERO,
                max_fps: 1,
                lead: Duration::ZERO,
            })
        };
        assert!(questions.clip(&ago(0), now).is_none());
        for second in 1..=20 {
            let text = format!(r#"{{"id":"r{second}","result":"a","total_latency_ms":100}}"#);
            let result = InferenceResult::parse(&text).expect("an answer");
            questions.note_clip(&result, at(second));
        }
        let failed = InferenceResult::parse(r#"{"id":"f","ok":false,"error":"no"}"#);
        questions.note_clip(&failed.expect("a failed answer"), at(21));
        let captured = |seconds| Period::Captured {
            from: at(0),
            to: at(seconds),
            max_fps: 1,
        };
        for (period, id) in [
            (ago(0), "r20"),
            (ago(5), "r15"),
            (ago(500), "r1"),
            (captured(7), "r7"),
            (captured(70), "r20"),
        ] {
            let clip = questions.clip(&period, at(20)).expect("a clip");
            assert_eq!(clip.result_id, id, "{period:?}");
        }
    }
}

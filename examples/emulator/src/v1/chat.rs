// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Chat completions: from a request to its response.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::time::sleep_until;

use crate::faults::fault::Fault;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot::Question;
use crate::service::app::App;
use crate::v1::V1;
use crate::v1::chat_request::{self, ChatRequest, Media};
use crate::v1::error::{Code, V1Error};
use crate::v1::event_stream::{EventStream, EventStreamFault};
use crate::v1::named_frames::{self, NamedMedia};
use crate::v1::ovs_url::{self, Kind};
use crate::v1::proxied_question::ProxiedQuestion;
use crate::v1::proxy;
use crate::vision::answer_text::{self, CHARACTERS_PER_TOKEN};
use crate::vision::engine::{Engine, TESSERACT};
use crate::vision::model::Model;
use crate::vision::observation::Observation;
use crate::vision::schema_fill;

/// How many prompt tokens a frame counts for.
const FRAME_TOKENS: usize = 256;

/// The ids of models that take pictures only begin with one of these.
const PICTURE_MODELS: [&str; 2] = ["claude-", "gpt-"];

/// A complete answer.
pub(crate) struct ChatCompletion {
    id: String,
    created: u64,
    model: String,
    content: String,
    finish_reason: &'static str,
    usage: Value,
    overshoot: Value,
}

pub(crate) async fn complete(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<ApiResponse, V1Error> {
    let at = Instant::now();
    let app = &incoming.app;
    let rate_limit = api.rate.count(owner, app.config.chat_per_second)?;
    let request = chat_request::read(&incoming.body)?;
    let ready = |models: &[Model]| {
        let mut models = models.iter();
        models.any(|m| m.name == request.model && m.status.ready())
    };
    if !app.known_models().is_none_or(ready) {
        let message = format!("The model {} is not available", request.model);
        return Err(V1Error::chat(Code::ModelUnavailable, message));
    }
    let takes_pictures_only = PICTURE_MODELS
        .iter()
        .any(|start| request.model.starts_with(start));
    if takes_pictures_only && request.media.iter().any(|media| media.kind == Kind::Video) {
        let message = format!("The model {} does not take video", request.model);
        return Err(V1Error::chat(Code::ModelVideoUnsupported, message));
    }
    let engine = &app.config.engine;
    // The model may be able to fetch other URLs.
    let passed_on =
        |media: &&Media| matches!(engine, Engine::Vlm(_)) && !ovs_url::is_ovs_url(&media.url);
    let mut media = Vec::new();
    for named in request.media.iter().filter(|media| !passed_on(media)) {
        media.push(NamedMedia::resolve(api, owner, named).await?);
    }
    for stream in media.iter().filter_map(|media| media.stream.as_ref()) {
        let _ = app.credits.charge(&stream.live);
    }
    if !app.credits.any_left() {
        return Err(V1Error::chat(Code::BillingDenied, "Insufficient credits"));
    }
    let record_answer = {
        let app = app.clone();
        move |request: &ChatRequest, media: &[NamedMedia], answer: (&str, &Value)| {
            record_answer(&app, request, media, answer, at)
        }
    };
    let cached = api.threads.cached_tokens(owner, &request);
    let completion = match engine {
        Engine::Measures => {
            let observations = named_frames::observe(&media).await;
            ChatCompletion::new(&request, &media, &observations, cached)
        }
        Engine::Ocr(ocr) => {
            let read = named_frames::read(&media, ocr).await;
            let read = read.map_err(|error| V1Error::engine(&error))?;
            ChatCompletion::new(&request, &media, &read, cached).with_model(TESSERACT)
        }
        Engine::Vlm(vlm) => {
            let record_answer = Box::new(
                move |request: &ChatRequest, media: &[NamedMedia], answer: &str| {
                    // The model has a price of its own, or none.
                    record_answer(request, media, (answer, &Value::Null));
                },
            );
            let question = ProxiedQuestion {
                request,
                media,
                record_answer,
            };
            let mut response = proxy::answer(incoming, vlm, question).await?;
            rate_limit.write_headers(response.headers_mut());
            return Ok(response.into());
        }
    };
    record_answer(&request, &media, (&completion.content, &completion.usage));

    let latency = match app.config.engine {
        Engine::Measures => app.config.inference_latency,
        _ => Duration::ZERO,
    };
    let mut response = if request.chunks {
        let fault = match incoming.fault {
            Some(Fault::BreaksOff) => EventStreamFault::BreaksOff(incoming.connection.clone()),
            Some(Fault::Stalls) => EventStreamFault::Stalls,
            _ => EventStreamFault::None,
        };
        EventStream::new(completion.chunks(request.usage_chunk), at, latency, fault).into_response()
    } else {
        sleep_until((at + latency).into()).await;
        completion.into_response()
    };
    rate_limit.write_headers(response.headers_mut());
    Ok(response.into())
}

/// Records the answer and charges for it, before any client can have received it.
fn record_answer(
    app: &App,
    request: &ChatRequest,
    media: &[NamedMedia],
    (answer, usage): (&str, &Value),
    at: Instant,
) {
    let mut prices = app.config.prices.iter();
    let price = prices.find(|price| price.model == request.model);
    let cost_microcents = price.map_or(0, |price| price.cost(usage));
    app.credits.spend(cost_microcents);
    for stream in media.iter().filter_map(|media| media.stream.as_ref()) {
        stream.state.answers.fetch_add(1, Ordering::Relaxed);
    }
    app.config.control.question(Question {
        at,
        model: request.model.clone(),
        system: request.system.clone(),
        prompt: request.prompt.clone(),
        thread_id: request.thread_id.clone(),
        chunks: request.chunks,
        media: media.iter().map(NamedMedia::record).collect(),
        answer: answer.to_owned(),
        cost_microcents,
    });
    app.emit(&Event::Asked {
        streams: media
            .iter()
            .filter_map(NamedMedia::stream_id)
            .map(str::to_owned)
            .collect(),
        prompt: request.prompt.clone(),
        frames: media.iter().map(|media| media.frames().len()).sum(),
        answer: answer.to_owned(),
    });
}

impl ChatCompletion {
    /// `cached`: how many tokens of the prompt come from the cache.
    fn new(
        request: &ChatRequest,
        media: &[NamedMedia],
        observations: &[Observation],
        cached: usize,
    ) -> Self {
        let max_tokens = request.max_tokens.unwrap_or(usize::MAX);
        let text = match &request.schema {
            Some(schema) => {
                let max_tokens = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
                schema_fill::fill(
                    schema,
                    named_frames::combine(media, observations).as_ref(),
                    max_tokens,
                )
                .to_string()
            }
            None => named_frames::describe(observations),
        };
        let (content, finish_reason) = answer_text::truncate(text, max_tokens);
        let frames: usize = media.iter().map(|media| media.frames().len()).sum();
        let prompt = request.characters().div_ceil(CHARACTERS_PER_TOKEN) + frames * FRAME_TOKENS;
        // Each text is rounded up.
        let cached = cached.min(prompt);
        let completion_tokens = answer_text::count_tokens(&content);
        let media: Vec<Value> = media.iter().filter_map(NamedMedia::summary).collect();
        ChatCompletion {
            id: format!("chatcmpl-{}", uuid()),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO)
                .as_secs(),
            model: request.model.clone(),
            content,
            finish_reason,
            usage: json!({
                "prompt_tokens": prompt,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt + completion_tokens,
                "prompt_tokens_details": {"cached_tokens": cached},
            }),
            overshoot: json!({
                "cache": {
                    "thread_id": request.thread_id,
                    "cache_hit": cached > 0,
                    "cached_input_tokens": cached,
                },
                "media": media,
            }),
        }
    }

    /// The same completion, with the name of the model that answered.
    fn with_model(self, model: &str) -> Self {
        ChatCompletion {
            model: model.to_owned(),
            ..self
        }
    }

    fn into_response(self) -> Response {
        let mut body = self.head("chat.completion");
        let message = json!({"role": "assistant", "content": self.content});
        let choice = json!({
            "index": 0,
            "message": message,
            "finish_reason": self.finish_reason,
        });
        body.insert("choices".to_owned(), json!([choice]));
        body.insert("usage".to_owned(), self.usage);
        body.insert("overshoot".to_owned(), self.overshoot);
        Json(Value::Object(body)).into_response()
    }

    fn head(&self, object: &str) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("id".to_owned(), json!(self.id));
        head.insert("object".to_owned(), json!(object));
        head.insert("created".to_owned(), json!(self.created));
        head.insert("model".to_owned(), json!(self.model));
        head
    }

    /// The completion as server-sent events: the role, the content in pieces, the finish reason, the usage.
    fn chunks(&self, usage_chunk: bool) -> Vec<String> {
        let chunk = |choices: Value| {
            let mut chunk = self.head("chat.completion.chunk");
            chunk.insert("choices".to_owned(), choices);
            chunk
        };
        let delta_chunk = |delta: Value, finish_reason: Option<&str>| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]))
        };
        let mut chunks = vec![delta_chunk(
            json!({"role": "assistant", "content": ""}),
            None,
        )];
        for piece in super::event_stream::pieces(&self.content) {
            chunks.push(delta_chunk(json!({ "content": piece }), None));
        }
        let mut last = delta_chunk(json!({}), Some(self.finish_reason));
        last.insert("overshoot".to_owned(), self.overshoot.clone());
        chunks.push(last);
        if usage_chunk {
            let mut usage = chunk(json!([]));
            usage.insert("usage".to_owned(), self.usage.clone());
            usage.insert("overshoot".to_owned(), self.overshoot.clone());
            chunks.push(usage);
        }
        let texts = chunks.into_iter().map(|c| Value::Object(c).to_string());
        texts.chain(["[DONE]".to_owned()]).collect()
    }
}

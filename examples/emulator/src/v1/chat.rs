//! Chat completions: from a question to an answer (rules 22 and 23).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::time::sleep_until;

use crate::faults::fault::Fault;
use crate::http::request::{Incoming, Served};
use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot::Question;
use crate::service::app::App;
use crate::v1::V1;
use crate::v1::chat_request::{self, Ask, Media};
use crate::v1::error::{Code, Refusal};
use crate::v1::event_stream::{Chunks, Manner};
use crate::v1::named_frames::{self, Looked};
use crate::v1::ovs_url;
use crate::v1::proxy::{self, Passed};
use crate::vision::answer_text::{self, CHARACTERS_PER_TOKEN};
use crate::vision::engine::{Engine, TESSERACT};
use crate::vision::model::Model;
use crate::vision::observation::Sight;
use crate::vision::schema_fill;

/// What a frame counts for in the usage.
const FRAME_TOKENS: usize = 256;

/// An answer that is ready.
pub(crate) struct Completion {
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
    incoming: &Incoming,
    owner: &str,
) -> Result<Served, Refusal> {
    let at = Instant::now();
    let app = &incoming.app;
    let budget = api.rate.take(owner, app.config.chat_per_second)?;
    let ask = chat_request::read(&incoming.body)?;
    let ready = |models: &[Model]| {
        let mut models = models.iter();
        models.any(|m| m.name == ask.model && m.status.ready())
    };
    if !app.known_models().is_none_or(ready) {
        let message = format!("The model {} is not available", ask.model);
        return Err(Refusal::chat(Code::ModelUnavailable, message));
    }
    let engine = &app.config.engine;
    // A model may be able to fetch what is no reference.
    let passed_on =
        |media: &&Media| matches!(engine, Engine::Vlm(_)) && !ovs_url::is_one(&media.url);
    let looked: Result<Vec<Looked>, Refusal> = ask
        .media
        .iter()
        .filter(|media| !passed_on(media))
        .map(|media| Looked::at(api, owner, media))
        .collect();
    let looked = looked?;
    for looked in &looked {
        let _ = app.credits.charge(&looked.live);
    }
    if !app.credits.any_left() {
        return Err(Refusal::chat(Code::BillingDenied, "Insufficient credits"));
    }
    let note = {
        let app = app.clone();
        move |ask: &Ask, looked: &[Looked], answer: &str| note(&app, ask, looked, answer, at)
    };
    let completion = match engine {
        Engine::Measures => Completion::new(&ask, &looked, &named_frames::measured(&looked).await),
        Engine::Ocr(ocr) => {
            let read = named_frames::read(&looked, ocr).await;
            let read = read.map_err(|trouble| Refusal::trouble(&trouble))?;
            Completion::new(&ask, &looked, &read).by(TESSERACT)
        }
        Engine::Vlm(vlm) => {
            let note = Box::new(note);
            let passed = Passed { ask, looked, note };
            let mut response = proxy::answer(incoming, vlm, passed).await?;
            budget.tell(response.headers_mut());
            return Ok(response.into());
        }
    };
    note(&ask, &looked, &completion.content);

    let latency = match app.config.engine {
        Engine::Measures => app.config.inference_latency,
        _ => Duration::ZERO,
    };
    let mut response = if ask.chunks {
        let manner = match incoming.fault {
            Some(Fault::BreaksOff) => Manner::BreaksOff(incoming.wire.clone()),
            Some(Fault::Stalls) => Manner::Stalls,
            _ => Manner::Whole,
        };
        Chunks::new(completion.chunks(ask.usage_chunk), at, latency, manner).into_response()
    } else {
        sleep_until((at + latency).into()).await;
        completion.into_response()
    };
    budget.tell(response.headers_mut());
    Ok(response.into())
}

/// Puts it on record, before anybody can have heard of it.
fn note(app: &App, ask: &Ask, looked: &[Looked], answer: &str, at: Instant) {
    for looked in looked {
        looked.pull.answers.fetch_add(1, Ordering::Relaxed);
    }
    app.config.control.question(Question {
        at,
        model: ask.model.clone(),
        system: ask.system.clone(),
        prompt: ask.prompt.clone(),
        thread_id: ask.thread_id.clone(),
        chunks: ask.chunks,
        media: looked.iter().map(Looked::named).collect(),
        answer: answer.to_owned(),
    });
    app.tell(&Event::Asked {
        streams: looked.iter().map(|l| l.live.id.clone()).collect(),
        prompt: ask.prompt.clone(),
        frames: looked.iter().map(|looked| looked.frames().len()).sum(),
        answer: answer.to_owned(),
    });
}

impl Completion {
    fn new(ask: &Ask, looked: &[Looked], sights: &[Sight]) -> Self {
        let most = ask.max_tokens.unwrap_or(usize::MAX);
        let text = match &ask.schema {
            Some(schema) => {
                let most = most.saturating_mul(CHARACTERS_PER_TOKEN);
                schema_fill::fit(schema, named_frames::whole(looked, sights).as_ref(), most)
                    .to_string()
            }
            None => named_frames::words(sights),
        };
        let (content, finish_reason) = answer_text::finish(text, most);
        let frames: usize = looked.iter().map(|looked| looked.frames().len()).sum();
        let prompt = ask.characters.div_ceil(CHARACTERS_PER_TOKEN) + frames * FRAME_TOKENS;
        let said = answer_text::tokens(&content);
        let media: Vec<Value> = looked.iter().map(Looked::summary).collect();
        Completion {
            id: format!("chatcmpl-{}", uuid()),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO)
                .as_secs(),
            model: ask.model.clone(),
            content,
            finish_reason,
            usage: json!({
                "prompt_tokens": prompt,
                "completion_tokens": said,
                "total_tokens": prompt + said,
            }),
            overshoot: json!({
                "cache": {
                    "thread_id": ask.thread_id,
                    "cache_hit": false,
                    "cached_input_tokens": 0,
                },
                "media": media,
            }),
        }
    }

    /// The same, with the name of who answered.
    fn by(self, model: &str) -> Self {
        Completion {
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

    /// The same as server-sent events: the role, the content in pieces, why it ends, the usage.
    fn chunks(&self, usage_chunk: bool) -> Vec<String> {
        let chunk = |choices: Value| {
            let mut chunk = self.head("chat.completion.chunk");
            chunk.insert("choices".to_owned(), choices);
            chunk
        };
        let said = |delta: Value, finish_reason: Option<&str>| {
            chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]))
        };
        let mut chunks = vec![said(json!({"role": "assistant", "content": ""}), None)];
        for piece in super::event_stream::pieces(&self.content) {
            chunks.push(said(json!({ "content": piece }), None));
        }
        let mut last = said(json!({}), Some(self.finish_reason));
        last.insert("overshoot".to_owned(), self.overshoot.clone());
        chunks.push(last);
        if usage_chunk {
            let mut usage = chunk(json!([]));
            usage.insert("usage".to_owned(), self.usage.clone());
            chunks.push(usage);
        }
        let texts = chunks.into_iter().map(|c| Value::Object(c).to_string());
        texts.chain(["[DONE]".to_owned()]).collect()
    }
}

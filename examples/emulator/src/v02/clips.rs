//! Clips: results that can be asked about again.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Json;
use serde_json::json;

use crate::http::request::{Incoming, Served};
use crate::ids::uuid;
use crate::lock::lock;
use crate::v02::error::ApiError;
use crate::v02::{V02, json_body, key, request};
use crate::vision::answer_text;
use crate::vision::engine::Engine;
use crate::vision::engine::vlm::Question;
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::Sight;

/// How many results can be asked about again.
const CLIPS_KEPT: usize = 1_000;
/// How many with pictures, which are up to 8 of some 100 kB each.
const SHOWN_CLIPS_KEPT: usize = 64;
/// How long a clip takes to be stored: 404 until then.
const CLIP_STORED_AFTER: Duration = Duration::from_millis(1_500);

/// What the newest results were about.
#[derive(Default)]
pub(crate) struct Clips(Mutex<VecDeque<Clip>>);

#[derive(Clone)]
struct Clip {
    result_id: String,
    owner: String,
    at: Instant,
    sight: Sight,
    /// What the engine was shown, where that is pictures.
    pictures: Vec<Jpeg>,
}

impl Clips {
    /// Keeps what a result was about.
    pub(crate) fn keep(
        &self,
        engine: &Engine,
        result_id: String,
        owner: String,
        sight: Sight,
        pictures: Vec<Jpeg>,
    ) {
        let mut clips = lock(&self.0);
        let most = match engine {
            Engine::Vlm(_) => SHOWN_CLIPS_KEPT,
            _ => CLIPS_KEPT,
        };
        if clips.len() >= most {
            clips.pop_front();
        }
        clips.push_back(Clip {
            result_id,
            owner,
            at: Instant::now(),
            sight,
            pictures,
        });
    }

    /// What a result was about, and what was shown of it.
    fn get(&self, result_id: &str, owner: &str) -> Result<(Sight, Vec<Jpeg>), ApiError> {
        let clips = lock(&self.0);
        let clip = clips
            .iter()
            .rev()
            .find(|clip| clip.result_id == result_id && clip.owner == owner)
            .ok_or_else(|| ApiError::not_found(format!("no result {result_id} is known")))?;
        if clip.at.elapsed() < CLIP_STORED_AFTER {
            return Err(ApiError::not_found(format!(
                "the clip of result {result_id} is not stored yet: try again in a second"
            )));
        }
        Ok((clip.sight.clone(), clip.pictures.clone()))
    }
}

pub(super) async fn ask(api: &V02, incoming: &Incoming) -> Result<Served, ApiError> {
    let owner = key(incoming)?;
    let app = &incoming.app;
    let call = request::clip(&json_body(incoming)?, app.known_models())?;
    let (sight, pictures) = api.clips.get(&call.result_id, &owner)?;
    if let Engine::Vlm(vlm) = &app.config.engine {
        let question = Question {
            prompt: &call.prompt,
            pictures,
            max_tokens: call.max_tokens,
            schema: call.schema.as_ref(),
        };
        let answer = vlm.answer(&call.model, question).await;
        let done = answer.done.map_err(|why| ApiError::upstream(&why))?;
        return Ok(Json(json!({
            "id": uuid(),
            "model": answer.model,
            "content": done.content,
            "finish_reason": done.finish_reason,
            "usage": done.body.get("usage"),
        }))
        .into());
    }
    let max_tokens = call.max_tokens.unwrap_or(usize::MAX);
    let text = match &call.schema {
        Some(_) => answer_text::text(&sight, call.schema.as_ref(), max_tokens),
        None => format!("{} (asked: {})", sight.text(), call.prompt),
    };
    let (content, finish_reason) = answer_text::finish(text, max_tokens);
    let (prompt_tokens, completion_tokens) = (
        answer_text::tokens(&call.prompt),
        answer_text::tokens(&content),
    );
    Ok(Json(json!({
        "id": uuid(),
        "model": call.model,
        "content": content,
        "finish_reason": finish_reason,
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }))
    .into())
}

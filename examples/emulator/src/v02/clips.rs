// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Clips: results that a client can ask about again, `POST /chat/completions/clip`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::Json;
use serde_json::json;

use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::lock::lock;
use crate::v02::error::V02Error;
use crate::v02::{V02, json_body, key, request};
use crate::vision::answer_text;
use crate::vision::engine::Engine;
use crate::vision::engine::vlm::VlmRequest;
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::Observation;

/// How many results are kept.
const MAX_CLIPS: usize = 1_000;
/// How many results with pictures are kept. Each has up to 8 pictures of some 100 kB.
const MAX_CLIPS_WITH_PICTURES: usize = 64;
/// How long a clip takes to be stored. The call is 404 until then.
const CLIP_STORAGE_DELAY: Duration = Duration::from_millis(1_500);

/// What the newest results were about.
#[derive(Default)]
pub(crate) struct Clips(Mutex<VecDeque<Clip>>);

#[derive(Clone)]
struct Clip {
    result_id: String,
    owner: String,
    at: Instant,
    observation: Observation,
    /// The pictures that the engine received; empty if it received none.
    pictures: Vec<Jpeg>,
}

impl Clips {
    /// Keeps what a result was about.
    pub(crate) fn keep(
        &self,
        engine: &Engine,
        result_id: String,
        owner: String,
        observation: Observation,
        pictures: Vec<Jpeg>,
    ) {
        let mut clips = lock(&self.0);
        let max = match engine {
            Engine::Vlm(_) => MAX_CLIPS_WITH_PICTURES,
            _ => MAX_CLIPS,
        };
        if clips.len() >= max {
            clips.pop_front();
        }
        clips.push_back(Clip {
            result_id,
            owner,
            at: Instant::now(),
            observation,
            pictures,
        });
    }

    /// What a result was about, and the pictures that the engine received.
    fn get(&self, result_id: &str, owner: &str) -> Result<(Observation, Vec<Jpeg>), V02Error> {
        let clips = lock(&self.0);
        let clip = clips
            .iter()
            .rev()
            .find(|clip| clip.result_id == result_id && clip.owner == owner)
            .ok_or_else(|| V02Error::not_found(format!("result {result_id} is not known")))?;
        if clip.at.elapsed() < CLIP_STORAGE_DELAY {
            return Err(V02Error::not_found(format!(
                "the clip of result {result_id} is not stored yet: try again in a second"
            )));
        }
        Ok((clip.observation.clone(), clip.pictures.clone()))
    }
}

pub(super) async fn ask(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let app = &incoming.app;
    let call = request::clip(&json_body(incoming)?, app.known_models())?;
    let (observation, pictures) = api.clips.get(&call.result_id, &owner)?;
    if let Engine::Vlm(vlm) = &app.config.engine {
        let question = VlmRequest {
            prompt: &call.prompt,
            pictures,
            max_tokens: call.max_tokens,
            schema: call.schema.as_ref(),
        };
        let answer = vlm.answer(&call.model, question).await;
        let done = answer.result.and_then(|done| match &done.refusal {
            Some(refusal) => Err(vlm.failed(refusal)),
            None => Ok(done),
        });
        let done = done.map_err(|why| V02Error::upstream(&why))?;
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
        Some(_) => answer_text::answer_text(&observation, call.schema.as_ref(), max_tokens),
        None => format!("{} (asked: {})", observation.text(), call.prompt),
    };
    let (content, finish_reason) = answer_text::truncate(text, max_tokens);
    let (prompt_tokens, completion_tokens) = (
        answer_text::count_tokens(&call.prompt),
        answer_text::count_tokens(&content),
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

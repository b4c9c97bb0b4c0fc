// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The calls of API v0.2 that concern a stream.

use std::time::Duration;

use reqwest::Method;

use super::protocol::{
    ChangePrompt, CreateStream, InferenceRequest, PromptChanged, StreamCreated, StreamSource,
};
use crate::session::config::VideoSource;
use crate::session::create_and_delete::{self, is_usable_id};
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::HttpClient;
use crate::session::json;
use crate::session::model_text::error_text;
use crate::session::models;
use crate::session::protocol::{Feedback, LeaseRenewal, without_nul};
use crate::session::request::StreamRequest;
use crate::session::schema::Schema;

/// The model that is asked if none is named (the SDKs' default).
pub const DEFAULT_MODEL: &str = "Qwen/Qwen3-VL-30B-A3B-Instruct";

/// Creates the stream. While the service answers that a model is not available (503), the next one is
/// tried. If no model is named and the list of models says that the default is not ready, the first ready one is
/// asked; its name is returned.
///
/// # Errors
/// The service's refusal of the last model that was tried.
pub async fn create(
    http: &HttpClient,
    request: &StreamRequest,
    prompt: &str,
    source: &VideoSource,
    timeout: Duration,
) -> Result<(StreamCreated, Option<String>), Error> {
    let default = [DEFAULT_MODEL.to_owned()];
    let is_named = !request.models.is_empty();
    let models = if is_named {
        &request.models
    } else {
        &default[..]
    };
    let error = match create_with(models, http, request, prompt, source, timeout).await {
        Ok(created) => return Ok((created, None)),
        Err(error) => error,
    };
    let listed = models::list_for(&error, http).await;
    match models::instead_of(&listed, DEFAULT_MODEL).filter(|_| !is_named) {
        Some(ready) => {
            let named = [ready.to_owned()];
            let created = create_with(&named, http, request, prompt, source, timeout).await?;
            let [model] = named;
            Ok((created, Some(model)))
        }
        None => Err(models::explain(&listed, models, error)),
    }
}

/// Creates the stream with the first of these models that is available.
async fn create_with(
    models: &[String],
    http: &HttpClient,
    request: &StreamRequest,
    prompt: &str,
    source: &VideoSource,
    timeout: Duration,
) -> Result<StreamCreated, Error> {
    let mut failure = None;
    for model in models {
        let body = CreateStream {
            source: match source {
                VideoSource::Webrtc(sdp) => Some(StreamSource::Webrtc { sdp }),
                VideoSource::Room(room) => Some(StreamSource::Livekit {
                    url: &room.url,
                    token: room.token.reveal(),
                }),
                VideoSource::NewRoom => None,
            },
            mode: request.processing.mode(),
            processing: request.processing.clone(),
            inference: InferenceRequest {
                prompt,
                backend: request.backend,
                model,
                output_schema_json: request.output_schema.as_ref().map(Schema::value),
                max_output_tokens: request.max_output_tokens,
            },
        };
        match create_and_delete::post::<StreamCreated>(http, Some(&body), timeout).await {
            Ok(created) => return check_id(created),
            Err(error) if error.status_code == Some(503) => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| Error::settings("model names no model: set it to one.")))
}

fn check_id(created: StreamCreated) -> Result<StreamCreated, Error> {
    if is_usable_id(&created.stream_id) {
        return Ok(created);
    }
    Err(Error::new(
        Kind::Protocol,
        Stage::Create,
        "The service answered with an unusable stream id: check that api-url is the address of an API v0.2.",
    ))
}

/// Renews the lease. A success counts even if the body can't be parsed (a proxy may change it).
pub async fn keepalive(
    http: &HttpClient,
    id: &str,
    timeout: Duration,
) -> Result<LeaseRenewal, Error> {
    let body = http
        .text(
            Stage::Keepalive,
            Method::POST,
            &["streams", id, "keepalive"],
            None::<&()>,
            timeout,
        )
        .await?;
    Ok(json::parse(&body).unwrap_or_default())
}

/// Changes the prompt. Returns the one that the service says it uses.
pub async fn change_prompt(
    http: &HttpClient,
    id: &str,
    prompt: &str,
    timeout: Duration,
) -> Result<String, Error> {
    let body = http
        .text(
            Stage::Prompt,
            Method::PATCH,
            &["streams", id, "config", "prompt"],
            Some(&ChangePrompt { prompt }),
            timeout,
        )
        .await?;
    let changed: PromptChanged = json::parse(&body).unwrap_or_default();
    if let Some(why) = error_text(&changed.error) {
        let message = format!("The service refused the prompt: {why}.");
        return Err(Error::new(Kind::Server, Stage::Prompt, message));
    }
    Ok(changed
        .prompt
        .map_or_else(|| prompt.to_owned(), without_nul))
}

pub async fn give_feedback(
    http: &HttpClient,
    id: &str,
    feedback: &Feedback,
    timeout: Duration,
) -> Result<(), Error> {
    http.text(
        Stage::Feedback,
        Method::POST,
        &["streams", id, "feedback"],
        Some(feedback),
        timeout,
    )
    .await
    .map(drop)
}

//! The calls of API v0.2 on one stream.

use std::time::Duration;

use reqwest::Method;

use super::protocol::{
    ChangePrompt, CreateStream, InferenceRequest, PromptChanged, Source, StreamCreated,
};
use crate::session::config;
use crate::session::create_and_delete::is_usable_id;
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::Http;
use crate::session::models;
use crate::session::protocol::{Feedback, KeptAlive, without_nul};
use crate::session::request::StreamRequest;
use crate::session::schema::Schema;

/// Creates the stream. The models are tried in order while the service says that one is not to be
/// had (503).
///
/// # Errors
/// The service's refusal, with the last model tried.
pub async fn create(
    http: &Http,
    request: &StreamRequest,
    prompt: &str,
    source: &config::Source,
    timeout: Duration,
) -> Result<StreamCreated, Error> {
    let mut failure = None;
    for model in &request.models {
        let body = CreateStream {
            source: match source {
                config::Source::Webrtc(sdp) => Some(Source::Webrtc { sdp }),
                config::Source::Room(room) => Some(Source::Livekit {
                    url: &room.url,
                    token: room.token.reveal(),
                }),
                config::Source::NewRoom => None,
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
        match http
            .call::<StreamCreated>(
                Stage::Create,
                Method::POST,
                &["streams"],
                Some(&body),
                timeout,
            )
            .await
        {
            Ok(created) => return check_id(created),
            Err(error) if error.status_code == Some(503) => failure = Some(error),
            Err(error) => return Err(models::explain(http, &request.models, error).await),
        }
    }
    let failure = failure.unwrap_or_else(|| Error::settings("model names no model."));
    Err(models::explain(http, &request.models, failure).await)
}

fn check_id(created: StreamCreated) -> Result<StreamCreated, Error> {
    if is_usable_id(&created.stream_id) {
        return Ok(created);
    }
    Err(Error::new(
        Kind::Protocol,
        Stage::Create,
        "The service answered with an unusable stream id: check that api-url is the v0.2 API.",
    ))
}

/// Renews the lease. The success counts, whatever a proxy makes of the body.
pub async fn keepalive(http: &Http, id: &str, timeout: Duration) -> Result<KeptAlive, Error> {
    let body = http
        .text(
            Stage::Keepalive,
            Method::POST,
            &["streams", id, "keepalive"],
            None::<&()>,
            timeout,
        )
        .await?;
    Ok(serde_json::from_str(&body).unwrap_or_default())
}

/// Changes the prompt; answers with the one that the service says it took.
pub async fn change_prompt(
    http: &Http,
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
    let changed: PromptChanged = serde_json::from_str(&body).unwrap_or_default();
    Ok(changed
        .prompt
        .map_or_else(|| prompt.to_owned(), without_nul))
}

pub async fn give_feedback(
    http: &Http,
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

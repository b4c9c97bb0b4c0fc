// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The calls of API v1 that concern a stream.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::protocol::{Balance, KeepaliveResponse, StreamCreated, StreamStatus};
use crate::session::create_and_delete::{self, is_usable_id};
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::HttpClient;
use crate::session::json;
use crate::session::models::{self, Model};
use crate::session::protocol::Mode;
use crate::session::request::StreamRequest;
use crate::session::retry::{Backoff, asked_pause};

/// Further tries of a creation that the service has not taken, and the pauses before them: 1, 2, 4 s.
const CREATE_RETRIES: u32 = 3;
const CREATE_PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));

/// Creates the stream.
///
/// # Errors
/// The service's refusal. The call is not idempotent, so it is only tried again if no stream can have been
/// created.
pub async fn create(
    http: &HttpClient,
    timeout: Duration,
    stop: &CancellationToken,
) -> Result<StreamCreated, Error> {
    let mut failures = 0;
    // Later there would be no time to connect, and the error would not name the cause.
    let deadline = Instant::now() + timeout.mul_f64(0.75);
    loop {
        match create_and_delete::post::<StreamCreated>(http, None::<&()>, timeout).await {
            Ok(created) if is_usable_id(&created.id) => return Ok(created),
            Ok(_) => {
                return Err(Error::new(
                    Kind::Protocol,
                    Stage::Create,
                    "The service answered with an unusable stream id: check that api-url is the address of an API v1.",
                ));
            }
            Err(error)
                if failures < CREATE_RETRIES && error.retryable() && error.was_not_taken() =>
            {
                let asked = asked_pause(&error, CREATE_PAUSES.longest());
                let pause = CREATE_PAUSES.pause(failures).max(asked);
                if Instant::now() + pause > deadline {
                    return Err(error);
                }
                failures += 1;
                tokio::select! {
                    biased;
                    // There is nothing to undo.
                    () = stop.cancelled() => return Err(error),
                    () = sleep(pause) => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// The models that are asked if none is named: the others only if the first one fails.
const MAX_UNNAMED: usize = 3;

/// The ready models, the best first. Those that the service hosts itself are fast and take video; their ids contain a
/// slash. Of the others, some take pictures only, so clips can't be sent to them (protocol, section 2).
fn usable(listed: &[Model], is_clip: bool) -> Vec<String> {
    const PICTURES_ONLY: [&str; 2] = ["claude-", "gpt-"];
    let takes_video = |name: &str| !PICTURES_ONLY.iter().any(|start| name.starts_with(start));
    let ready = listed.iter().filter(|model| model.ready);
    let usable = ready.filter(|model| !is_clip || takes_video(&model.model));
    let mut usable: Vec<_> = usable.collect();
    // One that says that it is ready is better than one with an unknown status.
    usable.sort_by_key(|model| {
        let is_hosted = model.model.contains('/');
        (!is_hosted, model.status.as_deref() != Some("ready"))
    });
    let names = usable.into_iter().map(|model| model.model.clone());
    names.take(MAX_UNNAMED).collect()
}

/// The models to ask, in order: the named ones, or else those that are ready.
///
/// # Errors
/// No model is ready, or none of the named ones. The error lists those that are.
pub async fn models(
    http: &HttpClient,
    request: &StreamRequest,
    timeout: Duration,
) -> Result<Vec<String>, Error> {
    // Leaves time to create the stream.
    let listed = models::list(http, timeout / 2).await;
    if request.models.is_empty() {
        let is_clip = request.processing.mode() == Mode::Clip;
        let usable = usable(&listed?, is_clip);
        return match usable.is_empty() {
            false => Ok(usable),
            true => Err(Error::new(
                Kind::Busy,
                Stage::Models,
                "No model is ready, or none that takes video: try again later, or set model.",
            )),
        };
    }
    // Without the list, the first request shows whether the models can be used.
    let listed = listed.unwrap_or_default();
    match models::explanation(&listed, &request.models) {
        Some(explanation) => Err(Error::new(
            match request
                .models
                .iter()
                .any(|name| listed.iter().any(|m| m.model == *name))
            {
                true => Kind::Busy,
                false => Kind::InvalidSettings,
            },
            Stage::Models,
            format!("No model can answer: {explanation}"),
        )),
        None => Ok(request.models.clone()),
    }
}

/// Whether the stream is active, and has pictures.
pub async fn status(http: &HttpClient, id: &str, timeout: Duration) -> Result<StreamStatus, Error> {
    let (method, path) = (Method::GET, &["streams", id]);
    http.call(Stage::Status, method, path, None::<&()>, timeout)
        .await
}

/// Renews the lease. A success counts even if the body can't be parsed (a proxy may change it).
pub async fn keepalive(
    http: &HttpClient,
    id: &str,
    timeout: Duration,
) -> Result<KeepaliveResponse, Error> {
    let (method, path) = (Method::POST, &["streams", id, "keepalive"]);
    let body = http
        .text(Stage::Keepalive, method, path, None::<&()>, timeout)
        .await?;
    Ok(json::parse(&body).unwrap_or_default())
}

/// The balance in cents; `None` if the service does not say it.
pub async fn balance(http: &HttpClient, timeout: Duration) -> Option<f64> {
    let (method, path) = (Method::GET, &["billing", "accounts", "me", "balance"]);
    let balance: Result<Balance, Error> = http
        .without_path()
        .call(Stage::Balance, method, path, None::<&()>, timeout)
        .await;
    balance.ok().map(|balance| balance.balance_cents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_own_models_come_first() {
        let model = |name: &str, status: Option<&str>| Model {
            model: name.to_owned(),
            ready: status != Some("unavailable"),
            status: status.map(str::to_owned),
        };
        let listed = [
            model("gpt-5", Some("ready")),
            model("claude-4", Some("ready")),
            model("gemini-3", Some("ready")),
            model("a/busy", Some("unavailable")),
            model("a/silent", None),
            model("a/ready", Some("ready")),
        ];
        let names = |listed: &[Model], is_clip| usable(listed, is_clip).join(" ");
        assert_eq!(names(&listed, true), "a/ready a/silent gemini-3");
        assert_eq!(names(&listed, false), "a/ready a/silent gpt-5");
        assert_eq!(names(&listed[..4], true), "gemini-3");
        assert_eq!(names(&listed[..4], false), "gpt-5 claude-4 gemini-3");
        assert_eq!(names(&listed[..2], true), "");
        assert_eq!(names(&listed[3..4], false), "");
    }
}

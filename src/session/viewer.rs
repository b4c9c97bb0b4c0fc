// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Access to the room of a stream, for somebody who watches what the model sees.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value};

use super::api_version::Api;
use super::error::{Error, Kind, Stage};
use super::http::HttpClient;
use super::json;
use super::protocol::without_nul;
use super::secret::Secret;

/// How long a token is valid that does not say it (protocol, sections 1 and 2).
const DEFAULT_VALIDITY_SECONDS: f64 = 300.0;
const MAX_VALIDITY_SECONDS: f64 = 86_400.0;

/// A token that only allows to watch.
#[derive(Debug)]
pub struct Viewer {
    pub url: String,
    pub token: Secret,
    /// How long it is valid.
    pub validity: Duration,
}

/// Requests a token for the room of a stream.
///
/// # Errors
/// The service's refusal, or a response without a token.
pub async fn request(
    http: &HttpClient,
    api: Api,
    id: &str,
    timeout: Duration,
) -> Result<Viewer, Error> {
    let call = match api {
        Api::V02 => "spectate",
        Api::V1 => "viewer-token",
    };
    let path = &["streams", id, call];
    let body = http
        .text(Stage::Viewer, Method::POST, path, None::<&()>, timeout)
        .await?;
    let parsed = json::parse_object(&body).ok();
    parsed.and_then(|body| read(&body)).ok_or_else(|| {
        Error::new(
            Kind::Protocol,
            Stage::Viewer,
            "The service's response has no token for a viewer.",
        )
    })
}

/// Reads the token: in `view` (v1), in `livekit` (v0.2), or in the response itself.
fn read(body: &Map<String, Value>) -> Option<Viewer> {
    let mut inner = ["view", "livekit"]
        .iter()
        .filter_map(|name| body.get(*name));
    let room = inner.find_map(Value::as_object).unwrap_or(body);
    let text = |name: &str| json::text(room.get(name)?).map(without_nul);
    let seconds = room.get("expires_in_seconds").and_then(json::number);
    let seconds = seconds.filter(|seconds| *seconds > 0.0);
    let seconds = seconds.map_or(DEFAULT_VALIDITY_SECONDS, |s| s.min(MAX_VALIDITY_SECONDS));
    Some(Viewer {
        url: text("url")?,
        token: Secret::new(text("token")?),
        validity: Duration::from_secs_f64(seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_read_whatever_surrounds_it() {
        for (body, seconds) in [
            (
                r#"{"view":{"url":"wss://a","token":"t","expires_in_seconds":60}}"#,
                60,
            ),
            (r#"{"livekit":{"url":"wss://a","token":"t"}}"#, 300),
            (
                r#"{"url":"wss://a","token":"t","expires_in_seconds":"90"}"#,
                90,
            ),
            (
                r#"{"url":"wss://a","token":"t","expires_in_seconds":-1}"#,
                300,
            ),
            (
                r#"{"url":"wss://a","token":"t","expires_in_seconds":1e300}"#,
                86_400,
            ),
        ] {
            let body = json::parse_object(body).expect("JSON");
            let viewer = read(&body).expect("a token");
            assert_eq!(
                (viewer.url.as_str(), viewer.token.reveal()),
                ("wss://a", "t")
            );
            assert_eq!(viewer.validity, Duration::from_secs(seconds));
        }
        for body in [
            r#"{}"#,
            r#"{"view":{"url":"wss://a"}}"#,
            r#"{"view":{"token":"t"}}"#,
        ] {
            assert!(
                read(&json::parse_object(body).expect("JSON")).is_none(),
                "{body}"
            );
        }
    }
}

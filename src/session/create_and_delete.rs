// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Creating and deleting a stream of either API: no stream that may exist is left to be billed.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Kind, Stage};
use super::event::Event;
use super::http::{HttpClient, read_what_comes};

/// How long a stopped session waits for a creation that is under way: the stream may exist, and must then
/// be deleted.
const CREATE_GRACE_TIMEOUT: Duration = Duration::from_millis(1200);
/// For each of the two tries to delete the stream. Together with the above, this is less than
/// [`super::CLOSE_TIMEOUT`].
const DELETE_TIMEOUT: Duration = Duration::from_millis(600);
/// The longest stream id that is accepted; the service's are UUIDs.
const MAX_ID_BYTES: usize = 256;

/// Sends an event to the owner, which receives events until they end. If the owner is gone, the event is
/// dropped.
pub async fn send_event(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

/// Whether the id can be a part of a URL: "." and ".." would vanish from it.
pub fn is_usable_id(id: &str) -> bool {
    !matches!(id, "" | "." | "..") && id.len() <= MAX_ID_BYTES && !id.contains('\0')
}

/// Calls `POST /streams`. A stream that exists, but whose description can't be read, is deleted.
///
/// # Errors
/// The service's refusal, or a description that can't be read.
pub async fn post<T: DeserializeOwned>(
    http: &HttpClient,
    body: Option<&(impl Serialize + Sync)>,
    timeout: Duration,
) -> Result<T, Error> {
    let (stage, path) = (Stage::Create, &["streams"]);
    let response = http.send(stage, Method::POST, path, body, timeout).await?;
    let (text, outcome) = read_what_comes(stage, response).await;
    let error = match outcome.and_then(|()| http.parse(stage, &text)) {
        Ok(created) => return Ok(created),
        Err(error) => error,
    };
    match find_id(&text) {
        Some(id) => Err(match delete(http, &id).await {
            Ok(()) => error,
            Err(not_deleted) => error.followed_by(&not_deleted.message),
        }),
        None => Err(error),
    }
}

/// The id of the stream in a description that can't be read, perhaps because its end is missing.
fn find_id(text: &str) -> Option<String> {
    let id = ["stream_id", "id"].iter().find_map(|key| {
        if let Ok(Value::Object(parts)) = serde_json::from_str(text) {
            return match parts.get(*key)? {
                Value::String(id) => Some(id.clone()),
                Value::Number(id) => Some(id.to_string()),
                _ => None,
            };
        }
        let (_, rest) = text.split_once(&format!("\"{key}\""))?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let (id, _) = rest.strip_prefix('"')?.split_once('"')?;
        Some(id.to_owned())
    });
    id.filter(|id| is_usable_id(id))
}

/// Creates the stream; `None` if the session was stopped before there was anything to delete.
pub async fn create<T>(
    create: impl Future<Output = Result<T, Error>>,
    stop: &CancellationToken,
) -> Result<Option<T>, Error> {
    if stop.is_cancelled() {
        return Ok(None);
    }
    tokio::pin!(create);
    tokio::select! {
        biased;
        created = &mut create => created.map(Some),
        () = stop.cancelled() => match timeout(CREATE_GRACE_TIMEOUT, create).await {
            Ok(created) => created.map(Some),
            Err(_) => Err(Error::new(
                Kind::Timeout,
                Stage::Create,
                "The element was stopped while the service created the stream: if the stream exists, it ends with its lease.",
            )),
        },
    }
}

/// Ends every stream that was created: reports its error, if it has one, and deletes it. It is deleted
/// after a 404, too: that may come from a proxy that does not know the one call.
pub async fn close(
    http: &HttpClient,
    id: &str,
    outcome: Result<(), Error>,
    events: &mpsc::Sender<Event>,
) {
    let gone = outcome
        .as_ref()
        .is_err_and(|error| error.kind == Kind::StreamEnded);
    if let Err(error) = outcome {
        send_event(events, Event::Failed(error)).await;
    }
    if !gone && let Err(error) = delete(http, id).await {
        send_event(events, Event::Warning(error)).await;
    }
}

async fn delete(http: &HttpClient, id: &str) -> Result<(), Error> {
    match delete_once(http, id).await {
        Err(error) if error.retryable() => delete_once(http, id).await,
        outcome => outcome,
    }
    .map_err(|error| error.preceded_by("The stream could not be deleted; it ends with its lease."))
}

/// A stream that is gone already counts as deleted.
async fn delete_once(http: &HttpClient, id: &str) -> Result<(), Error> {
    match http
        .text(
            Stage::Delete,
            Method::DELETE,
            &["streams", id],
            None::<&()>,
            DELETE_TIMEOUT,
        )
        .await
    {
        Err(error) if error.kind != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_broken_descriptions() {
        for (text, id) in [
            (r#"{"stream_id":"a-1","webrtc":{"type":"ans"#, Some("a-1")),
            (r#"{ "stream_id" : "a-1", "lease""#, Some("a-1")),
            (r#"{"id":"b-2","state":"active","publish":{"#, Some("b-2")),
            (r#"{"stream_id":7}"#, Some("7")),
            (r#"{"webrtc":{"stream_id":"x"}}"#, None),
            (r#"{"stream_id":"a-"#, None),
            (r#"{"stream_id":".."}"#, None),
            (r#"{"stream_id":null}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(find_id(text).as_deref(), id, "{text}");
        }
    }
}

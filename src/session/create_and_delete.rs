// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Creating and deleting a stream of either API: no stream that may exist is left to be billed.

use std::time::Duration;

use reqwest::Method;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Kind, Stage};
use super::event::Event;
use super::http::HttpClient;

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

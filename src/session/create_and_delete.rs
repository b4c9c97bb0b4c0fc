//! How a stream is made and ended, whatever the API: one that may exist is not left to bill.

use std::time::Duration;

use reqwest::Method;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Kind, Stage};
use super::event::Event;
use super::http::HttpClient;

/// How long a creation that is under way when the session is stopped is waited for: the stream
/// may exist, and must then be deleted.
const CREATE_GRACE: Duration = Duration::from_millis(1200);
/// Each of the two tries to delete the stream. With the above, within [`super::CLOSE_TIMEOUT`].
const DELETE_TRY: Duration = Duration::from_millis(600);
/// Longest stream id that is believed; the service's are UUIDs.
const MAX_ID: usize = 256;

/// Tells the owner, who drains the events until they end; where it is gone, nobody listens.
pub async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

/// The id becomes part of addresses: "." and ".." would vanish from them.
pub fn is_usable_id(id: &str) -> bool {
    !matches!(id, "" | "." | "..") && id.len() <= MAX_ID && !id.contains('\0')
}

/// Creates the stream; `None` where the session was stopped before anything was there to delete.
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
        () = stop.cancelled() => match timeout(CREATE_GRACE, create).await {
            Ok(created) => created.map(Some),
            Err(_) => Err(Error::new(
                Kind::Timeout,
                Stage::Create,
                "Stopped while the stream was being created: if the service made it, it ends with its lease.",
            )),
        },
    }
}

/// The one way out, with what became of the stream: it is told and deleted. A 404 may come from a
/// proxy that does not know the one call, while the stream lives.
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
        tell(events, Event::Failed(error)).await;
    }
    if !gone && let Err(error) = delete_or_say_why(http, id).await {
        tell(events, Event::Warning(error)).await;
    }
}

async fn delete_or_say_why(http: &HttpClient, id: &str) -> Result<(), Error> {
    match delete(http, id, DELETE_TRY).await {
        Err(error) if error.retryable() => delete(http, id, DELETE_TRY).await,
        outcome => outcome,
    }
    .map_err(|error| error.preceded_by("The stream could not be deleted; it ends with its lease."))
}

/// Ends the stream. One that is gone already is fine.
async fn delete(http: &HttpClient, id: &str, timeout: Duration) -> Result<(), Error> {
    match http
        .text(
            Stage::Delete,
            Method::DELETE,
            &["streams", id],
            None::<&()>,
            timeout,
        )
        .await
    {
        Err(error) if error.kind != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

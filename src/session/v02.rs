//! A stream of API v0.2 from its creation to its deletion: one close path.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Kind, Stage};
use super::http::Http;
use super::protocol::{Feedback, StreamCreated};
use super::stream::Stream;
use super::{Config, Created, Event, Source, api, lease};

/// How long a creation that is under way when the session is stopped is waited for: the stream
/// may exist, and must then be deleted.
const CREATE_GRACE: Duration = Duration::from_millis(1200);
/// Each of the two tries to delete the stream. With the above, within [`super::CLOSE_BOUND`].
const DELETE_TRY: Duration = Duration::from_millis(600);
/// Runs a stream until it is stopped or fails.
pub async fn run(
    mut config: Config,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    feedback: mpsc::Receiver<Feedback>,
) {
    let http = match Http::new(config.api_url.clone(), &config.api_key) {
        Ok(http) => http,
        Err(error) => return tell(&events, Event::Failed(error)).await,
    };
    let created = match create(&http, &mut config, &stop).await {
        Ok(Some(created)) => created,
        Ok(None) => return,
        Err(error) => return tell(&events, Event::Failed(error)).await,
    };
    let id = created.stream_id.clone();
    let outcome = match announce(created, &config.source, &events).await {
        Ok(ttl) => {
            let stream = Stream::new(http.clone(), id.clone(), config, feedback, ttl);
            stream.live(&events, &stop).await
        }
        Err(error) => Err(error),
    };

    // The one way out: whatever happened, the stream is not left to bill. A 404 may come from a
    // proxy that does not know the one call, while the stream lives.
    let gone = outcome
        .as_ref()
        .is_err_and(|error| error.kind == Kind::StreamEnded);
    if let Err(error) = outcome {
        tell(&events, Event::Failed(error)).await;
    }
    if !gone && let Err(error) = delete(&http, &id).await {
        tell(&events, Event::Warning(error)).await;
    }
}

/// Tells the owner, who drains the events until they end; where it is gone, nobody listens.
async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

/// Creates the stream; `None` where the session was stopped before anything was there to delete.
async fn create(
    http: &Http,
    config: &mut Config,
    stop: &CancellationToken,
) -> Result<Option<StreamCreated>, Error> {
    if stop.is_cancelled() {
        return Ok(None);
    }
    // Marked as seen: what changes from here on is sent as a change.
    let prompt = config.prompt.borrow_and_update().clone();
    let create = api::create(
        http,
        &config.request,
        &prompt,
        &config.source,
        config.timeout,
    );
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

/// Passes the new stream on and answers with its lease.
async fn announce(
    created: StreamCreated,
    source: &Source,
    events: &mpsc::Sender<Event>,
) -> Result<Duration, Error> {
    let ttl = lease::ttl(created.lease.and_then(|lease| lease.ttl_seconds));
    let answer = created.webrtc.map(|webrtc| webrtc.sdp);
    let missing = match source {
        Source::Webrtc(_) => answer.is_none().then_some("WebRTC answer"),
        Source::NewRoom => created.livekit.is_none().then_some("LiveKit room"),
        Source::Room(_) => None,
    };
    if let Some(missing) = missing {
        return Err(Error::new(
            Kind::Protocol,
            Stage::Create,
            format!(
                "The service took the stream but gave no {missing}: check that api-url is the v0.2 API."
            ),
        ));
    }
    tell(
        events,
        Event::Created(Created {
            stream_id: created.stream_id,
            answer,
            room: created.livekit,
            turn_servers: created.turn_servers.unwrap_or_default(),
        }),
    )
    .await;
    Ok(ttl)
}

async fn delete(http: &Http, id: &str) -> Result<(), Error> {
    match api::delete(http, id, DELETE_TRY).await {
        Err(error) if error.retryable() => api::delete(http, id, DELETE_TRY).await,
        outcome => outcome,
    }
    .map_err(|error| Error {
        message: format!(
            "The stream could not be deleted; it ends with its lease. {}",
            error.message
        ),
        ..error
    })
}

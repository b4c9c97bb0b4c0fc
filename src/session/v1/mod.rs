//! API v1: no prompt, mode or schedule lives on the service. A stream is a LiveKit room and the
//! pictures of the last ten minutes; answers are asked for, one request each.
//!
//! | module | concern |
//! |---|---|
//! | [`protocol`] | the wire types |
//! | [`api`] | the calls on the stream |
//! | [`chat`] | one question: the request, and its answer, whole or in parts |
//! | [`schedule`] | when which question is asked next |
//! | [`stream`] | a stream that lives: its lease and its questions, in one `select!` loop |
//! | [`ask`], [`answer`] | what it is asked, and what comes of that |

pub mod answer;
pub mod api;
pub mod ask;
pub mod chat;
pub mod completion;
pub mod event_stream;
pub mod protocol;
pub mod schedule;
mod stream;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::api_version::Api;
use super::config::SessionConfig;
use super::create_and_delete::{self, tell};
use super::error::{Error, Kind, Stage};
use super::event::{Created, Event};
use super::http::HttpClient;
use super::lease;
use super::protocol::Feedback;
use super::question::OneShotQuestion;
use stream::V1Stream;

/// Runs a stream until it is stopped or fails.
pub async fn run(
    config: SessionConfig,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    one_shots: mpsc::Receiver<OneShotQuestion>,
    feedback: mpsc::Receiver<Feedback>,
) {
    let http = match HttpClient::new(config.api_url.clone(), &config.api_key, Api::V1) {
        Ok(http) => http,
        Err(error) => return tell(&events, Event::Failed(error)).await,
    };
    // Stopped meanwhile, there is nothing to undo, and nothing is to be made.
    let models = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        models = api::models(&http, &config.request, config.timeout) => models,
    };
    let models = match models {
        Ok(models) => models,
        Err(error) => return tell(&events, Event::Failed(error)).await,
    };
    let create = api::create(&http, config.timeout, &stop);
    let created = match create_and_delete::create(create, &stop).await {
        Ok(Some(created)) => created,
        Ok(None) => return,
        Err(error) => return tell(&events, Event::Failed(error)).await,
    };
    let id = created.id;
    let ttl = lease::ttl(created.ttl_seconds);
    let outcome = match created.publish {
        Some(room) => {
            let announced = Event::Created(Created {
                stream_id: id.clone(),
                answer: None,
                room: Some(room),
                turn_servers: Vec::new(),
            });
            tell(&events, announced).await;
            let inputs = (one_shots, feedback);
            let stream = V1Stream::new(http.clone(), id.clone(), config, models, inputs, ttl);
            stream.run(&events, &stop).await
        }
        None => Err(Error::new(
            Kind::Protocol,
            Stage::Create,
            "The service took the stream but gave no LiveKit room: check that api-url is the v1 API.",
        )),
    };
    create_and_delete::close(&http, &id, outcome, &events).await;
}

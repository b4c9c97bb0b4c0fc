//! API v1: no prompt, mode or schedule lives on the service. A stream is a LiveKit room and the
//! pictures of the last ten minutes; answers are asked for, one request each.
//!
//! | module | concern |
//! |---|---|
//! | [`protocol`] | the wire types |
//! | [`api`] | the calls on the stream |
//! | [`chat`] | one question: the request, and its answer, whole or in parts |
//! | [`question`] | what is asked about which pictures, and when next |
//! | [`stream`] | a stream that lives: its lease and its questions, in one `select!` loop |
//! | [`asking`], [`answer`] | what it is asked, and what comes of that |

pub mod answer;
pub mod api;
pub mod asking;
pub mod chat;
pub mod protocol;
pub mod question;
pub mod stream;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::closing::{self, tell};
use super::error::{Error, Kind, Stage};
use super::http::Http;
use super::protocol::Feedback;
use super::{Api, Config, Created, Event, lease};
use stream::Stream;

/// Runs a stream until it is stopped or fails.
pub async fn run(
    config: Config,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    asks: mpsc::Receiver<question::Ask>,
    feedback: mpsc::Receiver<Feedback>,
) {
    let http = match Http::new(config.api_url.clone(), &config.api_key, Api::V1) {
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
    let created = match closing::create(create, &stop).await {
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
            let inputs = (asks, feedback);
            let stream = Stream::new(http.clone(), id.clone(), config, models, inputs, ttl);
            stream.live(&events, &stop).await
        }
        None => Err(Error::new(
            Kind::Protocol,
            Stage::Create,
            "The service took the stream but gave no LiveKit room: check that api-url is the v1 API.",
        )),
    };
    closing::close(&http, &id, outcome, &events).await;
}

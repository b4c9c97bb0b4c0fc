// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v1: a stream is a LiveKit room and the pictures of its last ten minutes. The service knows no
//! prompt, mode or schedule; the element requests each answer.
//!
//! This module runs a stream from its creation to its deletion. Nothing here is about API v0.2; what both
//! share is in the room above.
//!
//! | module | concern |
//! |---|---|
//! | [`protocol`] | the wire types |
//! | [`api`] | the calls on a stream |
//! | [`chat`] | one request for an answer |
//! | [`completion`], [`event_stream`] | its response, whole or in chunks |
//! | [`schedule`] | when a question is asked next |
//! | [`ask`], `outcome` | all questions of a stream: which requests to send, what their outcomes change |
//! | `awaited_event` | which events a question still has to be asked about |
//! | `gate` | whether the budget has room for a question |
//! | `model_choice` | which model is asked first |
//! | `schema_mode` | how the model learns the schema of its answers |
//! | [`answer`] | the outcome of a request as an answer |
//! | `stream` | lease, first picture and requests of a running stream, in one `select!` loop |

pub mod answer;
pub mod api;
pub mod ask;
pub mod awaited_event;
pub mod chat;
pub mod completion;
pub mod event_stream;
mod gate;
mod model_choice;
mod outcome;
pub mod protocol;
pub mod schedule;
mod schema_mode;
mod stream;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::StreamCall;
use super::api_version::Api;
use super::config::SessionConfig;
use super::create_and_delete::{self, send_event};
use super::error::{Error, Kind, Stage};
use super::event::{Created, Event};
use super::http::HttpClient;
use super::lease;
use super::question::OneShotQuestion;
use stream::V1Stream;

/// Runs a stream until it is stopped or fails.
pub async fn run(
    config: SessionConfig,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    one_shots: mpsc::Receiver<OneShotQuestion>,
    calls: mpsc::Receiver<StreamCall>,
) {
    let http = match HttpClient::new(config.api_url.clone(), &config.api_key, Api::V1) {
        Ok(http) => http.after_success(config.worked),
        Err(error) => return send_event(&events, Event::Failed(error)).await,
    };
    // There is nothing to undo yet.
    let models = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        models = api::models(&http, &config.request, config.timeout) => models,
    };
    let models = match models {
        Ok(models) => models,
        Err(error) => return send_event(&events, Event::Failed(error)).await,
    };
    let create = api::create(&http, config.timeout, &stop);
    let created = match create_and_delete::create(create, &stop).await {
        Ok(Some(created)) => created,
        Ok(None) => return,
        Err(error) => return send_event(&events, Event::Failed(error)).await,
    };
    let _life = config.account.begin_stream();
    let id = created.id;
    let ttl = lease::ttl(created.ttl_seconds);
    let outcome = match created.publish {
        Some(room) => {
            let created = Event::Created(Created {
                stream_id: id.clone(),
                answer: None,
                room: Some(room),
                turn_servers: Vec::new(),
                substitute_model: None,
            });
            send_event(&events, created).await;
            let inputs = (one_shots, calls);
            let stream = V1Stream::new(http.clone(), id.clone(), config, models, inputs, ttl);
            stream.run(&events, &stop).await
        }
        None => Err(Error::new(
            Kind::Protocol,
            Stage::Create,
            "The service created the stream but gave no LiveKit room: check that api-url is the address of an API v1.",
        )),
    };
    create_and_delete::close(&http, &id, outcome, &events).await;
}

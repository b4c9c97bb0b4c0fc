// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v0.2: `POST /streams` creates a stream that pushes answers on a WebSocket.
//!
//! This module runs a stream from its creation to its deletion. Nothing here is about API v1; what both
//! share is in the room above.
//!
//! | module | concern |
//! |---|---|
//! | [`protocol`] | the wire types |
//! | [`api`] | the calls on a stream |
//! | [`results_socket`], `close_frame` | the WebSocket that brings answers, and why it was closed |
//! | `clip_questions` | questions that the application asks about a clip that was answered before |
//! | [`prompt_log`] | which prompt an answer belongs to |
//! | `stream` | socket, lease and prompt of a running stream, in one `select!` loop |

pub mod api;
mod clip_questions;
mod close_frame;
pub mod prompt_log;
pub mod protocol;
pub mod results_socket;
mod stream;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::StreamCall;
use super::api_version::Api;
use super::config::{SessionConfig, VideoSource};
use super::create_and_delete::{self, send_event};
use super::error::{Error, Kind, Stage};
use super::event::{Created, Event};
use super::http::HttpClient;
use super::lease;
use super::question::OneShotQuestion;
use protocol::StreamCreated;
use stream::V02Stream;

/// Runs a stream until it is stopped or fails.
pub async fn run(
    mut config: SessionConfig,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    one_shots: mpsc::Receiver<OneShotQuestion>,
    calls: mpsc::Receiver<StreamCall>,
) {
    let http = match HttpClient::new(config.api_url.clone(), &config.api_key, Api::V02) {
        Ok(http) => http.after_success(config.worked),
        Err(error) => return send_event(&events, Event::Failed(error)).await,
    };
    // Marks the prompt as seen: later values are sent as changes.
    let prompt = config.prompt.borrow_and_update().clone();
    let create = api::create(
        &http,
        &config.request,
        &prompt.text,
        &config.source,
        config.timeout,
    );
    let (created, substitute_model) = match create_and_delete::create(create, &stop).await {
        Ok(Some(created)) => created,
        Ok(None) => return,
        Err(error) => return send_event(&events, Event::Failed(error)).await,
    };
    let _life = config.account.begin_stream();
    let id = created.stream_id.clone();
    let reported = report_created(created, substitute_model, &config.source, &events).await;
    let outcome = match reported {
        Ok(ttl) => {
            let stream = V02Stream::new(
                http.clone(),
                id.clone(),
                config,
                prompt,
                (one_shots, calls),
                ttl,
            );
            stream.run(&events, &stop).await
        }
        Err(error) => Err(error),
    };
    create_and_delete::close(&http, &id, outcome, &events).await;
}

/// Reports the new stream and returns the length of its lease.
async fn report_created(
    created: StreamCreated,
    substitute_model: Option<String>,
    source: &VideoSource,
    events: &mpsc::Sender<Event>,
) -> Result<Duration, Error> {
    let ttl = lease::ttl(created.lease.and_then(|lease| lease.ttl_seconds));
    let answer = created.webrtc.map(|webrtc| webrtc.sdp);
    let missing = match source {
        VideoSource::Webrtc(_) => answer.is_none().then_some("WebRTC answer"),
        VideoSource::NewRoom => created.livekit.is_none().then_some("LiveKit room"),
        VideoSource::Room(_) => None,
    };
    if let Some(missing) = missing {
        return Err(Error::new(
            Kind::Protocol,
            Stage::Create,
            format!(
                "The service created the stream but gave no {missing}: check that api-url is the address of an API v0.2."
            ),
        ));
    }
    send_event(
        events,
        Event::Created(Created {
            stream_id: created.stream_id,
            answer,
            room: created.livekit,
            turn_servers: created.turn_servers,
            substitute_model,
        }),
    )
    .await;
    Ok(ttl)
}

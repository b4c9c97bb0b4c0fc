// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The calls on streams, and the list of models.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::clock::unix_ms;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot::{EndReason, Source, Stream};
use crate::service::lifecycle;
use crate::service::live_stream::LiveStream;
use crate::service::streams::SLOT_RETRY_SECONDS;
use crate::v1::camera::CameraSource;
use crate::v1::history::History;
use crate::v1::rate_limit::RateLimit;
use crate::v1::stream_state::V1StreamState;
use crate::v1::{V1, V1Error, publish};
use crate::vision::jpeg::JpegPreset;

/// When the models were created, in seconds since 1970: in 2026.
const MODELS_CREATED: u64 = 1_767_225_600;

pub(crate) async fn create(
    api: &V1,
    incoming: &IncomingRequest,
    owner: String,
) -> Result<ApiResponse, V1Error> {
    let app = &incoming.app;
    let source = source(&incoming.body)?;
    let source = source.map(|source| CameraSource::read(&source, app.config.private_cameras));
    let source = source.transpose()?;
    if !app.credits.any_left() {
        return Err(V1Error::no_credits());
    }
    let slot = app.streams.reserve(&owner).ok_or_else(|| {
        let max = app.config.max_streams_per_key;
        let message = format!("Too many streams: a key may have {max}");
        RateLimit::spent(max, SLOT_RETRY_SECONDS).refuse(message, SLOT_RETRY_SECONDS)
    })?;
    let camera = match &source {
        Some(source) => Some(source.open().await?),
        None => None,
    };
    let (frame_sender, frames) = publish::frame_channel();
    let state = Arc::new(V1StreamState {
        history: History::new(
            app.config.history,
            app.config.history_bytes,
            app.config.engine.jpeg_preset().unwrap_or(JpegPreset::SMALL),
        ),
        frame_sender,
        camera: source,
        answers: AtomicU64::new(0),
    });
    let live = Arc::new(LiveStream::new(
        uuid(),
        owner,
        state.clone(),
        app.config.lease(Api::V1),
        app.stop.child_token(),
    ));
    let room = match camera {
        Some(_) => None,
        None => {
            let room = api.rooms.open(&live).await;
            Some(room.map_err(|why| V1Error::detail(500, why))?)
        }
    };
    let record = Stream::new(live.id.clone(), live.created, Source::Livekit);
    app.config.control.register(&live, record);
    api.insert(&live, &state);
    app.streams.insert(&live, slot);
    app.emit(&Event::Opened {
        stream: live.id.clone(),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let (live, app, state) = (live.clone(), app.clone(), state.clone());
        async move {
            let fed = publish::receive(frames, live.clone(), app.clone());
            let sent = async {
                match (room, camera, &state.camera) {
                    (Some(room), ..) => room.run(live, app).await,
                    (None, Some(camera), Some(source)) => source.run(camera, live, app).await,
                    _ => {}
                }
            };
            tokio::join!(fed, sent);
        }
    });
    let broken = EndReason::LivekitDisconnected;
    app.tracker
        .spawn(lifecycle::run(tasks, broken, live.clone(), app.clone()));

    let body = json!({
        "id": live.id,
        "state": "active",
        "publish": publish::publish_info(&api.rooms, incoming, &live, &state),
        "expires_at_ms": unix_ms(live.lease().0),
        "ttl_seconds": incoming.ttl(Api::V1),
    });
    Ok(ApiResponse {
        response: (StatusCode::CREATED, Json(body)).into_response(),
        stream_id: Some(live.id.clone()),
    })
}

pub(crate) fn get(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<ApiResponse, V1Error> {
    let (live, state) = find(api, incoming, owner)?;
    let status = state.history.status();
    let status = status.as_ref();
    let (expires, _) = live.lease();
    let ended_at = live.ended_at();
    let mut body = json!({
        "id": live.id,
        "state": if ended_at.is_some() { "ended" } else { "active" },
        "stream_time_ms": status.map(|status| status.now_ms),
        "first_frame_at_ms": status.map(|status| unix_ms(status.first_at)),
        "last_frame_at_ms": status.map(|status| unix_ms(status.newest_at)),
        "last_frame_index": status.map(|status| status.newest_index),
        "first_available_frame_index": status.map(|status| status.oldest_index),
        "first_available_frame_at_ms": status.map(|status| unix_ms(status.oldest_at)),
        "recent_fps": status.map(|status| status.recent_fps),
        "retained_frame_count": status.map(|status| status.retained),
        "evicted_frame_count": status.map(|status| status.evicted),
        "created_at_ms": unix_ms(live.created),
        "expires_at_ms": unix_ms(expires),
        "ttl_seconds": incoming.ttl(Api::V1),
        "ended_at_ms": ended_at.map(unix_ms),
        "end_reason": live.end_reason().map(end_reason),
        "audio": false,
    });
    if let Some(camera) = &state.camera {
        body["last_pull"] = camera.last_pull();
    }
    Ok(Json(body).into())
}

/// The `source` of a create: of none or `null`, the client publishes.
fn source(body: &[u8]) -> Result<Option<Value>, V1Error> {
    if body.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut fields)) => Ok(fields.remove("source").filter(|s| !s.is_null())),
        Ok(_) => Err(V1Error::invalid(&[], "Input should be an object")),
        Err(error) => Err(V1Error::invalid(&[], format!("JSON decode error: {error}"))),
    }
}

fn end_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::ClientRequested => "deleted",
        _ => "expired",
    }
}

pub(crate) fn keepalive(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<ApiResponse, V1Error> {
    let app = &incoming.app;
    let (live, state) = find(api, incoming, owner)?;
    if live.end_token.is_cancelled() {
        return Err(not_found());
    }
    if app
        .credits
        .charge(&live)
        .is_some_and(|charge| charge.left <= 0.0)
    {
        live.mark_out_of_credits();
        return Err(V1Error::no_credits());
    }
    live.renew_lease(app.config.lease(Api::V1));
    let control = &app.config.control;
    control.stream(&live.id, |stream| stream.keepalives += 1);
    let time = state.history.status().map_or(0, |status| status.now_ms);
    Ok(Json(json!({
        "id": live.id,
        "expires_at_ms": unix_ms(live.lease().0),
        "ttl_seconds": incoming.ttl(Api::V1),
        "stream_time_ms": time,
        "publish": publish::publish_info(&api.rooms, incoming, &live, &state),
    }))
    .into())
}

pub(crate) fn delete(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<ApiResponse, V1Error> {
    let (live, state) = find(api, incoming, owner)?;
    let reason = EndReason::ClientRequested;
    if live.end(reason) {
        // Before the response: a client that has it must find the end in the record.
        let ended = Some((Instant::now(), reason));
        let control = &incoming.app.config.control;
        control.stream(&live.id, |stream| stream.ended = ended);
        state.history.close();
    }
    Ok(Json(json!({"id": live.id, "deleted": true})).into())
}

pub(crate) async fn models(incoming: &IncomingRequest) -> ApiResponse {
    let config = &incoming.app.config;
    let models = config.engine.models(&config.models).await;
    let data: Vec<Value> = models
        .iter()
        .map(|model| {
            json!({
                "id": model.name,
                "object": "model",
                "created": MODELS_CREATED,
                "owned_by": "overshoot",
                "status": if model.status.ready() { "ready" } else { "unavailable" },
            })
        })
        .collect();
    Json(json!({"object": "list", "data": data})).into()
}

/// A token to watch the video of a stream.
pub(crate) fn viewer_token(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<ApiResponse, V1Error> {
    let (live, _) = find(api, incoming, owner)?;
    if live.end_token.is_cancelled() {
        return Err(not_found());
    }
    let (access, ttl) = api.rooms.viewer_access(incoming, &live);
    Ok(Json(json!({
        "view": {"url": access.url, "token": access.token, "expires_in_seconds": ttl.as_secs()},
    }))
    .into())
}

/// The client's stream with the id in the path, alive or ended.
fn find(
    api: &V1,
    incoming: &IncomingRequest,
    owner: &str,
) -> Result<(Arc<LiveStream>, Arc<V1StreamState>), V1Error> {
    let found = api.find(&incoming.id);
    found
        .filter(|(live, _)| live.owner == owner)
        .ok_or_else(not_found)
}

fn not_found() -> V1Error {
    V1Error::not_found("Stream not found")
}

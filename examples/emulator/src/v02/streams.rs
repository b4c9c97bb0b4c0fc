// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The calls on streams: create, keepalive, prompt, delete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::clock::timestamp;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot::Stream;
use crate::service::lifecycle;
use crate::service::live_stream::LiveStream;
use crate::service::streams::SLOT_RETRY_SECONDS;
use crate::v02::error::{V02Error, WHOLE_BODY};
use crate::v02::source::{self, VideoInput};
use crate::v02::stream_state::V02StreamState;
use crate::v02::{V02, add_route_cookie, answers, json_body, key, request};

/// How long no frame arrives until a stream counts as idle; longer if its schedule is slower.
const IDLE_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn create(
    api: &Arc<V02>,
    incoming: IncomingRequest,
) -> Result<ApiResponse, V02Error> {
    let IncomingRequest { app, fault, .. } = &incoming;
    let owner = key(&incoming)?;
    let (plan, source) = request::create(&json_body(&incoming)?, app.known_models())?;
    if !app.credits.any_left() {
        return Err(V02Error::no_credits());
    }
    let slot = app.streams.reserve(&owner).ok_or_else(|| {
        let max = app.config.max_streams_per_key;
        let message = format!("this key has {max} streams already: end one first");
        V02Error::busy(message, SLOT_RETRY_SECONDS)
    })?;
    let negotiated = source::negotiate(&source, fault.as_ref(), app).await?;
    let state = Arc::new(V02StreamState::new(plan, app.config.engine.jpeg_preset()));
    let live = Arc::new(LiveStream::new(
        uuid(),
        owner,
        state.clone(),
        app.config.lease(Api::V02),
        app.stop.child_token(),
    ));
    let input = match negotiated.input {
        Some(input) => input,
        None => {
            let room = api.rooms.open(&live).await;
            VideoInput::Room(room.map_err(V02Error::internal)?)
        }
    };
    let broken = input.broken();
    let (mode, codec) = (state.plan.sampling.mode(), negotiated.codec);
    app.config.control.register(
        &live,
        Stream {
            mode: Some(mode),
            model: state.plan.model.clone(),
            codec,
            prompts: vec![state.prompt()],
            ..Stream::new(live.id.clone(), live.created, source.kind())
        },
    );
    api.insert(&live, &state);
    app.streams.insert(&live, slot);
    app.emit(&Event::Created {
        stream: live.id.clone(),
        mode,
        codec,
        model: state.plan.model.clone(),
        prompt: state.prompt(),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(input.run(live.clone(), app.clone()));
    tasks.spawn(answers::run(live.clone(), state.clone(), api.clone()));
    app.tracker
        .spawn(lifecycle::run(tasks, broken, live.clone(), app.clone()));

    let mut body = json!({
        "stream_id": live.id,
        "lease": {"ttl_seconds": incoming.ttl(Api::V02)},
    });
    if let Some(sdp) = negotiated.answer {
        body["webrtc"] = json!({"type": "answer", "sdp": sdp});
    }
    if live.room.get().is_some() {
        let access = api.rooms.publisher_access(&incoming, &live);
        body["livekit"] = json!({"url": access.url, "token": access.token});
    }
    if !app.config.turn_servers.is_empty() {
        body["turn_servers"] = json!(app.config.turn_servers);
    }
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    add_route_cookie(&incoming, &state, &mut response);
    Ok(ApiResponse {
        response,
        stream_id: Some(live.id.clone()),
    })
}

pub(super) fn keepalive(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    if !incoming.body.is_empty() {
        return Err(V02Error::invalid(WHOLE_BODY, "must be empty"));
    }
    let app = &incoming.app;
    let (live, state) = api.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    let charge = app.credits.charge(&live);
    if charge.as_ref().is_some_and(|charge| charge.left <= 0.0) {
        live.mark_out_of_credits();
        return Err(V02Error::no_credits());
    }
    live.renew_lease(app.config.lease(Api::V02));
    app.config
        .control
        .stream(&live.id, |stream| stream.keepalives += 1);
    let mut body = json!({
        "status": "ok",
        "stream_id": live.id,
        "ttl_seconds": incoming.ttl(Api::V02),
        "state": state_name(&live, &state),
    });
    if let Some(charge) = charge {
        // Whole cents.
        body["credits_remaining_cents"] = json!(charge.left as u64);
        body["cost_cents"] = json!(charge.cents);
        body["seconds_charged"] = json!(charge.seconds);
    }
    if live.room.get().is_some() {
        body["livekit_token"] = json!(api.rooms.publisher_access(incoming, &live).token);
    }
    state.route_cookie.renew();
    let mut response = Json(body).into_response();
    add_route_cookie(incoming, &state, &mut response);
    Ok(response.into())
}

/// Whether frames arrive: none yet, or none for longer than the schedule needs one.
pub(super) fn state_name(live: &LiveStream, state: &V02StreamState) -> &'static str {
    let patience = IDLE_AFTER.max(2 * state.plan.sampling.period());
    match live.newest_arrival() {
        None => "pending",
        Some(at) if at.elapsed() > patience => "idle",
        Some(_) => "active",
    }
}

pub(super) fn prompt(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let prompt = request::prompt(&json_body(incoming)?)?;
    let app = &incoming.app;
    let (live, state) = api.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    state.set_prompt(prompt.clone());
    app.config
        .control
        .stream(&live.id, |stream| stream.prompts.push(prompt.clone()));
    app.emit(&Event::PromptChanged {
        stream: live.id.clone(),
        prompt: prompt.clone(),
    });
    let plan = &state.plan;
    Ok(Json(json!({
        "id": uuid(),
        "stream_id": live.id,
        "prompt": prompt,
        "backend": plan.backend,
        "model": plan.model,
        "output_schema_json": plan.schema,
        "created_at": state.created_text,
        "updated_at": timestamp(),
    }))
    .into())
}

pub(super) fn delete(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let (live, _) = api.find(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    if live.end_token.is_cancelled() {
        return Ok(StatusCode::NO_CONTENT.into_response().into());
    }
    let reason = crate::records::snapshot::EndReason::ClientRequested;
    if live.end(reason) {
        // Before the response: a client that has it must find the end in the record.
        let ended = Some((Instant::now(), reason));
        let control = &incoming.app.config.control;
        control.stream(&live.id, |stream| stream.ended = ended);
    }
    Ok(Json(json!({"status": "ok"})).into())
}

//! The calls on streams, and the lists (rule 19).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::clock::unix_ms;
use crate::http::request::{Incoming, Served};
use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot::{EndReason, Source, Stream};
use crate::service::lifecycle;
use crate::service::stream::Live;
use crate::service::streams::SLOT_RETRY;
use crate::v1::history::History;
use crate::v1::rate_limit::Budget;
use crate::v1::stream::Pull;
use crate::v1::{Refusal, V1, publish};
use crate::vision::jpeg::Grade;

/// What an account has where nobody counts.
const UNCOUNTED_CENTS: f64 = 100_000.0;
const MICROCENTS: f64 = 1_000_000.0;
/// When the models were registered, in epoch seconds: 2026.
const REGISTERED: u64 = 1_767_225_600;

pub(crate) async fn create(
    api: &V1,
    incoming: &Incoming,
    owner: String,
) -> Result<Served, Refusal> {
    let app = &incoming.app;
    if !incoming.body.is_empty() {
        match serde_json::from_slice(&incoming.body) {
            Ok(Value::Object(_)) => {}
            Ok(_) => return Err(Refusal::invalid(&[], "Input should be an object")),
            Err(error) => return Err(Refusal::invalid(&[], format!("JSON decode error: {error}"))),
        }
    }
    if !app.credits.any_left() {
        return Err(Refusal::no_credits());
    }
    let slot = app.streams.reserve(&owner).ok_or_else(|| {
        let most = app.config.max_streams_per_key;
        let message = format!("Too many streams: a key may have {most}");
        Budget::spent(most, SLOT_RETRY).refuse(message, SLOT_RETRY)
    })?;
    let (inlet, frames) = publish::inlet();
    let pull = Arc::new(Pull {
        history: History::new(
            app.config.history,
            app.config.history_bytes,
            app.config.engine.grade().unwrap_or(Grade::SMALL),
        ),
        inlet,
        answers: AtomicU64::new(0),
    });
    let live = Arc::new(Live::new(
        uuid(),
        owner,
        pull.clone(),
        app.config.lease_ttl,
        app.stop.child_token(),
    ));
    let room = api
        .rooms
        .open(&live)
        .await
        .map_err(|why| Refusal::detail(500, why))?;
    let record = Stream::new(live.id.clone(), live.created, Source::Livekit);
    app.config.control.register(&live, record);
    api.insert(&live, &pull);
    app.streams.insert(&live, slot);
    app.tell(&Event::Opened {
        stream: live.id.clone(),
    });
    let mut tasks = JoinSet::new();
    let (fed, sent) = (
        publish::receive(frames, live.clone(), app.clone()),
        room.run(live.clone(), app.clone()),
    );
    tasks.spawn(async {
        tokio::join!(fed, sent);
    });
    let broken = EndReason::LivekitDisconnected;
    app.tracker
        .spawn(lifecycle::run(tasks, broken, live.clone(), app.clone()));

    let body = json!({
        "id": live.id,
        "state": "active",
        "publish": publish::place(&api.rooms, incoming, &live),
        "expires_at_ms": unix_ms(live.lease().0),
        "ttl_seconds": incoming.ttl(),
    });
    Ok(Served {
        response: (StatusCode::CREATED, Json(body)).into_response(),
        stream_id: Some(live.id.clone()),
    })
}

pub(crate) fn get(api: &V1, incoming: &Incoming, owner: &str) -> Result<Served, Refusal> {
    let (live, pull) = find(api, incoming, owner)?;
    let facts = pull.history.facts();
    let facts = facts.as_ref();
    let (expires, _) = live.lease();
    let ended_at = live.ended_at();
    Ok(Json(json!({
        "id": live.id,
        "state": if ended_at.is_some() { "ended" } else { "active" },
        "stream_time_ms": facts.map(|facts| facts.now_ms),
        "first_frame_at_ms": facts.map(|facts| unix_ms(facts.first_at)),
        "last_frame_at_ms": facts.map(|facts| unix_ms(facts.newest_at)),
        "last_frame_index": facts.map(|facts| facts.newest_index),
        "first_available_frame_index": facts.map(|facts| facts.oldest_index),
        "first_available_frame_at_ms": facts.map(|facts| unix_ms(facts.oldest_at)),
        "recent_fps": facts.map(|facts| facts.recent_fps),
        "retained_frame_count": facts.map(|facts| facts.retained),
        "evicted_frame_count": facts.map(|facts| facts.evicted),
        "created_at_ms": unix_ms(live.created),
        "expires_at_ms": unix_ms(expires),
        "ttl_seconds": incoming.ttl(),
        "ended_at_ms": ended_at.map(unix_ms),
        "end_reason": live.ended().map(end_reason),
        "audio": false,
    }))
    .into())
}

fn end_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::ClientRequested => "deleted",
        _ => "expired",
    }
}

pub(crate) fn keepalive(api: &V1, incoming: &Incoming, owner: &str) -> Result<Served, Refusal> {
    let app = &incoming.app;
    let (live, pull) = find(api, incoming, owner)?;
    if live.over.is_cancelled() {
        return Err(not_found());
    }
    if app
        .credits
        .charge(&live)
        .is_some_and(|charge| charge.left <= 0.0)
    {
        live.out_of_credits();
        return Err(Refusal::no_credits());
    }
    live.renew_lease(app.config.lease_ttl);
    let control = &app.config.control;
    control.stream(&live.id, |stream| stream.keepalives += 1);
    let time = pull.history.facts().map_or(0, |facts| facts.now_ms);
    Ok(Json(json!({
        "id": live.id,
        "expires_at_ms": unix_ms(live.lease().0),
        "ttl_seconds": incoming.ttl(),
        "stream_time_ms": time,
        "publish": publish::place(&api.rooms, incoming, &live),
    }))
    .into())
}

pub(crate) fn delete(api: &V1, incoming: &Incoming, owner: &str) -> Result<Served, Refusal> {
    let (live, pull) = find(api, incoming, owner)?;
    let reason = EndReason::ClientRequested;
    if live.end(reason) {
        // Before the response: who has it finds the record of it.
        let ended = Some((Instant::now(), reason));
        let control = &incoming.app.config.control;
        control.stream(&live.id, |stream| stream.ended = ended);
        pull.history.close();
    }
    Ok(Json(json!({"id": live.id, "deleted": true})).into())
}

pub(crate) async fn models(incoming: &Incoming) -> Served {
    let config = &incoming.app.config;
    let models = config.engine.models(&config.models).await;
    let data: Vec<Value> = models
        .iter()
        .map(|model| {
            json!({
                "id": model.name,
                "object": "model",
                "created": REGISTERED,
                "owned_by": "overshoot",
                "status": if model.status.ready() { "ready" } else { "unavailable" },
            })
        })
        .collect();
    Json(json!({"object": "list", "data": data})).into()
}

pub(crate) fn balance(incoming: &Incoming) -> Result<Served, Refusal> {
    super::error::key(incoming)?;
    let cents = incoming.app.credits.left().unwrap_or(UNCOUNTED_CENTS);
    Ok(Json(json!({
        "user_id": "emulator",
        "balance_microcents": (cents * MICROCENTS) as u64,
        "balance_cents": cents as u64,
    }))
    .into())
}

/// The caller's stream of that id, ended or not.
fn find(api: &V1, incoming: &Incoming, owner: &str) -> Result<(Arc<Live>, Arc<Pull>), Refusal> {
    let found = api.find(&incoming.id);
    found
        .filter(|(live, _)| live.owner == owner)
        .ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::not_found("Stream not found")
}

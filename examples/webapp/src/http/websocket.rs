// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `WebSocket /ws/{session_id}`: sends a snapshot of the session, then every event and regular heartbeats, as
//! JSON.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use crate::app::App;
use crate::error::AppError;
use crate::session::{Progress, Session};
use crate::time::rfc3339;

/// Time limit for sending one message. A reader that is only slow loses the oldest messages instead.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Pings reveal dead connections.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Browsers send nothing of interest, so messages may be short.
const MAX_MESSAGE_BYTES: usize = 1024;

pub(super) async fn watch(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, AppError> {
    let session = app.session(id)?;
    let upgrade = upgrade.map_err(|rejection| {
        AppError::new(
            StatusCode::UPGRADE_REQUIRED,
            "no-websocket",
            format!(
                "This address accepts WebSockets only: {}.",
                rejection.body_text()
            ),
        )
    })?;
    // The application waits for this task before it ends.
    let tracked = app.tasks.token();
    Ok(upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .on_upgrade(async move |socket| {
            let _tracked = tracked;
            let (sender, receiver) = socket.split();
            // Ends when the reader is gone or the session has ended.
            tokio::select! {
                () = send_events(sender, &session, &app) => {}
                () = until_gone(receiver) => {}
            }
        }))
}

async fn send_events(mut socket: SplitSink<WebSocket, Message>, session: &Session, app: &App) {
    let stop = &app.shared.stop;
    let (now, mut updates) = session.events.watch();
    let interval = app.shared.config.heartbeat_interval;
    let mut first = json!(now);
    first["type"] = "session".into();
    first["heartbeat_seconds"] = interval.as_secs_f64().into();
    if !send(&mut socket, Message::Text(first.to_string().into())).await {
        return;
    }
    let mut heartbeat = tokio::time::interval_at(Instant::now() + interval, interval);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ping = tokio::time::interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            update = updates.recv() => match update {
                Ok(text) => Message::Text(text),
                Err(RecvError::Lagged(missed)) => Message::Text(dropped_message(missed)),
                Err(RecvError::Closed) => return,
            },
            () = session.closed.cancelled() => {
                // RESTART tells the client that the server may come back. The session does not.
                let code = if stop.is_cancelled() { close_code::RESTART } else { close_code::NORMAL };
                let end = CloseFrame { code, reason: "the session is closed".into() };
                send(&mut socket, Message::Close(Some(end))).await;
                return;
            }
            _ = heartbeat.tick() => Message::Text(heartbeat_message(&session.events.progress())),
            _ = ping.tick() => Message::Ping(Default::default()),
        };
        if !send(&mut socket, message).await {
            return;
        }
    }
}

/// Pages cannot see pings. Without this message they would show a dead connection as live.
fn heartbeat_message(progress: &Progress) -> Utf8Bytes {
    let mut message = json!(progress);
    message["type"] = "heartbeat".into();
    message["time"] = rfc3339(SystemTime::now()).into();
    message.to_string().into()
}

fn dropped_message(missed: u64) -> Utf8Bytes {
    json!({"type": "dropped", "count": missed})
        .to_string()
        .into()
}

async fn send(socket: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(
        timeout(SEND_TIMEOUT, socket.send(message)).await,
        Ok(Ok(()))
    )
}

async fn until_gone(mut socket: SplitStream<WebSocket>) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}

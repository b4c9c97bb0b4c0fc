//! `WebSocket /ws/{session_id}`: the session as it is, then every answer and change as JSON.

use std::sync::Arc;
use std::time::Duration;

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
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::AppError;
use crate::session::Session;

/// How long a message may take to leave. A reader that is just slow loses the oldest ones instead.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that have gone silent show by these.
const PING: Duration = Duration::from_secs(20);
/// Browsers have nothing to say here.
const LONGEST: usize = 1024;

pub(crate) async fn watch(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, AppError> {
    let session = app.session(id)?;
    let upgrade = upgrade.map_err(|rejection| {
        AppError::new(
            StatusCode::UPGRADE_REQUIRED,
            "no-websocket",
            format!("This address is for WebSockets: {}.", rejection.body_text()),
        )
    })?;
    // So that the application's end waits for it.
    let tracked = app.tasks.token();
    Ok(upgrade
        .max_message_size(LONGEST)
        .on_upgrade(async move |socket| {
            let _tracked = tracked;
            let (sender, receiver) = socket.split();
            // Whichever ends first: the reader is gone, or there is nothing more to tell.
            tokio::select! {
                () = tell(sender, &session, &app.shared.stop) => {}
                () = until_gone(receiver) => {}
            }
        }))
}

async fn tell(
    mut socket: SplitSink<WebSocket, Message>,
    session: &Session,
    stop: &CancellationToken,
) {
    let (now, mut changes) = session.hub.watch();
    let mut first = json!(now);
    first["type"] = "session".into();
    if !send(&mut socket, Message::Text(first.to_string().into())).await {
        return;
    }
    let mut ping = tokio::time::interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            change = changes.recv() => match change {
                Ok(text) => Message::Text(text),
                Err(RecvError::Lagged(missed)) => Message::Text(dropped(missed)),
                Err(RecvError::Closed) => return,
            },
            () = session.closed.cancelled() => {
                // It can be come back to, but the session can't.
                let code = if stop.is_cancelled() { close_code::RESTART } else { close_code::NORMAL };
                let end = CloseFrame { code, reason: "the session is closed".into() };
                send(&mut socket, Message::Close(Some(end))).await;
                return;
            }
            _ = ping.tick() => Message::Ping(Default::default()),
        };
        if !send(&mut socket, message).await {
            return;
        }
    }
}

fn dropped(missed: u64) -> Utf8Bytes {
    json!({"type": "dropped", "count": missed})
        .to_string()
        .into()
}

async fn send(socket: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
}

async fn until_gone(mut socket: SplitStream<WebSocket>) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}

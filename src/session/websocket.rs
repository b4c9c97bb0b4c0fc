// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! WebSockets on the shared HTTP client, with the same proxy, certificates and cookies as any call.

use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::error::{Error, Kind, Stage};
use super::http::HttpClient;

pub type WebSocket = WebSocketStream<reqwest::Upgraded>;

/// The response to a handshake.
pub enum Handshake {
    Accepted(Box<WebSocket>),
    /// Any response but an upgrade.
    Refused(reqwest::Response),
}

/// Opens a WebSocket on an API path.
///
/// # Errors
/// No response, or a wrong handshake.
pub async fn open(
    http: &HttpClient,
    stage: Stage,
    path: &[&str],
    max_message_bytes: usize,
) -> Result<Handshake, Error> {
    let key = generate_key();
    let handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", &key),
    ];
    let response = http.upgrade(stage, path, &handshake).await?;
    if response.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Handshake::Refused(response));
    }
    let accepted = response.headers().get("sec-websocket-accept");
    if accepted.map(|value| value.as_bytes()) != Some(derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err(Error::new(
            Kind::Network,
            stage,
            format!(
                "The response to the WebSocket handshake is wrong ({}): check that nothing between this host and the service changes it.",
                stage.name()
            ),
        ));
    }
    let upgraded = response
        .upgrade()
        .await
        .map_err(|error| Error::from_request(stage, &error))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
    Ok(Handshake::Accepted(Box::new(socket)))
}

//! WebSockets by the shared HTTP client: the same proxy, certificates and cookies as for any call.

use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::error::{Error, Kind, Stage};
use super::http::HttpClient;

pub type WebSocket = WebSocketStream<reqwest::Upgraded>;

/// What came of asking for one.
pub enum Opened {
    Socket(Box<WebSocket>),
    /// An answer of another kind.
    Refused(reqwest::Response),
}

/// Asks for a WebSocket on an API path.
///
/// # Errors
/// No answer, or one that is no WebSocket's.
pub async fn open(
    http: &HttpClient,
    stage: Stage,
    path: &[&str],
    max_message: usize,
) -> Result<Opened, Error> {
    let key = generate_key();
    let handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", &key),
    ];
    let response = http.upgrade(stage, path, &handshake).await?;
    if response.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Opened::Refused(response));
    }
    let accepted = response.headers().get("sec-websocket-accept");
    if accepted.map(|value| value.as_bytes()) != Some(derive_accept_key(key.as_bytes()).as_bytes())
    {
        return Err(Error::new(
            Kind::Network,
            stage,
            format!("A handshake is not a WebSocket's ({}).", stage.name()),
        ));
    }
    let upgraded = response
        .upgrade()
        .await
        .map_err(|error| Error::from_request(stage, &error))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
    Ok(Opened::Socket(Box::new(socket)))
}

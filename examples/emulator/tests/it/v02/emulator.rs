// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An emulator, and the calls of v0.2.

use std::ops::Deref;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use overshoot_emulator::Config;
use reqwest::header::SET_COOKIE;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::running_emulator::Running;

pub const KEY: &str = "key-a";
pub const OTHER_KEY: &str = "key-b";
pub const MODEL: &str = "Qwen/Qwen3-VL-30B-A3B-Instruct";
/// An offer with one VP8 and one H.264 payload.
pub const OFFER: &str = include_str!("../../offer.sdp");

pub type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

pub struct Emulator {
    running: Running,
}

impl Deref for Emulator {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl Emulator {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            api_keys: vec![KEY.to_owned(), OTHER_KEY.to_owned()],
            ..Config::default()
        };
        change(&mut config);
        Emulator {
            running: Running::start(config).await,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/v0.2{path}", self.address)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(KEY)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(KEY)
    }

    pub async fn create(&self) -> (String, String) {
        let response = send(self.post("/streams").json(&body())).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let cookie = cookie(&response);
        let created: Value = response.json().await.expect("JSON");
        let id = created["stream_id"].as_str().expect("an id").to_owned();
        (id, cookie)
    }

    pub async fn socket(&self, id: &str, cookie: &str) -> Result<(Socket, String), u16> {
        let url = format!("ws://{}/v0.2/ws/streams/{id}", self.address);
        let mut request = url.into_client_request().expect("a request");
        request
            .headers_mut()
            .insert("cookie", cookie.parse().expect("a cookie"));
        match connect_async(request).await {
            Ok((socket, response)) => {
                let set = response.headers().get("set-cookie");
                let set = set.and_then(|set| set.to_str().ok()).unwrap_or_default();
                Ok((socket, first_part(set)))
            }
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

pub async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("a response")
}

pub fn first_part(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap_or_default().to_owned()
}

/// The route cookie, or nothing if the gateway does not require it.
pub fn cookie(response: &Response) -> String {
    let set = response.headers().get(SET_COOKIE);
    first_part(set.and_then(|set| set.to_str().ok()).unwrap_or_default())
}

pub fn body() -> Value {
    json!({
        "source": {"type": "webrtc", "sdp": OFFER},
        "mode": "clip",
        "processing": {"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 0.5},
        "inference": {"prompt": "what?", "backend": "overshoot", "model": MODEL},
    })
}

/// Checks the status and the format of an error, and returns its words.
pub async fn refusal(response: Response, status: u16) -> String {
    assert_eq!(response.status().as_u16(), status);
    let id = response
        .headers()
        .get("x-request-id")
        .cloned()
        .expect("an id");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["request_id"].as_str(), id.to_str().ok(), "{body}");
    assert!(
        body["error"].is_string() && body.get("details").is_some(),
        "{body}"
    );
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(3),
        "{body}"
    );
    let mut words = body["error"].as_str().expect("words").to_owned();
    for detail in body["details"].as_array().into_iter().flatten() {
        let place = detail["loc"].as_array().expect("a place");
        let place: Vec<&str> = place.iter().filter_map(Value::as_str).collect();
        words += &format!(" ({}: {})", place.join("."), detail["msg"]);
    }
    words
}

pub async fn key(socket: &mut Socket, key: &str) {
    let first = json!({ "api_key": key }).to_string();
    socket.send(Message::text(first)).await.expect("sent");
}

pub async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match tokio::time::timeout(Duration::from_secs(3), socket.next()).await {
            Ok(Some(Ok(Message::Close(Some(frame))))) => {
                return (frame.code.into(), frame.reason.as_str().to_owned());
            }
            Ok(Some(Ok(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

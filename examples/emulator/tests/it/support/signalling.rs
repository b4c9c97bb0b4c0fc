// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A LiveKit client's signalling by hand, for what no SDK does on request.

use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
pub use proto::signal_request::Message as Request;
pub use proto::signal_response::Message as Response;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Room;

pub struct Signalling(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Signalling {
    /// Connects. The error is the status and the body of a rejection.
    pub async fn connect(url: &str, token: &str, more: &str) -> Result<Self, (u16, String)> {
        let url = format!("{url}/rtc?protocol=16&sdk=rust&access_token={token}{more}");
        match connect_async(url).await {
            Ok((socket, _)) => Ok(Signalling(socket)),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body).into_owned();
                Err((response.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Joins a room, and returns the connection and the participant.
    pub async fn join(room: &Room) -> (Self, proto::JoinResponse) {
        let connected = Self::connect(&room.url, &room.token, "").await;
        let mut signalling = connected.expect("let in");
        let join = match signalling.next().await {
            Some(Response::Join(join)) => join,
            other => panic!("not a join: {other:?}"),
        };
        match signalling.next().await {
            Some(Response::RefreshToken(token)) => assert!(!token.is_empty()),
            other => panic!("not a token: {other:?}"),
        }
        (signalling, join)
    }

    /// The next response. `None`: the connection is closed.
    pub async fn next(&mut self) -> Option<Response> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Binary(data))) => {
                        let response = proto::SignalResponse::decode(data).expect("a response");
                        return response.message;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            }
        };
        let next = tokio::time::timeout(super::PATIENCE, next).await;
        next.expect("a response in time")
    }

    /// The next message as bytes.
    pub async fn next_raw(&mut self) -> Vec<u8> {
        match tokio::time::timeout(super::PATIENCE, self.0.next()).await {
            Ok(Some(Ok(Message::Binary(data)))) => data.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&mut self, request: Request) {
        let request = proto::SignalRequest {
            message: Some(request),
        };
        let message = Message::binary(request.encode_to_vec());
        self.0.send(message).await.expect("sent");
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.0.send(message).await.expect("sent");
    }

    /// Sends a ping: earlier requests are answered before its pong.
    pub async fn ping(&mut self) {
        self.send(Request::Ping(1)).await;
    }

    /// The next response is a leave request, and the connection then closes.
    pub async fn told_to_leave(
        mut self,
    ) -> (proto::leave_request::Action, proto::DisconnectReason) {
        let leave = match self.next().await {
            Some(Response::Leave(leave)) => leave,
            other => panic!("no farewell: {other:?}"),
        };
        assert_eq!(self.next().await, None);
        (leave.action(), leave.reason())
    }
}

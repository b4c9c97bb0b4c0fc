// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A room elsewhere that the emulator has joined as a LiveKit client, to watch its video.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

use super::publishers::Publishers;
use super::{DEPARTURE_TIMEOUT, commands, now_ms};
use crate::media::peer;
use crate::media::peer_command::PeerCommand;
use crate::media::receiver;
use crate::records::event::Event;
use crate::records::snapshot::EndReason;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How long a server may take to let the emulator join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// The version of the signalling protocol: the newest one that clients name.
const PROTOCOL: &str = "16";
/// The limits of the ping interval, in seconds: the server's value may be nonsense.
const SHORTEST_PING: u64 = 1;
const LONGEST_PING: u64 = 60;
/// A deadline so far away that it never matters.
const NO_DEADLINE: Duration = Duration::from_secs(3_600);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a room was not joined.
#[derive(Debug, PartialEq)]
pub(crate) enum JoinError {
    /// The URL does not lead to a room.
    Url(String),
    /// The token is not accepted.
    Token(String),
}

impl JoinError {
    pub(crate) fn why(&self) -> &str {
        match self {
            JoinError::Url(why) | JoinError::Token(why) => why,
        }
    }
}

/// A joined room.
pub(crate) struct JoinedRoom {
    socket: Socket,
    join: proto::JoinResponse,
}

/// Joins a room to watch its video.
pub(crate) async fn join(url: &str, token: &str) -> Result<JoinedRoom, JoinError> {
    let url = signal_url(url, token)?;
    let join = async {
        let mut socket = match connect_async(url.as_str()).await {
            Ok((socket, _)) => socket,
            Err(tungstenite::Error::Http(response)) => {
                let text = response.body().as_deref().unwrap_or_default();
                let text = String::from_utf8_lossy(text).replace(token, "…");
                return Err(refusal(response.status().as_u16(), &text));
            }
            // The text of this error contains the URL, and so the token.
            Err(tungstenite::Error::Url(_)) => {
                return Err(JoinError::Url("cannot be reached".to_owned()));
            }
            Err(error) => return Err(JoinError::Url(format!("cannot be reached: {error}"))),
        };
        loop {
            match receive(&mut socket).await {
                Ok(Response::Join(join)) => return Ok(JoinedRoom { socket, join }),
                Ok(Response::Leave(leave)) => {
                    let reason = leave.reason().as_str_name();
                    return Err(JoinError::Token(format!("was rejected: {reason}")));
                }
                Ok(_) => {}
                Err(why) => {
                    return Err(JoinError::Url(format!(
                        "did not let the emulator join: {why}"
                    )));
                }
            }
        }
    };
    match timeout(JOIN_TIMEOUT, join).await {
        Ok(joined) => joined,
        Err(_) => Err(JoinError::Url(format!(
            "did not answer within {} s",
            JOIN_TIMEOUT.as_secs()
        ))),
    }
}

fn refusal(status: u16, text: &str) -> JoinError {
    let printable = text.chars().filter(|c| !c.is_control());
    let text: String = printable.take(100).collect();
    match status {
        401 | 403 => JoinError::Token(format!("was rejected: {status} {text}")),
        _ => JoinError::Url(format!("answers with {status} {text}")),
    }
}

/// `<url>/rtc?…`, with the scheme of a WebSocket.
fn signal_url(url: &str, token: &str) -> Result<Url, JoinError> {
    let bad = |why: &str| JoinError::Url(why.to_owned());
    let mut url = Url::parse(url).map_err(|error| bad(&format!("is not a URL: {error}")))?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => {
            return Err(bad(
                "must be ws:// or http://: the emulator does not support TLS",
            ));
        }
        _ => return Err(bad("must be ws:// or http://")),
    };
    url.set_scheme(scheme)
        .map_err(|()| bad("must be ws:// or http://"))?;
    url.path_segments_mut()
        .map_err(|()| bad("has no path"))?
        .pop_if_empty()
        .push("rtc");
    url.query_pairs_mut()
        .clear()
        .append_pair("access_token", token)
        .append_pair("protocol", PROTOCOL)
        .append_pair("auto_subscribe", "1")
        .append_pair("sdk", "rust")
        .append_pair("version", env!("CARGO_PKG_VERSION"));
    Ok(url)
}

/// The next message. Skips messages that are newer than this protocol version.
async fn receive(socket: &mut Socket) -> Result<Response, String> {
    loop {
        let data = match socket.next().await {
            Some(Ok(Message::Binary(data))) => data,
            Some(Ok(Message::Close(_))) | None => return Err("the server closed".to_owned()),
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(error.to_string()),
        };
        let response = proto::SignalResponse::decode(data)
            .map_err(|error| format!("not a response: {error}"))?;
        if let Some(response) = response.message {
            return Ok(response);
        }
    }
}

impl JoinedRoom {
    /// Watches until the stream ends. The loss of the room, or of everybody who publishes in it, loses the
    /// stream's video.
    pub(crate) async fn run(self, live: Arc<LiveStream>, app: Arc<App>) {
        let (sender, receiver) = commands();
        let peer = match peer::open(&app.config, false).await {
            Ok(peer) => peer,
            Err(problem) => {
                report_problem(&live, &app, problem);
                live.video_lost(EndReason::LivekitDisconnected);
                return;
            }
        };
        let mut media = JoinSet::new();
        let task = receiver::receive(
            peer,
            Some(receiver),
            live.end_token.clone(),
            live.clone(),
            app.clone(),
        );
        media.spawn(task);
        let mut visitor = Visitor {
            socket: self.socket,
            commands: sender,
            publishers: Publishers::default(),
            live: live.clone(),
        };
        // The emulator chose to watch this room, so all of its video counts as announced.
        let _ = visitor.commands.send(PeerCommand::TrackAnnounced).await;
        visitor.publishers.update(&self.join.other_participants);
        let ping = u64::try_from(self.join.ping_interval).unwrap_or_default();
        let ping = Duration::from_secs(ping.clamp(SHORTEST_PING, LONGEST_PING));
        if let Err(problem) = visitor.run(ping, &mut media).await {
            report_problem(&live, &app, problem);
        }
        live.video_lost(EndReason::LivekitDisconnected);
        let leave = proto::LeaveRequest {
            reason: proto::DisconnectReason::ClientInitiated as i32,
            ..proto::LeaveRequest::default()
        };
        // Without this message the server would notice too, only later.
        let _ = visitor.send(Request::Leave(leave)).await;
        let _ = timeout(WRITE_TIMEOUT, visitor.socket.close(None)).await;
        while media.join_next().await.is_some() {}
    }
}

fn report_problem(live: &LiveStream, app: &App, message: String) {
    app.emit(&Event::MediaTrouble {
        stream: live.id.clone(),
        message,
    });
}

struct Visitor {
    socket: Socket,
    commands: mpsc::Sender<PeerCommand>,
    publishers: Publishers,
    live: Arc<LiveStream>,
}

impl Visitor {
    async fn run(&mut self, ping: Duration, media: &mut JoinSet<()>) -> Result<(), String> {
        let end_token = self.live.end_token.clone();
        let mut ping = interval(ping);
        loop {
            let empty = self.publishers.none_since;
            let deadline = empty.map_or_else(
                || Instant::now() + NO_DEADLINE,
                |since| since + DEPARTURE_TIMEOUT,
            );
            tokio::select! {
                () = end_token.cancelled() => return Ok(()),
                response = receive(&mut self.socket) => self.serve(response?).await?,
                _ = ping.tick() => {
                    let ping = proto::Ping { timestamp: now_ms(), rtt: 0 };
                    self.send(Request::PingReq(ping)).await?;
                }
                _ = media.join_next() => return Err("the media connection was lost".to_owned()),
                () = sleep_until(deadline.into()) => {
                    if empty.is_some() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn serve(&mut self, response: Response) -> Result<(), String> {
        match response {
            Response::Offer(offer) => {
                let (sender, receiver) = oneshot::channel();
                let command = PeerCommand::Offer {
                    sdp: offer.sdp,
                    answer: sender,
                };
                self.send_command(command).await?;
                let answer = receiver
                    .await
                    .map_err(|_| "the media connection was lost")?;
                let sdp = answer.map_err(|why| format!("the server's offer: {why}"))?;
                self.send(Request::Answer(proto::SessionDescription {
                    r#type: "answer".to_owned(),
                    sdp,
                    id: offer.id,
                    ..proto::SessionDescription::default()
                }))
                .await
            }
            Response::Trickle(trickle)
                if trickle.target == proto::SignalTarget::Subscriber as i32 =>
            {
                let init = serde_json::from_str::<Value>(&trickle.candidate_init).ok();
                let candidate = init
                    .as_ref()
                    .and_then(|init| init.get("candidate")?.as_str())
                    .filter(|candidate| !candidate.is_empty());
                match candidate {
                    Some(candidate) => {
                        self.send_command(PeerCommand::Candidate(candidate.to_owned()))
                            .await
                    }
                    None => Ok(()),
                }
            }
            Response::Update(update) => {
                self.publishers.update(&update.participants);
                Ok(())
            }
            Response::Leave(leave) => Err(format!(
                "received a leave request: {}",
                leave.reason().as_str_name()
            )),
            _ => Ok(()),
        }
    }

    async fn send_command(&self, command: PeerCommand) -> Result<(), String> {
        let sent = self.commands.send(command).await;
        sent.map_err(|_| "the media connection was lost".to_owned())
    }

    async fn send(&mut self, request: Request) -> Result<(), String> {
        let request = proto::SignalRequest {
            message: Some(request),
        };
        let message = Message::binary(request.encode_to_vec());
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the server does not read".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_signalling_urls() {
        let url = |url: &str| signal_url(url, "t").map(|url| url.to_string());
        let good = "ws://h:7880/rtc?access_token=t&";
        assert!(url("ws://h:7880").is_ok_and(|url| url.starts_with(good)));
        assert!(url("http://h:7880/").is_ok_and(|url| url.starts_with(good)));
        assert!(url("ws://h/a").is_ok_and(|url| url.starts_with("ws://h/a/rtc?")));
        for bad in ["wss://h", "h", "ftp://h", ""] {
            assert!(matches!(url(bad), Err(JoinError::Url(_))), "{bad}");
        }
    }
}

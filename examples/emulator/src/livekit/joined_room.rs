//! A visitor to somebody else's room: the emulator as a LiveKit client that looks on (rule 16).

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

/// How long a server may take to let the emulator in.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// The signalling protocol that is spoken here: the newest that clients name.
const PROTOCOL: &str = "16";
/// How often a server is pinged, at the most: what it asks for may be nonsense.
const SHORTEST_PING: u64 = 1;
const LONGEST_PING: u64 = 60;
/// A deadline that is none.
const NO_DEADLINE: Duration = Duration::from_secs(3_600);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a room was not joined.
#[derive(Debug, PartialEq)]
pub(crate) enum JoinError {
    /// There is no room to be reached.
    Url(String),
    /// The token is not taken.
    Token(String),
}

impl JoinError {
    pub(crate) fn why(&self) -> &str {
        match self {
            JoinError::Url(why) | JoinError::Token(why) => why,
        }
    }
}

/// A room that was joined.
pub(crate) struct JoinedRoom {
    socket: Socket,
    join: proto::JoinResponse,
}

/// Joins a room as one who looks on.
pub(crate) async fn join(url: &str, token: &str) -> Result<JoinedRoom, JoinError> {
    let url = signal_url(url, token)?;
    let join = async {
        let mut socket = match connect_async(url.as_str()).await {
            Ok((socket, _)) => socket,
            Err(tungstenite::Error::Http(response)) => {
                let said = response.body().as_deref().unwrap_or_default();
                let said = String::from_utf8_lossy(said).replace(token, "…");
                return Err(refusal(response.status().as_u16(), &said));
            }
            // Its text has the URL, and so the token.
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
                    return Err(JoinError::Token(format!("was turned away: {reason}")));
                }
                Ok(_) => {}
                Err(why) => return Err(JoinError::Url(format!("let nobody in: {why}"))),
            }
        }
    };
    match timeout(JOIN_TIMEOUT, join).await {
        Ok(joined) => joined,
        Err(_) => Err(JoinError::Url(format!(
            "did not answer in {} s",
            JOIN_TIMEOUT.as_secs()
        ))),
    }
}

fn refusal(status: u16, said: &str) -> JoinError {
    let printable = said.chars().filter(|c| !c.is_control());
    let said: String = printable.take(100).collect();
    match status {
        401 | 403 => JoinError::Token(format!("is refused: {status} {said}")),
        _ => JoinError::Url(format!("answers with {status} {said}")),
    }
}

/// `<url>/rtc?…`, with the scheme of a WebSocket.
fn signal_url(url: &str, token: &str) -> Result<Url, JoinError> {
    let bad = |why: &str| JoinError::Url(why.to_owned());
    let mut url = Url::parse(url).map_err(|error| bad(&format!("is no URL: {error}")))?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => {
            return Err(bad("must be ws:// or http://: this stand-in does no TLS"));
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

/// The next message; what is newer than the protocol here is passed over.
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
    /// Looks on until the stream is over; ends it where the room, or who publishes in it, goes.
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
        // What the room shows is for those who look on: all of it is wanted.
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
        // The server notices without it, too, if later.
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
                _ = media.join_next() => return Err("the media connection is gone".to_owned()),
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
                let answer = receiver.await.map_err(|_| "the media connection is gone")?;
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
            Response::Leave(leave) => {
                Err(format!("told to leave: {}", leave.reason().as_str_name()))
            }
            _ => Ok(()),
        }
    }

    async fn send_command(&self, command: PeerCommand) -> Result<(), String> {
        let sent = self.commands.send(command).await;
        sent.map_err(|_| "the media connection is gone".to_owned())
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

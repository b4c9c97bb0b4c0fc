// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzz tests: anything that the service, or a server in its place, can send.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use livekit_protocol::SignalResponse;
use livekit_protocol::signal_response::Message;
use prost::Message as _;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::api_version::Api;
use super::error::{Error, Stage};
use super::error_response::ErrorResponse;
use super::http::HttpClient;
use super::json;
use super::livekit::RoomEvent;
use super::livekit::disconnect::Disconnect;
use super::livekit::publish::TrackPublisher;
use super::protocol::{InferenceResult, LeaseRenewal, TurnServer};
use super::retry::TRIES;
use super::secret::Secret;
use super::v1::event_stream::EventStreamReader;
use super::v02::api;
use super::v02::results_socket::{ResultsSocket, SocketEvent};
use super::{lease, v1};
use crate::fuzz::fuzz;

const JSON: &[&str] = &[
    "null",
    "true",
    "\"\"",
    "[",
    "{",
    "]",
    "}",
    ",",
    ":",
    "-1",
    "0",
    "1e308",
    "1e-400",
    "1e999",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "é",
];

/// The limit for a call: far more than any takes.
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn results() {
    fuzz("result", JSON, |input| {
        let text = String::from_utf8_lossy(input);
        let parsed = InferenceResult::parse(&text);
        if let Ok(result) = &parsed {
            // A strict parser reads the same.
            if let Ok(serde_json::Value::Object(json)) = serde_json::from_str(&text) {
                if let Some(text) = json.get("result").and_then(|value| value.as_str()) {
                    let text = text.replace('\0', "\u{fffd}");
                    assert_eq!(Some(text), result.result);
                }
                if let Some(ok) = json.get("ok").and_then(|ok| ok.as_bool()) {
                    assert!(result.ok == Some(ok) || result.ok == Some(false));
                }
            }
            assert!(result.result.is_some() || result.ok == Some(false));
            let has_text = result.result.as_ref().is_some_and(|text| !text.is_empty());
            assert!(result.error.is_none() || result.ok == Some(false) || has_text);
        }
        parsed.is_ok()
    });
}

#[test]
fn leases() {
    fuzz("renewed", JSON, |input| {
        let text = String::from_utf8_lossy(input);
        let renewed = json::parse::<LeaseRenewal>(&text);
        let ttl = lease::ttl(
            renewed
                .as_ref()
                .ok()
                .and_then(|renewed| renewed.ttl_seconds),
        );
        let tries = lease::try_timeout(ttl) * TRIES + lease::retry_pause(ttl) * (TRIES - 1);
        assert!(!lease::renewal_interval(ttl).is_zero());
        assert!(lease::renewal_interval(ttl) + tries <= ttl, "{ttl:?}");
        renewed.is_ok()
    });
}

#[test]
fn refusals() {
    fuzz("refusal", JSON, |input| {
        let text = String::from_utf8_lossy(input);
        for status in [302, 404, 422, 429, 500] {
            let response = ErrorResponse {
                status,
                body: text.clone().into_owned(),
                ..ErrorResponse::default()
            };
            let error = Error::from_response(Api::V02, Stage::Create, &response, false);
            // The message repeats the service's text, but not a whole page.
            assert!(error.message.chars().count() < 1000, "{error}");
            assert!(error.request_id.is_none_or(|id| id.chars().count() <= 500));
        }
        serde_json::from_str::<serde_json::Value>(&text).is_ok()
    });
}

#[test]
fn completions() {
    fuzz("completion", JSON, |input| {
        // As a whole body, and as an event. The text of a strict parser is in it.
        let whole = v1::completion::read_bytes(input);
        let event = [b"data: ", input].concat();
        let event = v1::completion::read_bytes(&event);
        if let (Ok(whole), Ok(json)) = (&whole, serde_json::from_slice(input)) {
            let json: serde_json::Value = json;
            let content = json.pointer("/choices/0/message/content");
            if let Some(text) = content.and_then(serde_json::Value::as_str) {
                assert_eq!(text, whole.text);
            }
            let has_error = json
                .get("error")
                .is_some_and(|error| error.is_string() && error != "");
            assert!(!has_error || whole.failure.is_some());
        }
        whole.is_ok() || event.is_ok()
    });
}

#[test]
fn statuses() {
    fuzz("status", JSON, |input| {
        let text = String::from_utf8_lossy(input);
        let created = json::parse::<v1::protocol::StreamCreated>(&text).is_ok();
        created || json::parse::<v1::protocol::StreamStatus>(&text).is_ok()
    });
}

#[test]
fn chunks() {
    let words = [
        "data:",
        "data: ",
        "\n\n",
        "\r\n",
        "\r",
        ": ",
        "[DONE]",
        "event: x\n",
        "\u{feff}",
    ];
    fuzz("chunks", &words, |input| {
        let read = |pieces: [&[u8]; 2]| {
            let mut reader = EventStreamReader::default();
            let mut events: Vec<_> = pieces.iter().flat_map(|piece| reader.read(piece)).collect();
            events.extend(reader.finish());
            events
        };
        let whole = read([input, &[]]);
        // The same, cut in two.
        assert_eq!(read(input.split_at(input.len() / 2).into()), whole);
        !whole.is_empty()
    });
}

/// The messages of a LiveKit server that the element reads.
#[test]
fn signalling() {
    fuzz("signal", &[], |input| {
        let Ok(response) = SignalResponse::decode(input) else {
            return false;
        };
        let mut publisher = TrackPublisher::default();
        publisher.take_answer(String::new());
        match response.message {
            Some(Message::Leave(leave)) => {
                let (Disconnect::Resume(error) | Disconnect::Final(error)) =
                    Disconnect::from_leave(&leave);
                assert!(!error.message.is_empty());
            }
            Some(Message::Trickle(trickle)) => {
                if let Some(RoomEvent::Candidate(candidate)) = publisher.remote_candidate(&trickle)
                {
                    // webrtcbin's C strings end at a NUL.
                    assert!(!candidate.candidate.contains('\0'));
                }
            }
            Some(Message::Join(join)) => {
                let servers = join.ice_servers.into_iter();
                servers.map(TurnServer::from).for_each(drop);
            }
            _ => {}
        }
        true
    });
}

/// A server that sends the same bytes to every client, and closes.
struct Server {
    address: String,
    response: Arc<Mutex<Vec<u8>>>,
    /// The head of the newest request.
    last_request: Arc<Mutex<String>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: format!("http://{}/v0.2", listener.local_addr().expect("bound")),
            response: Arc::default(),
            last_request: Arc::default(),
        };
        let (response, last_request) = (server.response.clone(), server.last_request.clone());
        // It runs until the process ends.
        thread::spawn(move || {
            for stream in listener.incoming() {
                // An error means that the client has closed the connection.
                let _ = stream.and_then(|stream| Self::answer(stream, &response, &last_request));
            }
        });
        server
    }

    fn answer(
        mut stream: TcpStream,
        response: &Mutex<Vec<u8>>,
        last_request: &Mutex<String>,
    ) -> std::io::Result<()> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        while reader.read_line(&mut head)? > 2 {}
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let mut named = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.to_owned())
        };
        if let Some(key) = header("sec-websocket-key") {
            let accepted = derive_accept_key(key.as_bytes());
            write!(
                stream,
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {accepted}\r\n\r\n"
            )?;
        }
        let length = header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        reader.read_exact(&mut body)?;
        *last_request.lock().unwrap_or_else(PoisonError::into_inner) = head;
        let response = response
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        stream.write_all(&response)?;
        stream.shutdown(Shutdown::Write)?;
        // Waits until the client closes: if the server closed with unread data, the response would be cut.
        reader.read_to_end(&mut body)?;
        Ok(())
    }

    fn http(&self, key: &Secret) -> HttpClient {
        HttpClient::new(self.address.parse().expect("an address"), key, Api::V02).expect("a client")
    }

    fn set_response(&self, bytes: &[u8]) {
        bytes.clone_into(&mut self.response.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn responses() {
    let words = [
        "\r\n",
        "\r\n\r\n",
        ": ",
        ";",
        "=",
        "0",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 429 x\r\n",
        "HTTP/1.0 ",
        "retry-after: 99999999999999999999\r\n",
        "set-cookie: a=b; Path=/\r\n",
        "; Max-Age=-1",
        "; Domain=127.0.0.1",
        "; Expires=",
        "content-length: 5\r\n",
        "content-length: 18446744073709551615\r\n",
        "transfer-encoding: chunked\r\n",
        "ffffffffffffffff\r\n",
        "content-encoding: gzip\r\n",
        "content-encoding: br\r\n",
        "\0",
        "stream_id",
    ];
    let (server, runtime, key) = (Server::start(), runtime(), Secret::new("key"));
    fuzz("http", &words, |input| {
        server.set_response(input);
        let http = server.http(&key);
        runtime.block_on(async {
            let before = std::time::Instant::now();
            let first = api::keepalive(&http, "s", TIMEOUT).await;
            // The second call sends the cookies from the first one.
            let second = api::change_prompt(&http, "s", "What?", TIMEOUT).await;
            assert!(before.elapsed() < TIMEOUT, "{first:?} {second:?}");
            if let Err(error) = &second {
                assert!(!error.message.is_empty());
            }
            let request = server
                .last_request
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for line in request.lines().skip(1).filter(|line| !line.is_empty()) {
                let name = line.split(':').next().unwrap_or_default();
                // A cookie can't add a header.
                const KNOWN: [&str; 8] = [
                    "content-type",
                    "authorization",
                    "accept",
                    "accept-encoding",
                    "user-agent",
                    "host",
                    "cookie",
                    "content-length",
                ];
                assert!(KNOWN.contains(&name), "{request}");
            }
            second.is_ok()
        })
    });
}

#[test]
fn sockets() {
    let words = [
        "\u{1}",
        "\0",
        "\u{7f}",
        "~",
        "\u{7f}\0\0\0\0\0\u{10}\0\0",
        "{",
        "stream ended: ",
    ];
    let (server, runtime, key) = (Server::start(), runtime(), Secret::new("key"));
    fuzz("socket", &words, |input| {
        server.set_response(input);
        let http = server.http(&key);
        runtime.block_on(async {
            let mut socket = ResultsSocket::connect(&http, "s", &key, TIMEOUT)
                .await
                .expect("the handshake is fine");
            let mut texts = 0;
            let reading = async {
                loop {
                    match socket.next().await {
                        SocketEvent::Text(text, _) => {
                            // A NUL is replaced by a character of three bytes.
                            assert!(text.len() <= 3 * input.len());
                            texts += 1;
                        }
                        SocketEvent::Unexpected(_) => {}
                        SocketEvent::Ended(error) => return error,
                    }
                }
            };
            let end = tokio::time::timeout(TIMEOUT, reading).await;
            assert!(!end.expect("it ends").message.is_empty());
            socket.close().await;
            texts > 0
        })
    });
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults: what goes wrong with a request on purpose.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::injected::LeaveAction;

/// The calls of the service. Create, keepalive, delete and models are calls of both APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `POST /streams`
    Create,
    /// `POST /streams/{id}/keepalive`
    Keepalive,
    /// `PATCH /streams/{id}/config/prompt`
    Prompt,
    /// `DELETE /streams/{id}`
    Delete,
    /// `GET /models`
    Models,
    /// `GET /healthz`
    Health,
    /// `POST /streams/{id}/feedback` and `GET /streams/feedback`
    Feedback,
    /// `GET /streams/{id}/info`
    Info,
    /// `POST /chat/completions/clip`
    Clip,
    /// `GET /ws/streams/{id}`
    Socket,
    /// `GET /rtc`, `/rtc/v1` and their `/validate`: LiveKit's signalling
    Signal,
    /// v1: `GET /streams/{id}`
    Get,
    /// v1: `POST /chat/completions`
    Chat,
    /// v1: `POST /streams/{id}/viewer-token`; v0.2: `POST /streams/{id}/spectate`
    ViewerToken,
    /// v1: `GET /billing/accounts/me/balance`
    Balance,
    /// v1: `GET /billing/pricing` and `/billing/pricing/{model}`
    Pricing,
    /// v1: `POST /billing/checkout`
    Checkout,
}

impl Call {
    /// Every call.
    pub const ALL: [Call; 17] = [
        Call::Create,
        Call::Keepalive,
        Call::Prompt,
        Call::Delete,
        Call::Models,
        Call::Health,
        Call::Feedback,
        Call::Info,
        Call::Clip,
        Call::Socket,
        Call::Signal,
        Call::Get,
        Call::Chat,
        Call::ViewerToken,
        Call::Balance,
        Call::Pricing,
        Call::Checkout,
    ];

    /// A short name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Call::Create => "create",
            Call::Keepalive => "keepalive",
            Call::Prompt => "prompt",
            Call::Delete => "delete",
            Call::Models => "models",
            Call::Health => "health",
            Call::Feedback => "feedback",
            Call::Info => "info",
            Call::Clip => "clip",
            Call::Socket => "socket",
            Call::Signal => "signal",
            Call::Get => "get",
            Call::Chat => "chat",
            Call::ViewerToken => "viewer-token",
            Call::Balance => "balance",
            Call::Pricing => "pricing",
            Call::Checkout => "checkout",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What goes wrong with a request. A fault that does not apply to its call is used up without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Send this response instead of serving the call.
    Status {
        /// The status code.
        code: u16,
        /// Additional headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
        /// The body's content type; empty: no header.
        content_type: String,
    },
    /// Wait, then serve.
    Delay(Duration),
    /// Never answer.
    Hang,
    /// Drop the connection with a TCP reset.
    Reset,
    /// Serve, then replace the body of the response.
    Body {
        /// The body.
        body: String,
        /// The body's content type.
        content_type: String,
    },
    /// Serve, but omit the second half of the body.
    Truncated,
    /// Serve, but send the body byte by byte, with this pause before each byte.
    Drip(Duration),
    /// On create and signal: the answer refuses the video.
    AnswerWithoutVideo,
    /// On create and signal: the answer has a fingerprint that is not the certificate's.
    WrongFingerprint,
    /// On create and signal: the answer is good, but the peer never replies to any packet.
    DeafMedia,
    /// On create and signal: the answer is good and ICE completes, but the peer never replies to DTLS.
    DeafDtls,
    /// On create and signal: the answer is not SDP.
    GarbageSdp,
    /// On create and signal: the answer says that nothing is to be sent (`a=inactive`).
    InactiveAnswer,
    /// On create and signal: the answer has `a=setup` before its media, and spaces at the ends of its lines.
    LooseAnswer,
    /// On the socket: receive the key, then close with 1008.
    RefuseKey,
    /// On the socket and signal: receive the key or token, then never send anything.
    Silent,
    /// On create and keepalive: the room's token has expired.
    ExpiredToken,
    /// On signal: offers are not answered.
    NoAnswer,
    /// On signal: let the client join, then send it a leave request.
    Leave(LeaveAction),
    /// On signal: a client that resumes is told that it has joined.
    JoinInsteadOfResume,
    /// On chat, if the answer is streamed: reset the connection after half of the events.
    BreaksOff,
    /// On chat, if the answer is streamed: send nothing more after half of the events.
    Stalls,
}

impl Fault {
    /// An error as the stream calls of v1 write it.
    pub fn detail(code: u16, detail: &str) -> Fault {
        Fault::json(code, &json!({ "detail": detail }))
    }

    /// An error as v1's chat writes it.
    pub fn chat(status: u16, code: &str) -> Fault {
        let error = json!({
            "message": format!("injected fault {status}"),
            "type": "injected",
            "code": code,
        });
        Fault::json(status, &json!({"detail": {"error": error}}))
    }

    fn json(code: u16, body: &Value) -> Fault {
        Fault::Status {
            code,
            headers: Vec::new(),
            body: body.to_string(),
            content_type: "application/json".to_owned(),
        }
    }

    /// An error of something between the client and the service: a load balancer's or a firewall's page.
    pub fn page(code: u16) -> Fault {
        Fault::Status {
            code,
            headers: vec![("server".to_owned(), "gateway".to_owned())],
            body: format!("<html><body><h1>{code}</h1></body></html>"),
            content_type: "text/html; charset=utf-8".to_owned(),
        }
    }

    /// The same without a body.
    pub fn empty(code: u16) -> Fault {
        Fault::Status {
            code,
            headers: Vec::new(),
            body: String::new(),
            content_type: String::new(),
        }
    }

    /// An error status with a body as v0.2 writes it.
    pub fn status(code: u16) -> Fault {
        let error = json!({
            "error": format!("injected fault {code}"),
            "request_id": "req_injected",
            "details": null,
        });
        Fault::json(code, &error)
    }
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// On the next matching request.
    Once,
    /// On this many of the next matching requests.
    N(u32),
    /// On every matching request from now on.
    Always,
}

/// The faults that wait for their requests, in the order of injection.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    waiting: Vec<(Call, Fault, Times)>,
}

impl FaultQueue {
    pub(crate) fn push(&mut self, call: Call, fault: Fault, times: Times) {
        if times != Times::N(0) {
            self.waiting.push((call, fault, times));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Takes the fault for a request that has arrived.
    pub(crate) fn take(&mut self, call: Call) -> Option<Fault> {
        let at = self.waiting.iter().position(|(of, ..)| *of == call)?;
        let (_, fault, times) = self.waiting.get_mut(at)?;
        let fault = fault.clone();
        match times {
            Times::Always => {}
            Times::N(left) if *left > 1 => *left -= 1,
            Times::Once | Times::N(_) => {
                self.waiting.remove(at);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_used_up_in_order() {
        let mut queue = FaultQueue::default();
        queue.push(Call::Create, Fault::Hang, Times::N(2));
        queue.push(Call::Create, Fault::Reset, Times::Once);
        queue.push(Call::Socket, Fault::Silent, Times::Always);
        queue.push(Call::Create, Fault::Hang, Times::N(0));
        assert_eq!(queue.take(Call::Create), Some(Fault::Hang));
        assert_eq!(queue.take(Call::Keepalive), None);
        assert_eq!(queue.take(Call::Create), Some(Fault::Hang));
        assert_eq!(queue.take(Call::Create), Some(Fault::Reset));
        assert_eq!(queue.take(Call::Create), None);
        for _ in 0..3 {
            assert_eq!(queue.take(Call::Socket), Some(Fault::Silent));
        }
    }
}

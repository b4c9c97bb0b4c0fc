//! Faults: what goes wrong on purpose.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::injected::LeaveAction;

/// The calls of the service. Create, keepalive, delete and models are calls of both generations.
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
    /// v1: `GET /billing/accounts/me/balance`
    Balance,
}

impl Call {
    /// Every call.
    pub const ALL: [Call; 13] = [
        Call::Create,
        Call::Keepalive,
        Call::Prompt,
        Call::Delete,
        Call::Models,
        Call::Health,
        Call::Feedback,
        Call::Clip,
        Call::Socket,
        Call::Signal,
        Call::Get,
        Call::Chat,
        Call::Balance,
    ];

    /// A short name, as the command line spells it.
    pub fn name(self) -> &'static str {
        match self {
            Call::Create => "create",
            Call::Keepalive => "keepalive",
            Call::Prompt => "prompt",
            Call::Delete => "delete",
            Call::Models => "models",
            Call::Health => "health",
            Call::Feedback => "feedback",
            Call::Clip => "clip",
            Call::Socket => "socket",
            Call::Signal => "signal",
            Call::Get => "get",
            Call::Chat => "chat",
            Call::Balance => "balance",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What goes wrong with a request. A fault that its call cannot have is used up without effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This response instead of serving.
    Status {
        /// The status code.
        code: u16,
        /// More headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
        /// The body's type; empty: none is named.
        content_type: String,
    },
    /// Wait, then serve.
    Delay(Duration),
    /// Never answer.
    Hang,
    /// Drop the connection with a TCP reset.
    Reset,
    /// Serve, then answer with this body in place of one's own.
    Body {
        /// The body.
        body: String,
        /// The body's type.
        content_type: String,
    },
    /// Serve, but leave the second half of the body out.
    Truncated,
    /// Serve, but send the body byte by byte, one each so often.
    Drip(Duration),
    /// On create and signal: the answer refuses the video.
    AnswerWithoutVideo,
    /// On create and signal: the answer names a fingerprint that is not the certificate's.
    WrongFingerprint,
    /// On create and signal: the answer is good, but nothing that is sent to it is ever replied to.
    DeafMedia,
    /// On create and signal: the answer is good and ICE completes, but DTLS is never replied to.
    DeafDtls,
    /// On create and signal: the answer is not SDP.
    GarbageSdp,
    /// On the socket: take the key, then close with 1008.
    RefuseKey,
    /// On the socket and signal: take the key or token, then never send anything.
    Silent,
    /// On create and keepalive: the room's token has expired.
    ExpiredToken,
    /// On signal: offers are not answered.
    NoAnswer,
    /// On signal: let the client join, then tell it to leave.
    Leave(LeaveAction),
    /// On chat, where the answer comes in chunks: reset the connection after half of them.
    BreaksOff,
    /// On chat, where the answer comes in chunks: send nothing more after half of them.
    Stalls,
}

impl Fault {
    /// A refusal as the stream calls of v1 word it.
    pub fn detail(code: u16, detail: &str) -> Fault {
        Fault::json(code, &json!({ "detail": detail }))
    }

    /// A refusal as chat words it.
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

    /// A plain status with v0.2's own kind of body.
    pub fn status(code: u16) -> Fault {
        let message = format!("injected fault {code}");
        let error = json!({
            "error": "injected",
            "message": message,
            "request_id": "req_injected",
            "details": null,
        });
        Fault::json(code, &error)
    }
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// With the next matching request.
    Once,
    /// With the next few.
    N(u32),
    /// With each one from now on.
    Always,
}

/// The faults that wait for their requests, first come, first served.
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

    /// The fault of the request that just came.
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

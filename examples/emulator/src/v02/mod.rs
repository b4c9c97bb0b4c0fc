// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v0.2: the service pushes answers on a WebSocket. Only the calls of v0.2 and the state of its streams are
//! here; what v1 needs too is in the rooms below.
//!
//! - **Keys.** Every call but `/healthz` needs `Authorization: Bearer <key>`; a wrong or missing key is 401.
//!   Streams, feedback and results of another key do not exist: 404.
//! - **Errors** are `{"error","request_id","details"}`. A body that is not JSON is 400, one without the content
//!   type of JSON 415.
//! - **Strict bodies.** An unknown field, a missing field, a wrong type or a value out of range is 422, with
//!   the field and the range in `details`: `[{"loc","msg","type"}]`. A create needs `processing` and `inference` with
//!   `prompt` and `model`. Without `mode` the form of `processing` decides; `backend` is `overshoot`; `client` may
//!   hold a `request_id`. The two clip forms must not be mixed. `delay_seconds` is more than 0, `sampling_ratio` at
//!   least 0.1, `int(fps × sampling_ratio)` 1 to 30. The target rate times `clip_length_seconds` is at least 3.
//!   `max_output_tokens` divided by the delay or interval is at most 128; if it is left out, it is that many
//!   (128 if that is less than one). `output_schema_json` may be any JSON schema.
//! - **Models.** An unknown model is 422, and the error names the ready ones. A saturated model is 429, an
//!   unavailable one 503. The default list has at least one model of each status.
//! - **Sources.** A `source` is an SDP offer (`webrtc`), the client's own LiveKit room (`livekit`) or, if it is
//!   `native` or left out, a LiveKit room that is made for the stream.
//! - **Sticky sessions** (`sticky`). The responses that create or renew a stream, and the 101 of its socket, set
//!   the cookie `media-gateway-route`. Each call on the stream and the socket's handshake must send the newest
//!   value; otherwise it is 404. For 250 ms after a change the previous value is accepted too, for requests
//!   that were sent before it. One jar may be used for all streams of a key: the newest value of another one is
//!   accepted too.
//! - **Keepalive** has the `state`: `pending` (no frame has arrived), `active`, `idle` (none for 2 s, or for twice
//!   the delay or interval if that is longer).
//! - **Info** has the source, the state, the rate and size of the frames, and counts of answers. `spectate` returns a
//!   token to watch, in a room that was made for the stream; for other streams it is 422.
//! - **The end.** DELETE ends a stream with `client_requested`. A DELETE of an ended stream is 204. Other calls on it
//!   are 404, but its feedback is accepted.
//! - **The socket.** Its first message is `{"api_key": …}` with the stream's key, within 5 s; otherwise it is
//!   closed with 1008. Each answer is one text message to every socket that is connected at that time. Until
//!   the first socket, the newest 64 answers are held; later, answers without a connected socket are lost. When
//!   the stream ends, the socket is closed with 1001 and `stream ended: <reason>`; when the emulator stops,
//!   with 1012.
//! - **The schedule.** From the first frame on, a sampler takes the newest frame at each tick of its own clock:
//!   at the target rate in clip mode, each `interval_seconds` in frame mode. Without a new frame it takes the
//!   same one again, which counts as a miss, see [`Sample`](crate::Sample). In clip mode the first answer is
//!   due when the first clip is full, then one each `delay_seconds`; each is about the
//!   samples of the last `clip_length_seconds`. In frame mode each sample is answered. Without a new frame
//!   there is no answer. Answers take `inference_latency`, overlap, and arrive in order.
//! - **Messages.** `inference_latency_ms` and `total_latency_ms` (from the arrival of the newest sampled frame)
//!   are measured. `prompt` is the prompt at the time when the frames were taken. An answer longer than the
//!   allowed tokens (four characters each) is truncated with the `finish_reason` `length`, even if it is JSON.
//! - **Clips.** `POST /chat/completions/clip` is 404 for 1.5 s after the result, then answers about the same
//!   pixels. The last 1000 results are kept; with a vision model, the last 64.

mod answers;
mod clips;
pub(crate) mod error;
mod feedback;
mod fields;
mod info;
mod models;
mod request;
mod results_socket;
mod route_cookie;
mod sampler;
mod schedule;
mod source;
mod stream_state;
mod streams;
mod subscribers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::faults::fault::Call;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::livekit::Rooms;
use crate::lock::lock;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use clips::Clips;
use error::V02Error;
use feedback::FeedbackList;
use stream_state::V02StreamState;

/// The state that the calls of v0.2 share.
pub(crate) struct V02 {
    app: Arc<App>,
    rooms: Arc<Rooms>,
    /// The v0.2 streams by id, for as long as the emulator keeps them.
    streams: Mutex<HashMap<String, Weak<V02StreamState>>>,
    feedback: FeedbackList,
    clips: Clips,
}

impl V02 {
    pub(crate) fn new(app: Arc<App>, rooms: Arc<Rooms>) -> Arc<Self> {
        Arc::new(V02 {
            app,
            rooms,
            streams: Mutex::default(),
            feedback: FeedbackList::default(),
            clips: Clips::default(),
        })
    }

    /// Serves a call.
    pub(crate) async fn dispatch(
        self: &Arc<Self>,
        call: Call,
        incoming: IncomingRequest,
    ) -> Result<ApiResponse, V02Error> {
        match call {
            Call::Create => streams::create(self, incoming).await,
            Call::Keepalive => streams::keepalive(self, &incoming),
            Call::Prompt => streams::prompt(self, &incoming),
            Call::Delete => streams::delete(self, &incoming),
            Call::Info => info::info(self, &incoming),
            Call::ViewerToken => info::spectate(self, &incoming),
            Call::Models => models::models(&incoming).await,
            Call::Health => Ok(Json(json!({"status": "ok"})).into()),
            Call::Feedback if incoming.id.is_empty() => feedback::list(self, &incoming),
            Call::Feedback => feedback::give(self, &incoming),
            Call::Clip => clips::ask(self, &incoming).await,
            Call::Socket => results_socket::open(self, incoming).await,
            // No path of v0.2 leads to one of these.
            Call::Get
            | Call::Chat
            | Call::Balance
            | Call::Pricing
            | Call::Checkout
            | Call::Signal => Err(V02Error::not_found("not a call of v0.2")),
        }
    }

    /// Adds a new stream.
    fn insert(&self, live: &LiveStream, state: &Arc<V02StreamState>) {
        let mut streams = lock(&self.streams);
        streams.retain(|_, state| state.strong_count() > 0);
        streams.insert(live.id.clone(), Arc::downgrade(state));
    }

    /// The v0.2 stream with this id, alive or ended. It must belong to `owner` (`None`: to anybody), and the
    /// route cookie must match.
    pub(crate) fn find(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Arc<LiveStream>, Arc<V02StreamState>), V02Error> {
        let nobody = || V02Error::not_found(format!("stream {id} is not known"));
        let live = self.app.streams.get(id).ok_or_else(nobody)?;
        let state = lock(&self.streams).get(id).and_then(Weak::upgrade);
        let state = state.ok_or_else(nobody)?;
        let owned = owner.is_none_or(|owner| owner == live.owner);
        if owned && (!self.app.config.sticky || self.is_routed(&live, &state, headers)) {
            Ok((live, state))
        } else {
            Err(nobody())
        }
    }

    /// Whether the request has the newest route cookie of this stream, or of another stream of the same key.
    fn is_routed(&self, live: &LiveStream, state: &V02StreamState, headers: &HeaderMap) -> bool {
        let of_same_key = |id: &str| {
            let other = self.app.streams.get(id);
            other.is_some_and(|other| other.owner == live.owner)
        };
        let same_jar = || {
            let streams = lock(&self.streams);
            streams.iter().any(|(id, state)| {
                let state = state.upgrade();
                state.is_some_and(|state| state.route_cookie.matches(headers)) && of_same_key(id)
            })
        };
        state.route_cookie.matches(headers) || same_jar()
    }

    /// The same, but it must be alive.
    pub(crate) fn find_alive(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Arc<LiveStream>, Arc<V02StreamState>), V02Error> {
        let (live, state) = self.find(id, owner, headers)?;
        if !live.end_token.is_cancelled() {
            return Ok((live, state));
        }
        let why = live
            .end_reason()
            .map_or("the emulator stops", |reason| reason.name());
        Err(V02Error::not_found(format!("stream {id} ended: {why}")))
    }
}

/// The client's key.
fn key(incoming: &IncomingRequest) -> Result<String, V02Error> {
    incoming.key().ok_or_else(V02Error::unauthorized)
}

/// The body, which must be JSON and have the content type of JSON.
fn json_body(incoming: &IncomingRequest) -> Result<Value, V02Error> {
    let is_json = incoming
        .parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(V02Error::not_json());
    }
    serde_json::from_slice(&incoming.body)
        .map_err(|error| V02Error::malformed(format!("the body is not JSON: {error}")))
}

fn add_route_cookie(incoming: &IncomingRequest, state: &V02StreamState, response: &mut Response) {
    if incoming.app.config.sticky {
        let attributes = &incoming.app.config.cookie_attributes;
        set_cookie(response, &state.route_cookie.set_cookie(attributes));
    }
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

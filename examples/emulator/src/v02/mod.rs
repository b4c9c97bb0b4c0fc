//! v0.2.

mod answers;
mod clips;
pub(crate) mod error;
mod feedback;
mod fields;
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

/// What the calls of v0.2 share.
pub(crate) struct V02 {
    app: Arc<App>,
    rooms: Arc<Rooms>,
    /// Its streams by their ids, for as long as the emulator remembers them.
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
            Call::Models => models::models(&incoming).await,
            Call::Health => Ok(Json(json!({"status": "ok"})).into()),
            Call::Feedback if incoming.id.is_empty() => feedback::list(self, &incoming),
            Call::Feedback => feedback::give(self, &incoming),
            Call::Clip => clips::ask(self, &incoming).await,
            Call::Socket => results_socket::open(self, incoming).await,
            // No path of v0.2 is one of these.
            Call::Get | Call::Chat | Call::Balance | Call::Signal => {
                Err(V02Error::not_found("not a call of v0.2"))
            }
        }
    }

    /// A stream was made.
    fn insert(&self, live: &LiveStream, state: &Arc<V02StreamState>) {
        let mut streams = lock(&self.streams);
        streams.retain(|_, state| state.strong_count() > 0);
        streams.insert(live.id.clone(), Arc::downgrade(state));
    }

    /// The v0.2 stream of that id, ended or not, that `owner` may see; without an owner: by its
    /// route alone.
    pub(crate) fn find(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Arc<LiveStream>, Arc<V02StreamState>), V02Error> {
        let nobody = || V02Error::not_found(format!("no stream {id} here"));
        let live = self.app.streams.get(id).ok_or_else(nobody)?;
        let state = lock(&self.streams).get(id).and_then(Weak::upgrade);
        let state = state.ok_or_else(nobody)?;
        let owned = owner.is_none_or(|owner| owner == live.owner);
        let routed = !self.app.config.sticky || state.route_cookie.matches(headers);
        if owned && routed {
            Ok((live, state))
        } else {
            Err(nobody())
        }
    }

    /// The same, and it must be alive.
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
            .map_or("server stops", |reason| reason.name());
        Err(V02Error::not_found(format!("stream {id} ended: {why}")))
    }
}

/// The caller's key.
fn key(incoming: &IncomingRequest) -> Result<String, V02Error> {
    incoming.key().ok_or_else(V02Error::unauthorized)
}

/// The body, JSON and said to be JSON.
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
        set_cookie(response, &state.route_cookie.set_cookie());
    }
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

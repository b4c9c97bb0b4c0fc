//! API v1: streams that are kept and asked about (rules 17 to 24).

mod chat;
mod chat_request;
mod error;
mod event_stream;
mod frame_selection;
mod history;
mod named_frames;
mod ovs_url;
mod proxied_question;
mod proxied_stream;
mod proxy;
mod publish;
mod rate_limit;
mod stream_state;
mod streams;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::faults::fault::Call;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::livekit::Rooms;
use crate::lock::lock;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use rate_limit::RateLimiter;
use stream_state::V1StreamState;

pub(crate) use error::V1Error;

/// What the calls of v1 share.
pub(crate) struct V1 {
    app: Arc<App>,
    rooms: Arc<Rooms>,
    /// Its streams by their ids, for as long as the emulator remembers them.
    streams: Mutex<HashMap<String, Weak<V1StreamState>>>,
    /// How often keys ask.
    rate: RateLimiter,
}

impl V1 {
    pub(crate) fn new(app: Arc<App>, rooms: Arc<Rooms>) -> Arc<Self> {
        Arc::new(V1 {
            app,
            rooms,
            streams: Mutex::default(),
            rate: RateLimiter::default(),
        })
    }

    /// Serves a call.
    pub(crate) async fn dispatch(
        self: &Arc<Self>,
        call: Call,
        incoming: IncomingRequest,
    ) -> Result<ApiResponse, V1Error> {
        match call {
            Call::Models => return Ok(streams::models(&incoming).await),
            Call::Balance => return streams::balance(&incoming),
            _ => {}
        }
        let owner = error::key(&incoming)?;
        error::right_region(&incoming)?;
        match call {
            Call::Create => streams::create(self, &incoming, owner).await,
            Call::Get => streams::get(self, &incoming, &owner),
            Call::Keepalive => streams::keepalive(self, &incoming, &owner),
            Call::Delete => streams::delete(self, &incoming, &owner),
            Call::Chat => chat::complete(self, &incoming, &owner).await,
            // No path of v1 is one of the others.
            _ => Err(V1Error::not_found("Not Found")),
        }
    }

    /// A stream was made.
    fn insert(&self, live: &LiveStream, state: &Arc<V1StreamState>) {
        let mut streams = lock(&self.streams);
        streams.retain(|_, state| state.strong_count() > 0);
        streams.insert(live.id.clone(), Arc::downgrade(state));
    }

    /// The stream of that id, ended or not, whoever owns it.
    fn find(&self, id: &str) -> Option<(Arc<LiveStream>, Arc<V1StreamState>)> {
        let live = self.app.streams.get(id)?;
        let state = lock(&self.streams).get(id)?.upgrade()?;
        Some((live, state))
    }
}

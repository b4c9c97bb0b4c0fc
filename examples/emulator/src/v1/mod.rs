// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v1: streams are kept, and clients ask about them with chat completions. Only the calls of v1 and the
//! state of its streams are here; what v0.2 needs too is in the rooms below.
//!
//! - **Shared with v0.2** are keys, limits, leases, credits, models and faults. A stream of one API does not
//!   exist in the other. Every call but the lists of models and prices
//!   needs a key. There are no cookies and no sockets.
//! - **Errors** are `{"detail": "…"}`, in chat `{"detail": {"error": {message, type, code}}}`. A body that
//!   breaks a rule is 422 with `{"error": "validation_error", message, details: [{loc, msg, type}]}`. Errors
//!   without a code (401, 404, 405, 413, 429) have the first format in chat, too.
//! - **Regions.** Every response names the serving region. With a `region`, that is the one, and calls on streams and
//!   chat are 409 `region_error` until `X-Overshoot-Region` names it. Without one, it is the region that the request
//!   names, or `us-west1`.
//! - **Limits.** A key's stream beyond the limit, and more than `chat_per_second` questions, are 429 with
//!   `retry-after`. The headers `x-ratelimit-limit`, `-remaining` and `-reset` are in those responses and with
//!   each answer.
//! - **Streams** are created from nothing: an empty body, or an object without `source`. Until the first frame,
//!   all fields about frames are null. A stream outlives its publisher, and ends by DELETE (`deleted`) or with
//!   its lease (`expired`). Then it reports its last status, DELETE still works, and keepalive is 404. Each
//!   keepalive returns a fresh token. Another key's streams are 404, in chat 403 `stream_unauthorized`.
//! - **Cameras.** With the `source` `{type: "rtsp" or "hls", url}` the service pulls the video, and `publish` is null.
//!   The response comes with the first picture, or is 422 after 15 s. A camera that ends is pulled again each second;
//!   `last_pull` in the status says when, and why it failed. Addresses of private networks are 422, unless
//!   `private_cameras` accepts them.
//! - **Viewers.** `POST /streams/{id}/viewer-token` returns a token that only allows to subscribe, for 300 s. It works
//!   in a room on a LiveKit server; the rooms that the emulator hosts have no subscribers.
//! - **Checkout** is on the host, like the balance, and below the base path. It takes `amount_cents` of at least 100.
//!   Nothing can be bought at its URL.
//! - **History.** Each decoded frame is kept with its measures and a JPEG of at most 640 pixels' width, for
//!   600 s before the newest frame and within `history_bytes`; the oldest frames are dropped. Indices count
//!   from the first frame ever. The stream time of a frame is the arrival of its first packet, in whole
//!   milliseconds since the first frame's.
//! - **`ovs://` URLs.** "Now" is the newest frame. Negative offsets count back from it, others forward from the
//!   oldest frame in the history; as an end, 0 is now. An image is one frame: an evicted index is 410
//!   `frame_evicted`, a future one 409 `frame_not_yet_produced`, and no frame within `tolerance_ms` is 404
//!   `segment_empty`. A video is those of its frames that are still in the history: if there are none, it is
//!   `segment_empty`; an end at or before the start is 400 `segment_invalid`. Of these frames, `max_fps` keeps
//!   the nearest to each tick. A parameter that is missing, unknown, malformed or repeated is 400
//!   `query_param_invalid`.
//! - **Questions** are OpenAI's: unknown fields are ignored, known ones are checked. Beside `ovs://` URLs there may be
//!   JPEGs and PNGs in `data:` URLs. A picture that cannot be read, and any other URL, is 400 `upstream_http_400`, as
//!   from a model that cannot fetch it. A model that is not known or not ready is 503 `model_unavailable`, a
//!   `video_url` for a model that takes pictures only (`claude-…`, `gpt-…`) 400 `model_video_unsupported`. Without
//!   credits it is 402 `billing_denied`. With `json_object`, the answer matches the JSON schema in the texts, if
//!   there is one: on a line of its own, or from the first brace to the last. Without a `response_format`, it
//!   matches one of any kind on the line after `Answer with JSON that matches this JSON schema:`.
//! - **Prices** are per token. The usage in an answer is what it costs, and the account is charged for it. Answers of a
//!   vision model cost nothing.
//! - **Answers** are made by the engine, about the named frames: one line for each picture or clip.
//!   `overshoot.media` says which frames those are. If no frames are named, the answer says so. Answers take
//!   `inference_latency`, and the QR codes are read from the JPEGs then. A token is four characters, a frame is
//!   256 tokens. Each answer is recorded as a [`Question`](crate::Question).
//! - **Threads.** The texts that the last question of the same `thread_id`, model and key had too are cached:
//!   `usage.prompt_tokens_details.cached_tokens` and `overshoot.cache` count their tokens.
//! - **Streamed answers.** With `stream`, the text comes in up to eight pieces, spread over the latency; then the
//!   finish reason, the usage if `stream_options` requests it, and `[DONE]`.
//!   [`Fault::BreaksOff`](crate::Fault::BreaksOff) and [`Fault::Stalls`](crate::Fault::Stalls) apply after half of the
//!   events.
//! - **A vision model** gets the client's own request, with pictures in place of each `ovs://` part, as `data:`
//!   URLs. Other media and unknown fields are passed on. Its answer is passed back, streamed answers too. An
//!   error of the model is `upstream_http_<status>`; no answer is 504 `upstream_timeout` or 502
//!   `upstream_request_failed`.

mod billing;
mod camera;
mod chat;
mod chat_request;
pub(crate) mod data_url;
mod error;
mod event_stream;
mod frame_selection;
mod history;
mod named_frames;
mod ovs_url;
mod pricing;
mod prompted_schema;
mod proxied_question;
mod proxied_stream;
mod proxy;
mod publish;
mod rate_limit;
mod stream_state;
mod streams;
mod threads;

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
use threads::Threads;

pub(crate) use error::V1Error;

/// The state that the calls of v1 share.
pub(crate) struct V1 {
    app: Arc<App>,
    rooms: Arc<Rooms>,
    /// The v1 streams by id, for as long as the emulator keeps them.
    streams: Mutex<HashMap<String, Weak<V1StreamState>>>,
    /// Limits how often a key may ask.
    rate: RateLimiter,
    threads: Threads,
}

impl V1 {
    pub(crate) fn new(app: Arc<App>, rooms: Arc<Rooms>) -> Arc<Self> {
        Arc::new(V1 {
            app,
            rooms,
            streams: Mutex::default(),
            rate: RateLimiter::default(),
            threads: Threads::default(),
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
            Call::Balance => return billing::balance(&incoming),
            Call::Pricing => return pricing::prices(&incoming),
            Call::Checkout => return billing::checkout(&incoming),
            _ => {}
        }
        let owner = error::key(&incoming)?;
        error::right_region(&incoming)?;
        match call {
            Call::Create => streams::create(self, &incoming, owner).await,
            Call::Get => streams::get(self, &incoming, &owner),
            Call::Keepalive => streams::keepalive(self, &incoming, &owner),
            Call::Delete => streams::delete(self, &incoming, &owner),
            Call::ViewerToken => streams::viewer_token(self, &incoming, &owner),
            Call::Chat => chat::complete(self, &incoming, &owner).await,
            // No path of v1 leads to another call.
            _ => Err(V1Error::not_found("Not Found")),
        }
    }

    /// Adds a new stream.
    fn insert(&self, live: &LiveStream, state: &Arc<V1StreamState>) {
        let mut streams = lock(&self.streams);
        streams.retain(|_, state| state.strong_count() > 0);
        streams.insert(live.id.clone(), Arc::downgrade(state));
    }

    /// The v1 stream with this id, alive or ended, whoever owns it.
    fn find(&self, id: &str) -> Option<(Arc<LiveStream>, Arc<V1StreamState>)> {
        let live = self.app.streams.get(id)?;
        let state = lock(&self.streams).get(id)?.upgrade()?;
        Some((live, state))
    }
}

//! API v1: streams that are kept and asked about (rules 17 to 24).

mod chat;
mod chat_request;
mod error;
mod event_stream;
mod frame_selection;
mod history;
mod named_frames;
mod ovs_url;
mod proxied_stream;
mod proxy;
mod publish;
mod rate_limit;
mod streams;

use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc;

use crate::faults::fault::Call;
use crate::http::request::{Incoming, Served};
use crate::media::decoder::Encoded;
use crate::service::config::Codec;

pub(crate) use error::{REGION, Refusal};
pub(crate) use history::History;
pub(crate) use rate_limit::Rate;

/// What a stream of v1 has beyond the lease: frames to ask about.
pub(crate) struct Pull {
    pub history: History,
    /// Frames from the network, on their way to the decoder.
    pub inlet: mpsc::Sender<(Codec, Encoded)>,
    /// Answers given.
    pub answers: AtomicU64,
}

/// Serves a call.
pub(crate) async fn dispatch(call: Call, incoming: Incoming) -> Result<Served, Refusal> {
    match call {
        Call::Models => return Ok(streams::models(&incoming).await),
        Call::Balance => return streams::balance(&incoming),
        _ => {}
    }
    let owner = error::key(&incoming)?;
    error::right_region(&incoming)?;
    match call {
        Call::Create => streams::create(&incoming, owner).await,
        Call::Get => streams::get(&incoming, &owner),
        Call::Keepalive => streams::keepalive(&incoming, &owner),
        Call::Delete => streams::delete(&incoming, &owner),
        Call::Chat => chat::complete(&incoming, &owner).await,
        // No path of v1 is one of the others.
        _ => Err(Refusal::not_found("Not Found")),
    }
}

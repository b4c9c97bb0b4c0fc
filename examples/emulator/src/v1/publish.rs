// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! How a client publishes the video of a v1 stream, and the decoding of frames that tests feed.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::codec::Codec;
use crate::http::request::IncomingRequest;
use crate::livekit::Rooms;
use crate::media::decoder::{Decoder, EncodedFrame};
use crate::records::event::Event;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::v1::stream_state::V1StreamState;

/// How many fed frames wait for the decoder; further ones are rejected.
const MAX_QUEUED_FRAMES: usize = 64;

/// Fed frames, and the receiver that decodes them.
pub(crate) type FrameSender = mpsc::Sender<(Codec, EncodedFrame)>;
pub(crate) type FrameReceiver = mpsc::Receiver<(Codec, EncodedFrame)>;

pub(crate) fn frame_channel() -> (FrameSender, FrameReceiver) {
    mpsc::channel(MAX_QUEUED_FRAMES)
}

/// The `publish` object of create and keepalive: the stream's room, with a fresh token each time. Null for a camera.
pub(crate) fn publish_info(
    rooms: &Rooms,
    incoming: &IncomingRequest,
    live: &LiveStream,
    state: &V1StreamState,
) -> Value {
    if state.camera.is_some() {
        return Value::Null;
    }
    let access = rooms.publisher_access(incoming, live);
    json!({"type": "livekit", "url": access.url, "token": access.token})
}

/// Decodes fed frames until the stream ends.
pub(crate) async fn receive(mut frames: FrameReceiver, live: Arc<LiveStream>, app: Arc<App>) {
    let end_token = live.end_token.clone();
    let mut decoder: Option<(Codec, Decoder)> = None;
    loop {
        let next = tokio::select! {
            () = end_token.cancelled() => None,
            next = frames.recv() => next,
        };
        let Some((codec, frame)) = next else { break };
        let usable = |(of, decoder): &(Codec, Decoder)| *of == codec && !Decoder::failed(decoder);
        if !decoder.as_ref().is_some_and(usable) {
            match Decoder::start(codec, live.clone(), app.clone()) {
                Ok(started) => decoder = Some((codec, started)),
                Err(message) => app.emit(&Event::MediaTrouble {
                    stream: live.id.clone(),
                    message,
                }),
            }
        }
        if let Some((_, decoder)) = &decoder {
            decoder.push(frame);
        }
    }
    // A stream also lives without a publisher.
    end_token.cancelled().await;
    // Not on a worker thread of the runtime: this joins the decoder's threads.
    let _ = spawn_blocking(move || drop(decoder)).await;
}

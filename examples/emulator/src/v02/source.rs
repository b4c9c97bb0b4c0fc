// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The `source` of a new stream: from the request to the input that receives its video.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::codec::Codec;
use crate::faults::fault::Fault;
use crate::livekit::{self, JoinError, RoomInput};
use crate::media::negotiation::{self, OfferError};
use crate::media::peer::Peer;
use crate::media::receiver;
use crate::media::sdp;
use crate::records::snapshot::{self, EndReason};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::v02::error::V02Error;
use crate::v02::fields::Fields;

/// Where the video of a new stream comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// An SDP offer.
    Offer(String),
    /// A room that the emulator makes.
    Room,
    /// The client's own room.
    Livekit { url: String, token: Token },
}

/// An access token. Never shown.
#[derive(Clone, PartialEq)]
pub(crate) struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The result of negotiating a source.
#[derive(Default)]
pub(crate) struct NegotiatedSource {
    /// `None`: the room is made later, since it needs the stream's id.
    pub input: Option<VideoInput>,
    /// The SDP answer to an offer.
    pub answer: Option<String>,
    /// The codec of that answer.
    pub codec: Option<Codec>,
}

/// What receives the video of a stream.
pub(crate) enum VideoInput {
    /// A WebRTC peer that answered an SDP offer.
    Peer(Box<Peer>),
    Room(RoomInput),
    /// Nothing: the client's own room, which is not joined.
    Nothing,
}

impl VideoInput {
    /// Receives until the stream ends.
    pub(crate) async fn run(self, live: Arc<LiveStream>, app: Arc<App>) {
        match self {
            VideoInput::Peer(peer) => receiver::run(*peer, live, app).await,
            VideoInput::Room(room) => room.run(live, app).await,
            VideoInput::Nothing => live.end_token.cancelled().await,
        }
    }

    /// The reason for the end of the stream if the input fails.
    pub(crate) fn broken(&self) -> EndReason {
        match self {
            VideoInput::Peer(_) => EndReason::WebrtcDisconnected,
            VideoInput::Room(_) | VideoInput::Nothing => EndReason::LivekitDisconnected,
        }
    }
}

impl Source {
    /// The name in the record.
    pub(crate) fn kind(&self) -> snapshot::Source {
        match self {
            Source::Offer(_) => snapshot::Source::Webrtc,
            Source::Room | Source::Livekit { .. } => snapshot::Source::Livekit,
        }
    }
}

/// Parses the `source` of a create call.
pub(crate) fn parse(value: Option<&Value>) -> Result<Source, V02Error> {
    let Some(value) = value else {
        return Ok(Source::Room);
    };
    let fields = Fields::of("source", value, &["type", "sdp", "url", "token"])?;
    match fields.one_of("type", &["webrtc", "livekit", "native"])? {
        "native" => Fields::of("source", value, &["type"]).map(|_| Source::Room),
        "livekit" => {
            let fields = Fields::of("source", value, &["type", "url", "token"])?;
            Ok(Source::Livekit {
                url: fields.text("url")?.to_owned(),
                token: Token(fields.text("token")?.to_owned()),
            })
        }
        _ => {
            let fields = Fields::of("source", value, &["type", "sdp"])?;
            Ok(Source::Offer(fields.text("sdp")?.to_owned()))
        }
    }
}

/// Answers the offer, or joins the room. The error names the field.
pub(crate) async fn negotiate(
    source: &Source,
    fault: Option<&Fault>,
    app: &App,
) -> Result<NegotiatedSource, V02Error> {
    match source {
        Source::Offer(offer) => {
            let (peer, answer) = answer_offer(offer, fault, app).await?;
            Ok(NegotiatedSource {
                answer: Some(answer),
                codec: peer.codec,
                input: Some(VideoInput::Peer(Box::new(peer))),
            })
        }
        Source::Livekit { .. } if !app.config.visits => Ok(NegotiatedSource {
            input: Some(VideoInput::Nothing),
            ..NegotiatedSource::default()
        }),
        Source::Livekit { url, token } => Ok(NegotiatedSource {
            input: Some(join_client_room(url, &token.0).await?),
            ..NegotiatedSource::default()
        }),
        Source::Room => Ok(NegotiatedSource::default()),
    }
}

/// Makes a peer that answers an offer.
async fn answer_offer(
    offer: &str,
    fault: Option<&Fault>,
    app: &App,
) -> Result<(Peer, String), V02Error> {
    let (mut peer, answer) = negotiation::answer(offer, &app.config)
        .await
        .map_err(|error| match error {
            OfferError::Offer(why) => V02Error::invalid("source.sdp", why),
            OfferError::Internal(why) => V02Error::internal(why),
        })?;
    let answer = sdp::with_fault(answer, fault);
    peer.ignores_packets = matches!(fault, Some(Fault::DeafMedia));
    peer.ignores_dtls = matches!(fault, Some(Fault::DeafDtls));
    Ok((peer, answer))
}

/// Joins the client's own room.
async fn join_client_room(url: &str, token: &str) -> Result<VideoInput, V02Error> {
    match livekit::join(url, token).await {
        Ok(guest) => Ok(VideoInput::Room(RoomInput::Joined(Box::new(guest)))),
        Err(JoinError::Url(why)) => Err(V02Error::invalid("source.url", why)),
        Err(JoinError::Token(why)) => Err(V02Error::invalid("source.token", why)),
    }
}

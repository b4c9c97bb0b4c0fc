//! From the source of a new stream to where its pictures come in.

use crate::config::Codec;
use crate::error::ApiError;
use crate::fault::Fault;
use crate::negotiate;
use crate::record;
use crate::room::{self, Inlet, Refusal};
use crate::rtc::Peer;
use crate::sdp;
use crate::service::App;
use crate::validate::Source;

/// What a source was turned into.
#[derive(Default)]
pub(crate) struct Taken {
    /// None yet where a room is still to be made, which takes the stream's id.
    pub inlet: Option<Inlet>,
    /// The answer to an offer.
    pub answer: Option<String>,
    /// The codec of that answer.
    pub codec: Option<Codec>,
}

impl Source {
    /// As the record names it.
    pub(crate) fn kind(&self) -> record::Source {
        match self {
            Source::Offer(_) => record::Source::Webrtc,
            Source::Room | Source::Livekit { .. } => record::Source::Livekit,
        }
    }
}

/// Answers the offer, or joins the room; a refusal names the field.
pub(crate) async fn take(
    source: &Source,
    fault: Option<&Fault>,
    app: &App,
) -> Result<Taken, ApiError> {
    match source {
        Source::Offer(offer) => {
            let (peer, answer) = answered(offer, fault, app).await?;
            Ok(Taken {
                answer: Some(answer),
                codec: peer.codec,
                inlet: Some(Inlet::Direct(Box::new(peer))),
            })
        }
        Source::Livekit { url, token } => Ok(Taken {
            inlet: Some(visited(url, &token.0).await?),
            ..Taken::default()
        }),
        Source::Room => Ok(Taken::default()),
    }
}

/// A peer that answered an offer, and its answer.
async fn answered(
    offer: &str,
    fault: Option<&Fault>,
    app: &App,
) -> Result<(Peer, String), ApiError> {
    let (mut peer, answer) = negotiate::answer(offer, &app.config).await?;
    let answer = match fault {
        Some(Fault::AnswerWithoutVideo) => sdp::without_video(&answer),
        Some(Fault::WrongFingerprint) => sdp::with_wrong_fingerprint(&answer),
        Some(Fault::GarbageSdp) => "this is not a session description".to_owned(),
        _ => answer,
    };
    peer.deaf = matches!(fault, Some(Fault::DeafMedia));
    peer.deaf_to_dtls = matches!(fault, Some(Fault::DeafDtls));
    Ok((peer, answer))
}

/// A room of the client's, joined.
async fn visited(url: &str, token: &str) -> Result<Inlet, ApiError> {
    match room::join(url, token).await {
        Ok(guest) => Ok(Inlet::Guest(Box::new(guest))),
        Err(Refusal::Url(why)) => Err(ApiError::invalid("source.url", why)),
        Err(Refusal::Token(why)) => Err(ApiError::invalid("source.token", why)),
    }
}

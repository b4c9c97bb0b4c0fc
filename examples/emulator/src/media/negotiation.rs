// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers an SDP offer with a new WebRTC peer.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc};

use crate::codec::Codec;
use crate::media::decoder::decoder_for;
use crate::media::peer::{Peer, base, bind, enable};
use crate::media::sdp;
use crate::service::config::Config;

/// Why an offer was not answered.
#[derive(Debug, PartialEq)]
pub(crate) enum OfferError {
    /// The offer is wrong. The text completes "source.sdp …".
    Offer(String),
    /// The emulator failed.
    Internal(String),
}

/// Answers an offer. Takes the first codec of the offer that is accepted and can be decoded (RFC 3264 section
/// 6.1: the offer's order counts).
pub(crate) async fn answer(offer: &str, config: &Config) -> Result<(Peer, String), OfferError> {
    let parse = || catch_unwind(|| SdpOffer::from_sdp_string(offer));
    let bad = |why: &str| OfferError::Offer(format!("is not a usable offer: {why}"));
    match parse() {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(bad(&error.to_string())),
        Err(_) => return Err(bad("it cannot be read")),
    }
    let video = sdp::video(offer)
        .filter(|video| video.accepted)
        .ok_or_else(|| bad("it has no video"))?;
    if !video.sends {
        return Err(bad(
            "its video is not sent: the direction must be sendonly or sendrecv",
        ));
    }
    let (socket, local) = bind(config.media_ip).await.map_err(OfferError::Internal)?;

    let mut problem = None;
    let codecs = &config.codecs;
    let offered = video
        .codecs
        .iter()
        .filter_map(|name| codecs.iter().copied().find(|codec| name == codec.name()))
        .filter(|codec| decoder_for(*codec).is_some());
    for codec in offered {
        // Parsing again is cheap, and str0m consumes the offer.
        let Ok(Ok(parsed)) = parse() else { continue };
        // If str0m panics over one bad offer, the emulator must go on.
        match catch_unwind(AssertUnwindSafe(|| accept(parsed, codec, config, local))) {
            Ok(Ok((rtc, text))) => {
                let accepted = sdp::video(&text).is_some_and(|video| {
                    video.accepted && video.codecs.iter().any(|name| name == codec.name())
                });
                if accepted {
                    let peer = Peer {
                        rtc,
                        socket,
                        local,
                        codec: Some(codec),
                        ignores_packets: false,
                        ignores_dtls: false,
                    };
                    return Ok((peer, text));
                }
            }
            Ok(Err(error)) => problem = Some(error),
            Err(_) => problem = Some("it cannot be answered".to_owned()),
        }
    }
    if let Some(problem) = problem {
        return Err(bad(&problem));
    }
    let accepted_names: Vec<&str> = codecs.iter().map(|codec| codec.name()).collect();
    Err(OfferError::Offer(format!(
        "has no common codec: the offer has {}, the emulator accepts {}",
        video.codecs.join(", "),
        accepted_names.join(", ")
    )))
}

fn accept(
    offer: SdpOffer,
    codec: Codec,
    settings: &Config,
    local: SocketAddr,
) -> Result<(Rtc, String), String> {
    let config = base(true);
    let config = enable(config, codec, settings);
    let mut rtc = config.build(Instant::now());
    let candidate = Candidate::host(local, "udp").map_err(|error| error.to_string())?;
    rtc.add_local_candidate(candidate);
    let answer = rtc
        .sdp_api()
        .accept_offer(offer)
        .map_err(|error| error.to_string())?;
    Ok((rtc, answer.to_sdp_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bad_offers_are_rejected() {
        for (offer, hint) in [
            ("", "not a usable offer"),
            ("hello", "not a usable offer"),
            (
                "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
                "no video",
            ),
        ] {
            let refused = answer(offer, &Config::default()).await.err();
            let Some(OfferError::Offer(message)) = refused else {
                panic!("{offer:?}: {refused:?}");
            };
            assert!(message.contains(hint), "{offer:?}: {message}");
        }
    }
}

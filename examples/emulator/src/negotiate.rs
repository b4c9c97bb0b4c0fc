//! From an SDP offer to an str0m peer that has answered (rule 7).

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::config::Codec;
use crate::decode::decoder_for;
use crate::error::ApiError;
use crate::rtc::Peer;
use crate::sdp;

/// Answers an offer with the first wanted codec that both sides have.
pub(crate) async fn answer(
    offer: &str,
    codecs: &[Codec],
    ip: IpAddr,
) -> Result<(Peer, String), ApiError> {
    const FIELD: &str = "source.sdp";
    let parse = || catch_unwind(|| SdpOffer::from_sdp_string(offer));
    let bad = |why: &str| ApiError::invalid(FIELD, format!("is not a usable offer: {why}"));
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
    let socket = UdpSocket::bind((ip, 0))
        .await
        .map_err(|error| ApiError::internal(format!("no UDP socket on {ip}: {error}")))?;
    let local = socket
        .local_addr()
        .map_err(|error| ApiError::internal(error.to_string()))?;

    let mut problem = None;
    for codec in codecs.iter().copied() {
        if !video.codecs.iter().any(|name| name == codec.name()) || decoder_for(codec).is_none() {
            continue;
        }
        // Twice parsed is cheap; str0m uses an offer up.
        let Ok(Ok(parsed)) = parse() else { continue };
        // One bad offer must not take the emulator down, whatever str0m makes of it.
        match catch_unwind(AssertUnwindSafe(|| accept(parsed, codec, local))) {
            Ok(Ok((rtc, text))) => {
                let taken = sdp::video(&text).is_some_and(|video| {
                    video.accepted && video.codecs.iter().any(|name| name == codec.name())
                });
                if taken {
                    let peer = Peer {
                        rtc,
                        socket,
                        local,
                        codec,
                        deaf: false,
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
    let wanted: Vec<&str> = codecs.iter().map(|codec| codec.name()).collect();
    Err(ApiError::invalid(
        FIELD,
        format!(
            "has no common codec: offered are {}, taken are {}",
            video.codecs.join(", "),
            wanted.join(", ")
        ),
    ))
}

fn accept(offer: SdpOffer, codec: Codec, local: SocketAddr) -> Result<(Rtc, String), String> {
    let config = RtcConfig::new().set_ice_lite(true).clear_codecs();
    let config = match codec {
        Codec::Vp8 => config.enable_vp8(true),
        Codec::H264 => config.enable_h264(true),
        Codec::Vp9 => config.enable_vp9(true),
        Codec::H265 => config.enable_h265(true),
        Codec::Av1 => config.enable_av1(true),
    };
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
    async fn offers_that_are_none_are_refused() {
        let local = IpAddr::from([127, 0, 0, 1]);
        for (offer, hint) in [
            ("", "not a usable offer"),
            ("hello", "not a usable offer"),
            (
                "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
                "no video",
            ),
        ] {
            let refused = answer(offer, &[Codec::Vp8], local).await.err();
            let message = refused.map(|error| error.message).unwrap_or_default();
            assert!(message.contains(hint), "{offer:?}: {message}");
        }
    }
}

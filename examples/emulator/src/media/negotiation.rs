//! From an SDP offer to an str0m peer that has answered (rule 7).

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::codec::Codec;
use crate::media::decoder::decoder_for;
use crate::media::receiver::Peer;
use crate::media::sdp;
use crate::service::config::Config;

/// How long a missing packet is waited for: a few round trips, in which it may be sent again. str0m's own
/// 2 s would keep the pictures away for as long after each loss that is not mended.
const LOST: Duration = Duration::from_millis(500);

/// Why an offer was not answered.
#[derive(Debug, PartialEq)]
pub(crate) enum OfferError {
    /// The offer is at fault. The text completes "source.sdp …".
    Offer(String),
    /// The emulator is at fault.
    Internal(String),
}

/// Answers an offer with its first codec that is taken here (RFC 3264, 6.1: in the offer's order).
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
        // Twice parsed is cheap; str0m uses an offer up.
        let Ok(Ok(parsed)) = parse() else { continue };
        // One bad offer must not take the emulator down, whatever str0m makes of it.
        match catch_unwind(AssertUnwindSafe(|| accept(parsed, codec, config, local))) {
            Ok(Ok((rtc, text))) => {
                let taken = sdp::video(&text).is_some_and(|video| {
                    video.accepted && video.codecs.iter().any(|name| name == codec.name())
                });
                if taken {
                    let peer = Peer {
                        rtc,
                        socket,
                        local,
                        codec: Some(codec),
                        deaf: false,
                        deaf_to_dtls: false,
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
    Err(OfferError::Offer(format!(
        "has no common codec: offered are {}, taken are {}",
        video.codecs.join(", "),
        wanted.join(", ")
    )))
}

/// A socket for one peer's media.
pub(crate) async fn bind(ip: IpAddr) -> Result<(UdpSocket, SocketAddr), String> {
    let problem = |error: std::io::Error| format!("no UDP socket on {ip}: {error}");
    let socket = UdpSocket::bind((ip, 0)).await.map_err(problem)?;
    let local = socket.local_addr().map_err(problem)?;
    Ok((socket, local))
}

/// The settings of every peer; `lite` where the other side does the checks of ICE.
pub(crate) fn base(lite: bool) -> RtcConfig {
    RtcConfig::new()
        .set_ice_lite(lite)
        .set_reordering_timeout_video(Some(LOST))
        .clear_codecs()
}

/// Takes a codec, in the profiles of the settings.
pub(crate) fn enable(mut config: RtcConfig, codec: Codec, settings: &Config) -> RtcConfig {
    match codec {
        Codec::Vp8 => config.enable_vp8(true),
        Codec::H264 if settings.h264_baseline_only => {
            for (pt, profile_level_id) in [(125, 0x42_e0_1f), (127, 0x42_00_1f)] {
                let codecs = config.codec_config();
                codecs.add_h264(pt.into(), None, true, profile_level_id);
            }
            config
        }
        Codec::H264 => config.enable_h264(true),
        Codec::Vp9 => config.enable_vp9(true),
        Codec::H265 => config.enable_h265(true),
        Codec::Av1 => config.enable_av1(true),
    }
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
    async fn offers_that_are_none_are_refused() {
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

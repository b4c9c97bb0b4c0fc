//! The WebRTC end of a room: one peer that is there before the first offer, and outlives it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc};

use crate::codec::Codec;
use crate::media::decoder::decoder_for;
use crate::media::negotiation;
use crate::media::receiver::Peer;
use crate::service::config::Config;

/// A peer that takes every codec of the settings: which one comes, the packets tell. `lite` where
/// the other side does the checking, as it does with an SFU.
pub(crate) async fn open(config: &Config, lite: bool) -> Result<Peer, String> {
    let (socket, local) = negotiation::bind(config.media_ip).await?;
    let mut settings = negotiation::base(lite);
    // Sound is taken, as in any room, and not listened to.
    settings = settings.enable_opus(true, false);
    for codec in &config.codecs {
        if decoder_for(*codec).is_some() {
            settings = negotiation::enable(settings, *codec, config);
        }
    }
    let mut rtc = settings.build(Instant::now());
    let candidate = Candidate::host(local, "udp").map_err(|error| error.to_string())?;
    rtc.add_local_candidate(candidate);
    Ok(Peer {
        rtc,
        socket,
        local,
        codec: None,
        deaf: false,
        deaf_to_dtls: false,
    })
}

/// Answers an offer, the first one or a later one.
pub(crate) fn answer(rtc: &mut Rtc, offer: &str) -> Result<String, String> {
    // Whatever str0m makes of what a client sent, it must not take the emulator down.
    catch_unwind(AssertUnwindSafe(|| {
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| error.to_string())?;
        let answer = rtc.sdp_api().accept_offer(offer);
        answer
            .map(|answer| answer.to_sdp_string())
            .map_err(|error| error.to_string())
    }))
    .unwrap_or_else(|_| Err("it cannot be answered".to_owned()))
}

/// Adds a candidate that came later. Those that are of no use here (TCP, names) are left out.
pub(crate) fn add_candidate(rtc: &mut Rtc, candidate: &str) {
    let candidate = candidate.strip_prefix("a=").unwrap_or(candidate);
    let added = catch_unwind(AssertUnwindSafe(|| {
        let candidate = Candidate::from_sdp_string(candidate).ok()?;
        (candidate.proto() == str0m::net::Protocol::Udp)
            .then(|| rtc.add_remote_candidate(candidate))
    }));
    // A client tries several; one that cannot be read is one less.
    drop(added);
}

/// The codec of a payload, where it is one that can be decoded here.
pub(crate) fn codec_of(codec: str0m::format::Codec) -> Option<Codec> {
    use str0m::format::Codec as Wire;
    match codec {
        Wire::Vp8 => Some(Codec::Vp8),
        Wire::H264 => Some(Codec::H264),
        Wire::Vp9 => Some(Codec::Vp9),
        Wire::H265 => Some(Codec::H265),
        Wire::Av1 => Some(Codec::Av1),
        _ => None,
    }
}

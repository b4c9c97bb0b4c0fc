// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A WebRTC peer: an str0m instance and its UDP socket, with the settings and the codecs of the emulator.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc, RtcConfig};
use tokio::net::UdpSocket;

use crate::codec::Codec;
use crate::media::decoder::decoder_for;
use crate::service::config::Config;

/// How long the depacketiser waits for a missing packet: a few round trips, in which it may be sent again.
/// With str0m's default of 2 s, each loss that is not repaired would delay the pictures for that long.
const REORDERING_TIMEOUT: Duration = Duration::from_millis(500);

/// A peer. Of a stream with an SDP offer it has answered already; of a room it waits for the offers.
pub(crate) struct Peer {
    pub rtc: Rtc,
    pub socket: UdpSocket,
    pub local: SocketAddr,
    /// The codec of the answer; `None` if it has several.
    pub codec: Option<Codec>,
    /// By a fault: does not reply to any packet.
    pub ignores_packets: bool,
    /// By a fault: does not reply to DTLS.
    pub ignores_dtls: bool,
}

/// A peer for a room. It accepts every codec of the settings; the packets show which one is used. `lite`: the
/// remote peer does the ICE checks, as it does with an SFU.
pub(crate) async fn open(config: &Config, lite: bool) -> Result<Peer, String> {
    let (socket, local) = bind(config.media_ip).await?;
    let mut settings = base(lite);
    // Rooms have audio. It is received, but ignored.
    settings = settings.enable_opus(true, false);
    for codec in &config.codecs {
        if decoder_for(*codec).is_some() {
            settings = enable(settings, *codec, config);
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
        ignores_packets: false,
        ignores_dtls: false,
    })
}

/// A UDP socket for the media of one peer.
pub(crate) async fn bind(ip: IpAddr) -> Result<(UdpSocket, SocketAddr), String> {
    let problem = |error: std::io::Error| format!("no UDP socket on {ip}: {error}");
    let socket = UdpSocket::bind((ip, 0)).await.map_err(problem)?;
    let local = socket.local_addr().map_err(problem)?;
    Ok((socket, local))
}

/// The settings of every peer. `lite`: the remote peer does the ICE checks.
pub(crate) fn base(lite: bool) -> RtcConfig {
    RtcConfig::new()
        .set_ice_lite(lite)
        .set_reordering_timeout_video(Some(REORDERING_TIMEOUT))
        .clear_codecs()
}

/// Enables a codec, in the profiles of the settings.
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

/// Answers an offer, the first one or a later one.
pub(crate) fn answer(rtc: &mut Rtc, offer: &str) -> Result<String, String> {
    // If str0m panics over what a client sent, the emulator must go on.
    catch_unwind(AssertUnwindSafe(|| {
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| error.to_string())?;
        let answer = rtc.sdp_api().accept_offer(offer);
        answer
            .map(|answer| answer.to_sdp_string())
            .map_err(|error| error.to_string())
    }))
    .unwrap_or_else(|_| Err("it cannot be answered".to_owned()))
}

/// Adds a remote candidate. Ignores those that cannot be used here (TCP, host names).
pub(crate) fn add_candidate(rtc: &mut Rtc, candidate: &str) {
    let candidate = candidate.strip_prefix("a=").unwrap_or(candidate);
    let added = catch_unwind(AssertUnwindSafe(|| {
        let candidate = Candidate::from_sdp_string(candidate).ok()?;
        (candidate.proto() == str0m::net::Protocol::Udp)
            .then(|| rtc.add_remote_candidate(candidate))
    }));
    // A client sends several candidates, so one bad candidate does not matter.
    drop(added);
}

/// The codec of a payload, if it can be decoded here.
pub(crate) fn codec_of(codec: str0m::format::Codec) -> Option<Codec> {
    use str0m::format::Codec as ConnectionHandle;
    match codec {
        ConnectionHandle::Vp8 => Some(Codec::Vp8),
        ConnectionHandle::H264 => Some(Codec::H264),
        ConnectionHandle::Vp9 => Some(Codec::Vp9),
        ConnectionHandle::H265 => Some(Codec::H265),
        ConnectionHandle::Av1 => Some(Codec::Av1),
        _ => None,
    }
}

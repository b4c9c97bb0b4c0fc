// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes what the service sends for a WebRTC connection: SDP answers and TURN servers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use url::Url;

use super::answer_sdp;
use super::certificate::{self, Certificate};
use super::event::PeerEvent;
use super::peer::{ChainSettings, Gathering, Peer};
use super::webrtcbin;
use crate::fuzz::{JSON, fuzz};
use crate::session::json;
use crate::session::v02::protocol::StreamCreated;
use crate::sink::codec::offer;
use crate::sink::codec::picture_size::SizeLimits;
use crate::sink::config::ice_servers::{self, IceConfig};

const SDP: &[&str] = &[
    "\r\n",
    "\n",
    "\0",
    "a=",
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
    "m=video 0 ",
    "m=audio 9 ",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    "a=mid:video0\r\n",
    "a=mid:\r\n",
    "a=fingerprint:sha-256 00\r\n",
    "a=fingerprint:",
    "a=rtpmap:96 VP8/90000\r\n",
    "a=fmtp:96 ",
    "a=setup:active\r\n",
    "a=setup:actpass\r\n",
    "a=inactive\r\n",
    "a=sendrecv\r\n",
    "a=rtcp-mux\r\n",
    "a=group:BUNDLE",
    "a=ice-ufrag:",
    "a=ice-pwd:",
    "a=rid:1 recv\r\n",
    "a=simulcast:recv 1\r\n",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
    "apt=",
    "profile-level-id=",
    "97",
    "-1",
    "4294967296",
];

#[test]
fn answers_in_sdp() {
    gst::init().expect("GStreamer");
    let offered = offer::offer(None).expect("an encoder");
    let certificate = Certificate::generate().expect("a certificate");
    fuzz("answer", SDP, |input| {
        let answer = String::from_utf8_lossy(input);
        for fingerprint in certificate::fingerprints(&answer) {
            assert!(fingerprint.contains(' '));
        }
        assert!(
            certificate.correct_fingerprint(&answer).len()
                <= answer.len() + 200 * answer.lines().count()
        );
        let Ok(sdp) = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes()) else {
            return false;
        };
        match answer_sdp::chosen_codec(&sdp, &offered) {
            Ok(chosen) => offered
                .iter()
                .any(|o| o.payload_type == chosen.payload_type),
            Err(_) => false,
        }
    });
}

/// Passes the answers to webrtcbin, which reads much more of them. Candidates are removed, because mutated
/// ones would be other people's addresses to send to.
#[test]
fn answers_to_webrtcbin() {
    gst::init().expect("GStreamer");
    let ice = IceConfig {
        stun_server: None,
        turn_servers: Vec::new(),
        policy: gst_webrtc::WebRTCICETransportPolicy::All,
        local_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
    };
    fuzz("answer", SDP, |input| {
        let answer = String::from_utf8_lossy(input);
        let answer: String = answer
            .split_inclusive('\n')
            .filter(|line| !line.contains("candidate"))
            .collect();
        let (sender, events) = channel();
        let mut peer = Peer::start(
            "fuzz",
            &ice,
            Arc::new(move |event| {
                // This fails for events that arrive after the end of the test.
                let _ = sender.send(event);
            }),
        )
        .expect("a peer");
        let formats = offer::offer(None).expect("an encoder");
        peer.offer(formats, Gathering::Complete);
        let offer = events.recv_timeout(Duration::from_secs(5));
        assert!(matches!(offer, Ok(PeerEvent::Offer(_))), "{offer:?}");
        let media = ChainSettings {
            input: None,
            frames_are_read: false,
            upstream: gst::glib::WeakRef::new(),
            bitrate: 1_000_000,
            limits: SizeLimits::default(),
            encoder_setup: &|_| false,
        };
        // Dropping the peer waits until webrtcbin has processed the answer.
        peer.accept(&answer, media).is_ok()
    });
}

#[test]
fn relays() {
    gst::init().expect("GStreamer");
    let certificate = Arc::new(Certificate::generate().expect("a certificate"));
    let api_url = Url::parse("http://127.0.0.1:1").expect("an address");
    let words = [
        JSON,
        &[
            "turn:",
            "turns:",
            "stun:",
            "transport=udp",
            "@",
            "[::1]",
            "%",
            "?",
            "://",
            "urls",
            "credential",
        ],
    ]
    .concat();
    fuzz("created", &words, |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(created) = json::parse::<StreamCreated>(&text) else {
            return false;
        };
        let servers = ice_servers::from_response(&created.turn_servers);
        if servers.is_empty() {
            return true;
        }
        // The converted addresses must be valid values of `turn-servers`.
        let accepted = ice_servers::turn_servers(&gst::Array::new(&servers), &api_url);
        assert_eq!(accepted.expect("addresses"), servers);
        // webrtcbin parses the addresses now. It would use them after its start, which never comes here.
        let ice = IceConfig {
            stun_server: None,
            turn_servers: servers,
            policy: gst_webrtc::WebRTCICETransportPolicy::All,
            local_addresses: Vec::new(),
        };
        webrtcbin::make(&ice, &certificate, &Arc::default(), &Arc::default()).expect("webrtcbin");
        true
    });
}

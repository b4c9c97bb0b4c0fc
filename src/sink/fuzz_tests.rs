//! What the service sends, as far as the element reads it itself; cameras; files.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use gst::glib;
use url::Url;

use super::OvershootSink;
use super::answers::messages;
use super::codec::h264::{self, AvcConfig};
use super::codec::offer;
use super::config::ice_servers::{self, IceConfig};
use super::config::settings::Settings;
use super::controller::drain::{AnswerPace, Drain};
use super::webrtc::certificate::{self, Certificate};
use super::webrtc::event::PeerEvent;
use super::webrtc::peer::{self, ChainSettings, Gathering, Peer};
use super::webrtc::webrtcbin;
use crate::fuzz::fuzz;
use crate::session::Answer;
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::protocol::InferenceResult;
use crate::session::secret::Secret;
use crate::session::v02::protocol::StreamCreated;

const JSON: &[&str] = &[
    "null", "[", "{", "]", "}", ",", ":", "-1", "1e308", "1e22", "1e15", "\\u0000", "\\ud800", "é",
];

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

fn url() -> Url {
    Url::parse("http://127.0.0.1:1").expect("an address")
}

#[test]
fn answers_of_the_model() {
    gst::init().expect("GStreamer");
    let hour = gst::ClockTime::from_seconds(3600);
    let interval = Duration::from_secs(1);
    fuzz("result", JSON, |input| {
        let json = String::from_utf8_lossy(input).into_owned();
        let Ok(result) = InferenceResult::parse(&json) else {
            return false;
        };
        let arrived = Instant::now();
        let answer = Answer {
            result,
            json,
            arrived,
            schema_error: None,
            question: None,
            ask_serial: None,
            usage: None,
            end_offset: Duration::ZERO,
        };
        let context = messages::Context {
            running_time: Some(hour),
            age: gst::ClockTime::SECOND,
            prompt_serial: None,
            late: false,
            stale: false,
            stream_epoch: 1,
        };
        let told = messages::result(&answer, &context);
        assert!(
            told.get::<gst::ClockTime>("capture-time")
                .is_ok_and(|at| at <= hour)
                || told.get::<gst::ClockTime>("capture-time").is_err()
        );
        let latency = messages::latency(&answer);
        let mut pace = AnswerPace::default();
        pace.add_answer(arrived, latency);
        pace.add_answer(arrived, latency);
        let bound = arrived + interval;
        assert!(Drain::new(arrived, interval, interval, pace).deadline() <= bound);
        true
    });
}

#[test]
fn failures() {
    gst::init().expect("GStreamer");
    let element: OvershootSink = glib::Object::new();
    fuzz("refusal", JSON, |input| {
        let body = String::from_utf8_lossy(input);
        let error = Error::from_response(Api::V02, Stage::Keepalive, 500, &body, None);
        messages::post_failure(&element, &error, false, true);
        error.request_id.is_some()
    });
}

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
        match peer::chosen_codec(&sdp, &offered) {
            Ok(chosen) => offered
                .iter()
                .any(|o| o.payload_type == chosen.payload_type),
            Err(_) => false,
        }
    });
}

/// The same through webrtcbin, which reads much more of it. Without candidates: mutants of those
/// would be addresses that are not ours to send to.
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
        let (tell, told) = channel();
        let mut peer = Peer::start(
            "fuzz",
            &ice,
            Arc::new(move |event| {
                // Nobody listens to what comes after the end.
                let _ = tell.send(event);
            }),
        )
        .expect("webrtcbin starts");
        let formats = offer::offer(None).expect("an encoder");
        peer.offer(formats, Gathering::Complete);
        let offer = told.recv_timeout(Duration::from_secs(5));
        assert!(matches!(offer, Ok(PeerEvent::Offer(_))), "{offer:?}");
        let media = ChainSettings {
            bitrate: 1_000_000,
            max_width: 0,
            max_height: 0,
            encoder_setup: &|_| false,
        };
        // Dropped, it waits until webrtcbin has done with the answer.
        peer.accept(&answer, media).is_ok()
    });
}

#[test]
fn relays() {
    gst::init().expect("GStreamer");
    let certificate = Arc::new(Certificate::generate().expect("a certificate"));
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
        let Ok(created) = serde_json::from_str::<StreamCreated>(&text) else {
            return false;
        };
        let servers = ice_servers::from_response(&created.turn_servers.unwrap_or_default());
        if servers.is_empty() {
            return true;
        }
        // What we make of them is what we would take from a person.
        let taken = ice_servers::turn_servers(&gst::Array::new(&servers), &url());
        assert_eq!(taken.expect("addresses"), servers);
        // It reads them at once, and uses them once it starts: never here.
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

#[test]
fn schemas() {
    gst::init().expect("GStreamer");
    let file = std::env::temp_dir().join(format!("overshoot-schema-{}", std::process::id()));
    let settings = |text: Option<String>, path: Option<String>| Settings {
        api_key: Some(Secret::new("key")),
        api_url: Some(url().into()),
        output_schema: text,
        output_schema_location: path,
        ..Settings::default()
    };
    fuzz("schema", JSON, |input| {
        std::fs::write(&file, input).expect("a file can be written");
        let path = file.to_str().map(str::to_owned);
        let read = settings(None, path).plan("What?");
        let Ok(text) = String::from_utf8(input.to_vec()) else {
            assert!(read.is_err());
            return false;
        };
        let set = settings(Some(text), None).plan("What?");
        let schema = |plan: &super::config::plan::Plan| {
            let request = plan.request(None).expect("it was checked");
            request.output_schema.expect("it is set")
        };
        match (read, set) {
            (Ok(read), Ok(set)) => {
                let (read, set) = (schema(&read), schema(&set));
                assert!(set.value().is_object());
                assert_eq!(read.value(), set.value());
                for answer in ["{}", "{\"a\": [1, \"b\", null]}", "3", "{"] {
                    assert_eq!(read.error_in(answer), set.error_in(answer));
                }
                true
            }
            (Err(_), Err(_)) => false,
            (read, set) => panic!("{read:?}, {set:?}"),
        }
    });
    std::fs::remove_file(&file).expect("it was written");
}

#[test]
fn codec_data() {
    fuzz("codec-data", &["\0", "\u{1}", "\u{0}\u{0}\u{3}"], |input| {
        let record = AvcConfig::parse(input);
        if let Some(record) = &record {
            assert!((1..=4).contains(&record.length_size));
            assert_eq!(record.profile_level_id.len(), 6);
        }
        record.is_some()
    });
}

#[test]
fn access_units() {
    fuzz(
        "access-unit",
        &["\0", "\u{1}", "\u{0}\u{0}\u{3}", "\u{0}\u{0}\u{0}\u{1}"],
        |input| {
            let Some((length_size, unit)) = input.split_first() else {
                return false;
            };
            h264::has_b_slice(unit, usize::from(length_size % 4) + 1)
        },
    );
}

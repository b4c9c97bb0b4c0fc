// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The requests of a v0.2 session: their bodies, the cookie, the renewals of the lease, feedback.

use std::time::Duration;

use super::line;
use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, SocketMessage, Times};
use serde_json::{Value, json};

/// Sends a WebSocket handshake without the cookie, and returns the start of the response.
fn handshake_without_cookie(service: &Service, id: &str) -> String {
    use std::io::{Read, Write};
    let host = service
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/v0.2");
    let mut connection = std::net::TcpStream::connect(host).expect("connected");
    write!(
        connection,
        "GET /v0.2/ws/streams/{id} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .expect("sent");
    let mut response = [0; 64];
    let length = connection.read(&mut response).expect("answered");
    String::from_utf8_lossy(&response[..length]).into_owned()
}

/// Streams with these properties, and returns the body of the create request without its `source`.
fn create_body(properties: &str) -> Value {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(properties));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.stop();
    service.assert_all_deleted();
    let seen = service.control.snapshot();
    let mut body = seen.requests[0].body.clone().expect("a body");
    let source = body["source"].take();
    assert_eq!(source["type"], "webrtc");
    let sdp = source["sdp"].as_str().expect("an offer");
    for part in [
        "VP8/90000",
        "H264/90000",
        "a=sendonly",
        "a=candidate:",
        "a=ssrc:",
    ] {
        assert!(sdp.contains(part), "{part} is not in {sdp}");
    }
    body.as_object_mut().expect("an object").remove("source");
    body
}

#[test]
fn the_defaults_are_the_documented_ones() {
    assert_eq!(
        create_body(""),
        json!({
            "mode": "clip",
            "processing": {"fps": 30, "sampling_ratio": 1.0, "clip_length_seconds": 0.2, "delay_seconds": 0.2},
            "inference": {"prompt": "What do you see?", "backend": "overshoot", "model": "Qwen/Qwen3-VL-30B-A3B-Instruct"},
        })
    );
}

#[test]
fn properties_reach_the_service() {
    let body =
        create_body("target-fps=6 clip-length-seconds=0.5 delay-seconds=1.5 max-output-tokens=50");
    let processing = json!({"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 1.5});
    assert_eq!(body["processing"], processing);
    assert_eq!(body["inference"]["max_output_tokens"], 50);
    let body = create_body("interval-seconds=0.5 backend=gemini prompt=Look");
    assert_eq!(body["mode"], "frame");
    assert_eq!(body["processing"], json!({"interval_seconds": 0.5}));
    assert_eq!(body["inference"]["backend"], "gemini");
    assert_eq!(body["inference"]["prompt"], "Look");
    let body = create_body("fps=60 sampling-ratio=0.5 clip-length-seconds=1.0 delay-seconds=0.3");
    assert_eq!(body["processing"]["fps"], 60);
    assert_eq!(body["processing"]["sampling_ratio"], 0.5);
}

#[test]
fn the_sdp_answer_decides_the_codec() {
    use overshoot_emulator::Codec;
    for codec in [Codec::Vp8, Codec::H264] {
        let service = Service::with(|config| config.codecs = vec![codec]);
        let pipeline = Pipeline::new(&service, &line(""));
        pipeline.play();
        let seen = service.wait("frames", |seen| {
            seen.streams.first().is_some_and(|s| s.frames.len() > 30)
        });
        assert_eq!(seen.streams[0].codec, Some(codec));
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn every_request_sends_the_newest_cookie() {
    // The emulator changes the cookie with each renewal and each socket. It responds with 404 to a request without
    // the newest cookie. Its host is 127.0.0.1, for which the cookie jar of the Python SDK stores no cookie.
    let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    service.wait("two renewals", |seen| {
        seen.streams.first().is_some_and(|s| s.keepalives >= 2)
    });
    pipeline.sink.set_property("prompt", "And now?");
    pipeline.wait_for_element("overshoot-prompt", Duration::from_secs(5));
    let id = service.stream().id;
    service.control.send_on_socket(&id, SocketMessage::Reset);
    service.wait("another socket", |seen| {
        seen.streams[0].socket_connections >= 2
    });
    // This shows that the gateway needs the cookie: a handshake without it does not find the stream.
    let response = handshake_without_cookie(&service, &id);
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    pipeline.stop();
    service.assert_all_deleted();
    let seen = service.control.snapshot();
    let mut cookies = Vec::new();
    let (without_cookie, from_element): (Vec<_>, Vec<_>) = seen
        .requests
        .iter()
        .partition(|request| request.call == Call::Socket && request.cookie.is_none());
    assert_eq!(without_cookie.len(), 1, "only the handshake above");
    for request in from_element {
        assert!(request.status < 300, "{request:?}");
        let is_first = request.call == Call::Create;
        assert_eq!(request.cookie.is_none(), is_first, "{request:?}");
        if request.call == Call::Keepalive {
            cookies.extend(request.cookie.clone());
        }
    }
    cookies.sort();
    cookies.dedup();
    assert!(cookies.len() >= 2, "the cookie never changed: {cookies:?}");
}

#[test]
fn a_gateway_that_lost_the_stream_causes_a_new_stream() {
    // The gateway forgets the route to the stream. To the client this looks like a lost cookie.
    let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    service
        .control
        .inject(Call::Keepalive, Fault::status(404), Times::Once);
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert!(failure.is(gst::ResourceError::NotFound), "{failure:?}");
    assert_eq!(failure.detail::<&str>("stage"), Some("keepalive"));
    assert_eq!(failure.detail::<u32>("status-code"), Some(404));
    // A new stream replaces it.
    service.wait("frames of a new stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].frames.is_empty()
    });
    assert!(pipeline.states().contains(&"reconnecting".to_owned()));
}

#[test]
fn the_lease_is_renewed_at_half_its_time_and_a_failed_renewal_is_repeated() {
    let service = Service::with(|config| {
        config.lease_ttl = Duration::from_secs(4);
        config.credits_cents = Some(100.0);
    });
    service
        .control
        .inject(Call::Keepalive, Fault::status(503), Times::Once);
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    let seen = service.wait("renewals", |seen| {
        seen.streams.first().is_some_and(|s| s.keepalives >= 2)
    });
    let created = seen.streams[0].created;
    let times: Vec<f64> = seen
        .calls(Call::Keepalive)
        .map(|request| (request.at - created).as_secs_f64())
        .collect();
    assert!((times[0] - 2.0).abs() < 0.3, "{times:?}");
    assert!(
        times[1] < 4.0,
        "the second try comes before the lease ends: {times:?}"
    );
    assert!(seen.streams[0].ended.is_none());
    let credits = pipeline.wait_for_element("overshoot-credits", Duration::from_secs(5));
    let left = credits
        .get::<f64>("credits-remaining-cents")
        .expect("credits");
    assert!(left > 90.0 && left < 100.0, "{credits}");
    // A renewal that succeeds in time causes no message.
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn feedback_reaches_the_service() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let arguments: [&dyn ToValue; 3] = [&5i32, &"accuracy", &"spot on"];
    assert!(
        pipeline
            .sink
            .emit_by_name::<bool>("submit-feedback", &arguments)
    );
    let seen = service.wait("the feedback", |seen| {
        seen.calls(Call::Feedback).next().is_some()
    });
    let request = seen
        .calls(Call::Feedback)
        .next()
        .expect("it is there")
        .clone();
    let body = json!({"rating": 5, "category": "accuracy", "feedback": "spot on"});
    assert_eq!(request.body, Some(body));
    pipeline.stop();
    assert!(
        !pipeline
            .sink
            .emit_by_name::<bool>("submit-feedback", &arguments)
    );
}

#[test]
fn a_cookie_that_is_not_sent_is_named_and_streams_are_not_made_for_ever() {
    // The results socket is not below this path, so the gateway does not find the stream for it.
    let service = Service::with(|config| {
        config.cookie_attributes = "Path=/v0.2/streams".to_owned();
    });
    let pipeline = Pipeline::new(&service, &line("on-error=warn"));
    pipeline.play();
    pipeline.wait_for_state("closed", Duration::from_secs(20));
    let failures = pipeline.failures();
    let last = failures.last().expect("a warning");
    for words in [
        "The cookie media-gateway-route was not sent, because its Path is /v0.2/streams",
        "The last 4 streams were lost like this",
    ] {
        assert!(last.text.contains(words), "{}", last.text);
    }
    assert!(failures.iter().all(|failure| !failure.fatal));
    assert_eq!(service.control.snapshot().streams.len(), 4);
    pipeline.stop();
    service.assert_all_deleted();
}

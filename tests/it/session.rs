//! The v0.2 session: what is sent, cookies, lease, prompts, the end.

use std::time::{Duration, Instant};

use crate::common::{KEY, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times, TurnServer};
use serde_json::{Value, json};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

fn line(properties: &str) -> String {
    format!("{LIVE} ! overshootsink name=o {properties}")
}

/// What a client without a cookie jar is told.
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
    let mut answer = [0; 64];
    let length = connection.read(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// Plays until there is an answer and gives the body of the creation.
fn body_of(properties: &str) -> Value {
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
        body_of(""),
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
        body_of("target-fps=6 clip-length-seconds=0.5 delay-seconds=1.5 max-output-tokens=50");
    let processing = json!({"target_fps": 6, "clip_length_seconds": 0.5, "delay_seconds": 1.5});
    assert_eq!(body["processing"], processing);
    assert_eq!(body["inference"]["max_output_tokens"], 50);
    let body = body_of("interval-seconds=0.5 backend=gemini prompt=Look");
    assert_eq!(body["mode"], "frame");
    assert_eq!(body["processing"], json!({"interval_seconds": 0.5}));
    assert_eq!(body["inference"]["backend"], "gemini");
    assert_eq!(body["inference"]["prompt"], "Look");
    let body = body_of("fps=60 sampling-ratio=0.5 clip-length-seconds=1.0 delay-seconds=0.3");
    assert_eq!(body["processing"]["fps"], 60);
    assert_eq!(body["processing"]["sampling_ratio"], 0.5);
}

#[test]
fn the_answer_decides_the_codec() {
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
fn the_cookie_comes_along_everywhere_and_stays_fresh() {
    // The emulator changes the cookie with each renewal and each socket, and answers 404 without
    // the newest. Its host is 127.0.0.1, where the Python SDK's jar keeps no cookie.
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
    // The gateway is as strict as that: a handshake without the cookie does not find the stream.
    let refused = handshake_without_cookie(&service, &id);
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    pipeline.stop();
    service.assert_all_deleted();
    let seen = service.control.snapshot();
    let mut cookies = Vec::new();
    let (bare, own): (Vec<_>, Vec<_>) = seen
        .requests
        .iter()
        .partition(|request| request.call == Call::Socket && request.cookie.is_none());
    assert_eq!(bare.len(), 1, "only the handshake above");
    for request in own {
        assert!(request.status < 300, "{request:?}");
        let first = request.call == Call::Create;
        assert_eq!(request.cookie.is_none(), first, "{request:?}");
        if request.call == Call::Keepalive {
            cookies.extend(request.cookie.clone());
        }
    }
    cookies.sort();
    cookies.dedup();
    assert!(cookies.len() >= 2, "the cookie never changed: {cookies:?}");
}

#[test]
fn a_gateway_that_lost_the_stream_is_found_out() {
    // The other way: the gateway forgets the route, which looks like a lost cookie.
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
    // A new stream takes its place.
    service.wait("frames of a new stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].frames.is_empty()
    });
    assert!(pipeline.states().contains(&"reconnecting".to_owned()));
}

#[test]
fn the_lease_is_renewed_at_half_its_time_and_tried_again() {
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
    // What was mended in time is nobody's trouble.
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn prompts_change_in_order_and_the_last_one_wins() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("prompt=first"));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    // The first change is slow; of those that come meanwhile only the last is needed.
    let slow = Fault::Delay(Duration::from_millis(500));
    service.control.inject(Call::Prompt, slow, Times::Once);
    for prompt in ["second", "third", "fourth", "last"] {
        pipeline.sink.set_property("prompt", prompt);
    }
    pipeline.wait_for("the confirmation", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        let confirmed = structure.name() == "overshoot-prompt";
        (confirmed && structure.get("prompt") == Ok("last")).then_some(())
    });
    let prompts = service.stream().prompts;
    assert_eq!(prompts.first().map(String::as_str), Some("first"));
    assert_eq!(prompts.last().map(String::as_str), Some("last"));
    assert!(prompts.len() <= 3, "{prompts:?}");
    let confirmed: Vec<String> = pipeline
        .element_messages("overshoot-prompt")
        .iter()
        .map(|posted| posted.structure.get("prompt").expect("a prompt"))
        .collect();
    assert_eq!(confirmed, prompts[1..]);
    pipeline.wait_for("an answer to it", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        let answer = structure.name() == "overshoot-result";
        (answer && structure.get("prompt") == Ok("last")).then_some(())
    });
}

#[test]
fn a_prompt_that_is_changed_while_connecting_is_not_lost() {
    let service = Service::start();
    let slow = Fault::Delay(Duration::from_millis(500));
    service.control.inject(Call::Create, slow, Times::Once);
    let pipeline = Pipeline::new(&service, &line("prompt=early"));
    pipeline.play();
    service.wait("the creation", |seen| !seen.requests.is_empty());
    pipeline.sink.set_property("prompt", "late");
    pipeline.wait_for_element("overshoot-prompt", Duration::from_secs(10));
    assert_eq!(service.stream().prompts, ["early", "late"]);
}

#[test]
fn a_refused_prompt_leaves_the_old_one() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("prompt=good"));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.sink.set_property("prompt", "");
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert!(failure.is(gst::ResourceError::Settings), "{failure:?}");
    assert_eq!(failure.detail::<&str>("stage"), Some("prompt"));
    assert_eq!(service.stream().prompts, ["good"]);
    assert!(service.stream().ended.is_none());
}

#[test]
fn a_lost_socket_is_replaced_within_the_stream() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.1"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    for end in [
        SocketMessage::Reset,
        SocketMessage::Close {
            code: 1011,
            reason: "oops".into(),
        },
        SocketMessage::Close {
            code: 1001,
            reason: "going away".into(),
        },
    ] {
        let (sockets, answers) = (
            service.stream().socket_connections,
            pipeline.results().len(),
        );
        assert!(service.control.send_on_socket(&id, end));
        service.wait("the next socket", |seen| {
            seen.streams[0].socket_connections > sockets
        });
        pipeline.wait_for("the next answer", Duration::from_secs(5), |_| {
            (pipeline.results().len() > answers + 2).then_some(())
        });
    }
    assert_eq!(service.control.snapshot().streams.len(), 1);
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn turn_servers_of_the_response_are_tried_after_a_failed_connection() {
    let service = Service::with(|config| {
        config.turn_servers = vec![TurnServer {
            urls: vec!["turn:127.0.0.1:9?transport=udp".into()],
            username: "someone".into(),
            credential: "turn-password".into(),
        }];
    });
    service
        .control
        .inject(Call::Create, Fault::DeafMedia, Times::Once);
    let pipeline = Pipeline::new(&service, &line("timeout=2000000000"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(10));
    assert_eq!(failure.detail::<&str>("stage"), Some("connect"));
    let seen = service.wait("the second stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].frames.is_empty()
    });
    assert_eq!(
        seen.streams[0].ended.map(|e| e.1),
        Some(EndReason::ClientRequested)
    );
}

#[test]
fn a_stream_that_the_server_ends_is_replaced() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .end_stream(&service.stream().id, EndReason::LeaseExpired);
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert_eq!(failure.detail::<&str>("kind"), Some("stream-ended"));
    assert!(failure.text.contains("lease_expired"), "{failure:?}");
    service.wait("a new stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].answers.is_empty()
    });
    pipeline.stop();
    let end = service.control.snapshot().streams[1].ended.map(|e| e.1);
    assert_eq!(end, Some(EndReason::ClientRequested));
}

#[test]
fn reconnects_can_be_forbidden() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("reconnect=false"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .end_stream(&service.stream().id, EndReason::LeaseExpired);
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(gst::ResourceError::Write), "{failure:?}");
    assert_eq!(failure.detail::<bool>("retryable"), Some(true));
}

#[test]
fn stopping_deletes_the_stream_before_it_returns() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    let took = pipeline.stop();
    println!("stopping took {took:?}");
    service.assert_all_deleted();
    assert!(took < Duration::from_secs(1), "{took:?}");
    // The same element starts again.
    pipeline.play();
    service.wait("a second stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].frames.is_empty()
    });
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn stopping_is_bounded_whatever_the_server_does() {
    for (call, fault) in [
        (Call::Create, Fault::Hang),
        (Call::Delete, Fault::Hang),
        (Call::Socket, Fault::Hang),
        (Call::Keepalive, Fault::Hang),
        (Call::Delete, Fault::Reset),
    ] {
        let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
        service.control.inject(call, fault.clone(), Times::Always);
        let pipeline = Pipeline::new(&service, &line(""));
        pipeline.play();
        service.wait("the call", |seen| {
            call == Call::Delete && seen.streams.first().is_some_and(|s| !s.frames.is_empty())
                || seen.calls(call).next().is_some()
        });
        let start = Instant::now();
        pipeline.stop();
        let took = start.elapsed();
        println!("{call:?} {fault:?}: stopping took {took:?}");
        assert!(took < Duration::from_secs(3), "{call:?}: {took:?}");
        if call == Call::Delete {
            let failures = pipeline.failures();
            assert!(
                failures
                    .iter()
                    .any(|f| f.detail::<&str>("stage") == Some("delete")),
                "{failures:?}"
            );
        }
    }
}

#[test]
fn a_creation_that_is_under_way_when_stopping_is_deleted() {
    let service = Service::start();
    let slow = Fault::Delay(Duration::from_millis(400));
    service.control.inject(Call::Create, slow, Times::Always);
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    service.wait("the creation", |seen| !seen.requests.is_empty());
    pipeline.stop();
    assert_eq!(service.control.snapshot().streams.len(), 1);
    service.assert_all_deleted();
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
fn a_network_that_is_cut_brings_a_new_stream() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    // Silence alone tells: the lease would live on, and the socket is there.
    assert!(
        service
            .control
            .cut_media(&service.stream().id, Duration::from_secs(60))
    );
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(20));
    println!("{}", failure.text);
    assert_eq!(failure.detail::<bool>("retryable"), Some(true));
    service.wait("answers of a new stream", |seen| {
        seen.streams.len() == 2 && seen.streams[1].answers.len() > 2
    });
    pipeline.stop();
    let end = service.control.snapshot().streams[1].ended.map(|e| e.1);
    assert_eq!(end, Some(EndReason::ClientRequested));
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Error responses, invalid responses and failed connections: each becomes one ERROR with the right code, details and
//! advice.

use std::time::{Duration, Instant};

use super::LIVE;
use crate::common::{KEY, Pipeline, Service};
use gst::ResourceError;
use overshoot_emulator::{Call, EndReason, Fault, Times};

#[test]
fn the_error_of_a_rejected_creation_names_the_remedy() {
    for (status, code, kind, retryable, advice) in [
        (
            400,
            ResourceError::Settings,
            "invalid-settings",
            false,
            "refused the request",
        ),
        (
            401,
            ResourceError::NotAuthorized,
            "not-authorized",
            false,
            "api-key",
        ),
        (
            402,
            ResourceError::NoSpaceLeft,
            "out-of-credits",
            false,
            "top it up",
        ),
        (
            403,
            ResourceError::NotAuthorized,
            "not-authorized",
            false,
            "api-key",
        ),
        (404, ResourceError::NotFound, "not-found", false, "api-url"),
        (
            422,
            ResourceError::Settings,
            "invalid-settings",
            false,
            "injected fault 422",
        ),
        (429, ResourceError::Busy, "busy", true, "try again later"),
        (500, ResourceError::OpenWrite, "server", true, "500"),
        (
            302,
            ResourceError::OpenWrite,
            "protocol",
            false,
            "redirects",
        ),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, Fault::status(status), Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(failure.is(code), "{status}: {failure:?}");
        assert_eq!(failure.detail::<&str>("kind"), Some(kind), "{status}");
        assert_eq!(
            failure.detail::<u32>("status-code"),
            Some(u32::from(status))
        );
        assert_eq!(
            failure.detail::<&str>("request-id"),
            Some("req_injected"),
            "{status}"
        );
        assert_eq!(failure.detail::<&str>("stage"), Some("create"));
        assert_eq!(
            failure.detail::<bool>("retryable"),
            Some(retryable),
            "{status}"
        );
        assert!(failure.text.contains(advice), "{status}: {}", failure.text);
        let seen = service.control.snapshot();
        let creations = seen.calls(Call::Create).count();
        assert_eq!(creations, 1, "{status}: the creation is not repeated");
        // One more request is allowed: the list of models may explain the error.
        assert!(seen.requests.len() <= 2, "{status}");
    }
}

#[test]
fn invalid_responses_are_explained() {
    let body = |content_type: &str, body: &str| Fault::Status {
        code: 200,
        headers: Vec::new(),
        body: body.to_owned(),
        content_type: content_type.to_owned(),
    };
    for (fault, kind, advice) in [
        (
            body("text/html", "<html>hello</html>"),
            "protocol",
            "api-url",
        ),
        (body("application/json", ""), "protocol", "api-url"),
        (
            body("application/json", "{\"stream_id\": 7}"),
            "protocol",
            "api-url",
        ),
        (
            body("application/json", "{\"stream_id\": \"\"}"),
            "protocol",
            "api-url",
        ),
        (
            body("application/json", "{\"stream_id\": \"x\"}"),
            "protocol",
            "WebRTC answer",
        ),
        (Fault::AnswerWithoutVideo, "protocol", "refuses the video"),
        (Fault::GarbageSdp, "protocol", "no video"),
        (Fault::Reset, "network", "api-url"),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, fault.clone(), Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(
            failure.is(ResourceError::OpenWrite),
            "{fault:?}: {failure:?}"
        );
        assert_eq!(
            failure.detail::<&str>("kind"),
            Some(kind),
            "{fault:?}: {failure:?}"
        );
        assert!(failure.text.contains(advice), "{fault:?}: {}", failure.text);
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn failed_connections_take_a_bounded_time_and_are_explained() {
    for (fault, timeout) in [
        (Fault::DeafMedia, Duration::from_secs(4)),
        (Fault::WrongFingerprint, Duration::from_secs(4)),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, fault.clone(), Times::Always);
        let pipeline = Pipeline::new(
            &service,
            &format!("{LIVE} ! overshootsink name=o transport=webrtc timeout=2000000000"),
        );
        pipeline.play();
        let start = Instant::now();
        let failure = pipeline.wait_for_failure(true, timeout);
        println!("{fault:?}: {} after {:?}", failure.text, start.elapsed());
        assert!(failure.is(ResourceError::OpenWrite), "{failure:?}");
        assert_eq!(failure.detail::<&str>("stage"), Some("connect"));
        assert_eq!(failure.detail::<&str>("kind"), Some("media"));
        pipeline.stop();
        service.assert_all_deleted();
    }
    // An address without a server, and then a server that accepts the connection and never responds.
    let pipeline = Pipeline::at(
        "http://127.0.0.1:1/v0.2",
        &format!("{LIVE} ! overshootsink name=o timeout=2000000000"),
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::OpenWrite), "{failure:?}");
    assert_eq!(failure.detail::<&str>("kind"), Some("network"));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v0.2", silent.local_addr().expect("bound"));
    let line = format!("{LIVE} ! overshootsink name=o timeout=1000000000");
    let pipeline = Pipeline::at(&url, &line);
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(4));
    assert_eq!(
        failure.detail::<&str>("kind"),
        Some("timeout"),
        "{failure:?}"
    );
}

#[test]
fn a_key_that_the_socket_rejects_is_a_final_error() {
    let service = Service::start();
    service
        .control
        .inject(Call::Socket, Fault::RefuseKey, Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    assert_eq!(failure.detail::<u32>("status-code"), Some(1008));
    pipeline.stop();
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn running_out_of_credits_is_a_final_error() {
    let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .inject(Call::Keepalive, Fault::status(402), Times::Always);
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NoSpaceLeft), "{failure:?}");
    assert_eq!(service.control.snapshot().calls(Call::Keepalive).count(), 1);

    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .end_stream(&service.stream().id, EndReason::InsufficientCredits);
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NoSpaceLeft), "{failure:?}");
}

#[test]
fn no_message_contains_the_key() {
    for status in [400, 401, 422, 500] {
        let service = Service::start();
        let echo = Fault::Status {
            code: status,
            headers: Vec::new(),
            // The server repeats what the client sent.
            body: format!(r#"{{"message": "Bearer {KEY} is no good", "request_id": "{KEY}"}}"#),
            content_type: "application/json".to_owned(),
        };
        service.control.inject(Call::Create, echo, Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(!format!("{failure:?}").contains(KEY), "{failure:?}");
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Lost sockets, lost connections and ended streams, and what replaces them.

use std::time::Duration;

use super::line;
use crate::common::{Pipeline, Service};
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times, TurnServer};

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
fn reconnect_false_makes_a_lost_stream_an_error() {
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
fn a_cut_network_causes_a_new_stream() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line(""));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    // Only the silence shows the cut: the lease is valid, and the socket is open.
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

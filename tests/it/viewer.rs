// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action `viewer` gets a token with which somebody can watch the stream.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

use crate::common::{Pipeline, Service};

const WAIT_TIMEOUT: Duration = Duration::from_secs(15);
const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 \
    ! overshootsink name=o interval-seconds=1";

#[test]
fn a_token_comes_by_a_signal() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, LIVE);
    let viewer = || pipeline.sink.emit_by_name::<bool>("viewer", &[]);
    assert!(!viewer());
    let (sender, tokens) = mpsc::channel();
    pipeline.sink.connect("viewer-ready", false, move |values| {
        let text = |n: usize| values[n].get::<String>().expect("a text");
        let _ = sender.send((text(1), text(2), values[3].get::<u64>().expect("a number")));
        None
    });
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    assert!(viewer());
    let (url, token, seconds) = tokens.recv_timeout(WAIT_TIMEOUT).expect("a token");
    assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
    assert_eq!((token.split('.').count(), seconds), (3, 300));
    // GStreamer writes messages to its log.
    for (_, message) in pipeline.messages() {
        assert!(!format!("{message:?}").contains(&token), "{message:?}");
    }
    // A refusal comes in the service's words.
    service
        .control
        .inject(Call::ViewerToken, Fault::status(403), Times::Once);
    assert!(viewer());
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    assert_eq!(failure.detail::<&str>("stage"), Some("viewer"));
    assert!(failure.text.contains("injected fault 403"), "{failure:?}");
    // The stream lives on.
    assert!(viewer());
    tokens.recv_timeout(WAIT_TIMEOUT).expect("a token");
    pipeline.stop();
    service.assert_all_deleted();
}

/// On API v0.2 only streams in a room of the service can be watched.
#[test]
fn a_stream_of_v02_can_be_watched_in_a_room() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} transport=livekit"));
    let (sender, tokens) = mpsc::channel();
    pipeline.sink.connect("viewer-ready", false, move |values| {
        let _ = sender.send(values[2].get::<String>().expect("a text"));
        None
    });
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    assert!(pipeline.sink.emit_by_name::<bool>("viewer", &[]));
    let token = tokens.recv_timeout(WAIT_TIMEOUT).expect("a token");
    assert_eq!(token.split('.').count(), 3);
    pipeline.stop();

    let pipeline = Pipeline::new(&service, LIVE);
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    assert!(pipeline.sink.emit_by_name::<bool>("viewer", &[]));
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    let text = "only streams in a room of the service can be watched";
    assert!(failure.text.contains(text), "{failure:?}");
    pipeline.stop();
    service.assert_all_deleted();
}

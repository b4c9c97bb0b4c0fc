// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Lost signalling connections, servers that restart, and connections that the server rejects.

use std::time::{Duration, Instant};

use super::{FRAMES_PER_SECOND, WAIT_TIMEOUT, line, service_outside_rooms};
use crate::common::livekit::Livekit;
use crate::common::{Pipeline, Proxy};

#[test]
fn a_restarted_server_is_joined_again_with_the_newest_token() {
    let Some(mut livekit) = Livekit::start() else {
        return;
    };
    let service = service_outside_rooms();
    let watcher = livekit.watch();
    // This token expires after 4 s. The server sends one that is valid for longer.
    let token = livekit.token_with("camera", 4, &[]);
    let joined = Instant::now();
    let pipeline = Pipeline::new(
        &service,
        &line(&format!(
            "livekit-url={} livekit-token={token}",
            livekit.url()
        )),
    );
    pipeline.play();
    watcher.wait_for_frames("camera", FRAMES_PER_SECOND, WAIT_TIMEOUT);
    livekit.kill();
    let expired = joined + Duration::from_secs(6);
    std::thread::sleep(expired.saturating_duration_since(Instant::now()));
    livekit.run();
    let restarted = Instant::now();
    watcher.wait_for_frames("camera", 2 * FRAMES_PER_SECOND, Duration::from_secs(40));
    println!("video again {:?} after the restart", restarted.elapsed());
    let failures = pipeline.failures();
    assert!(
        failures.iter().all(|failure| !failure.fatal),
        "{failures:?}"
    );
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_lost_signalling_connection_is_resumed() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for older_protocol in [false, true] {
        let service = service_outside_rooms();
        let proxy = Proxy::new(
            &livekit.address,
            older_protocol.then_some(b"GET /rtc/v1".as_slice()),
        );
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let watcher = livekit.watch();
        let token = livekit.token("camera");
        let pipeline = Pipeline::new(
            &service,
            &line(&format!("livekit-url={url} livekit-token={token}")),
        );
        pipeline.play();
        watcher.wait_for_frames("camera", FRAMES_PER_SECOND, WAIT_TIMEOUT);
        proxy.close_websocket();
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while proxy.websockets() < 2 {
            assert!(Instant::now() < deadline, "not resumed");
            std::thread::sleep(Duration::from_millis(10));
        }
        // This is longer than the server needs to notice a lost participant.
        let log =
            watcher.wait_for_frames("camera", 10 * FRAMES_PER_SECOND, Duration::from_secs(14));
        let frames: Vec<_> = log.frames_of("camera").collect();
        let gap = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        println!("older protocol {older_protocol}: the longest gap is {gap:?}");
        assert!(gap < Some(Duration::from_secs(1)), "{gap:?}");
        assert_eq!(service.control.snapshot().streams.len(), 1);
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.stop();
    }
}

#[test]
fn rejected_connections_name_the_property_to_change() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let expired = livekit.token_with("camera", -60, &[]);
    let without_publish = livekit.token_with("camera", 3600, &["canPublish=false"]);
    // Nobody listens there.
    let unused_url = "ws://127.0.0.1:1".to_owned();
    for (url, token, error, advice) in [
        (
            &livekit.url(),
            &expired,
            gst::ResourceError::NotAuthorized,
            "expired",
        ),
        (
            &livekit.url(),
            &without_publish,
            gst::ResourceError::NotAuthorized,
            "canPublish",
        ),
        (
            &unused_url,
            &without_publish,
            gst::ResourceError::OpenWrite,
            "livekit-url",
        ),
    ] {
        let service = service_outside_rooms();
        let pipeline = Pipeline::new(
            &service,
            // A server that can't be reached may be starting: it is tried for as long as this.
            &line(&format!(
                "livekit-url={url} livekit-token={token} timeout=4000000000"
            )),
        );
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
        assert!(failure.is(error), "{failure:?}");
        assert_eq!(failure.detail::<&str>("stage"), Some("room"), "{failure:?}");
        assert!(failure.text.contains(advice), "{failure:?}");
        assert!(!failure.text.contains(token.as_str()), "{failure:?}");
        pipeline.stop();
        service.assert_all_deleted();
    }
}

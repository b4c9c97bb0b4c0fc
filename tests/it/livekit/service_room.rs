// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Rooms together with the service: its own rooms, the fallback to a room, and a service that joins the user's room.

use std::time::Duration;

use super::{FRAMES_PER_SECOND, WAIT_TIMEOUT, line, service_outside_rooms};
use crate::common::livekit::Livekit;
use crate::common::{Pipeline, Service};
use overshoot_emulator::{Call, Fault, Source, Times};

/// An emulator that makes its rooms on this LiveKit server, or has rooms of its own.
fn service_with_rooms(livekit: Option<&Livekit>) -> Service {
    Service::with(|config| config.livekit = livekit.map(Livekit::server))
}

#[test]
fn the_services_own_room_is_used_and_left() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for server in [None, Some(&livekit)] {
        let service = service_with_rooms(server);
        let pipeline = Pipeline::new(&service, &line("transport=livekit interval-seconds=1"));
        pipeline.play();
        service.wait("pictures and answers", |seen| {
            let stream = seen.streams.first();
            stream.is_some_and(|s| s.frames.len() > 2 * FRAMES_PER_SECOND && s.answers.len() > 1)
        });
        let elapsed = pipeline.stop();
        println!("stopped in {elapsed:?}");
        assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        service.assert_all_deleted();
    }
}

#[test]
fn the_services_room_is_used_if_no_direct_connection_is_possible() {
    let service = service_with_rooms(None);
    service
        .control
        .inject(Call::Create, Fault::DeafMedia, Times::Always);
    let pipeline = Pipeline::new(&service, &line("timeout=3000000000 interval-seconds=1"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(!failures[0].fatal, "{failures:?}");
    assert!(failures[0].text.contains("LiveKit"), "{failures:?}");
    let seen = service.control.snapshot();
    let sources: Vec<_> = seen.streams.iter().map(|s| s.source).collect();
    assert_eq!(sources, [Source::Webrtc, Source::Livekit]);
    pipeline.stop();
    service.assert_all_deleted();
}

/// Two participants need two identities and therefore two tokens.
#[test]
fn the_service_joins_the_users_own_room() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let service = Service::start();
    let (camera_token, service_token) = (livekit.token("camera"), livekit.token("service"));
    let properties = format!(
        "interval-seconds=1 livekit-url={} livekit-token={camera_token},{service_token}",
        livekit.url()
    );
    let pipeline = Pipeline::new(&service, &line(&properties));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let seen = service.control.snapshot();
    let create = seen.calls(Call::Create).next().expect("it is there");
    assert_eq!(create.status, 201);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn without_rooms_the_error_of_the_direct_connection_is_reported() {
    let service = service_outside_rooms();
    let control = &service.control;
    control.inject(Call::Create, Fault::DeafMedia, Times::Once);
    control.inject(Call::Create, Fault::status(422), Times::Always);
    let pipeline = Pipeline::new(&service, &line("timeout=3000000000"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
    assert_eq!(
        failure.detail::<&str>("stage"),
        Some("connect"),
        "{failure:?}"
    );
    assert_eq!(failure.detail::<&str>("kind"), Some("media"), "{failure:?}");
    assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

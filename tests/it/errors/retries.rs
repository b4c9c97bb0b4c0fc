// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The first connection while the service restarts or something on the way answers in its place, and the pauses that
//! the service asks for.

use std::time::{Duration, Instant};

use super::LIVE;
use crate::common::{Pipeline, Service, unused_address};
use overshoot_emulator::{Call, Fault, Times};

const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// A pipeline whose errors are fatal.
fn play(url: &str, properties: &str) -> Pipeline {
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5 {properties}");
    let pipeline = Pipeline::at(url, &line);
    pipeline.play();
    pipeline
}

/// The response with this `retry-after` header.
fn asking_for(fault: Fault, retry_after: &str) -> Fault {
    match fault {
        Fault::Status {
            code,
            mut headers,
            body,
            content_type,
        } => {
            headers.push(("retry-after".to_owned(), retry_after.to_owned()));
            Fault::Status {
                code,
                headers,
                body,
                content_type,
            }
        }
        fault => fault,
    }
}

#[test]
fn the_first_connection_rides_out_a_restart() {
    let restart = || {
        [
            Fault::status(503),
            Fault::page(403),
            Fault::empty(404),
            asking_for(Fault::page(521), "0"),
        ]
    };
    for (api, call) in [
        ("v0.2", Call::Create),
        ("v1", Call::Models),
        ("v1", Call::Create),
    ] {
        let service = Service::of(api, |_| {});
        for fault in restart() {
            service.control.inject(call, fault, Times::Once);
        }
        // A short timeout makes short pauses.
        let pipeline = play(&service.url, "timeout=8000000000");
        pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        let failures = pipeline.failures();
        assert!(
            failures.iter().all(|failure| !failure.fatal),
            "{failures:?}"
        );
        // The element does not say "reconnecting" before it was connected.
        let states = pipeline.states();
        assert!(
            !states.iter().any(|state| state == "reconnecting"),
            "{states:?}"
        );
        let seen = service.control.snapshot();
        assert_eq!(seen.streams.len(), 1, "{api} {call}");
        assert_eq!(seen.calls(call).count(), 5, "{api} {call}");
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn the_first_connection_waits_for_a_service_that_starts_later() {
    for api in ["v0.2", "v1"] {
        let address = unused_address().to_string();
        let pipeline = play(&format!("http://{address}/{api}"), "");
        let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
        assert!(failure.text.contains("Trying again"), "{failure:?}");
        std::thread::sleep(Duration::from_millis(1500));
        let service = Service::on(&address, |_| {});
        pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        // The cause is reported once.
        assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn the_first_connection_fails_after_the_timeout_with_the_cause() {
    for (api, call, fault, kind) in [
        ("v0.2", Call::Create, Fault::empty(404), "not-found"),
        ("v0.2", Call::Create, Fault::page(403), "network"),
        ("v1", Call::Models, Fault::page(404), "not-found"),
        ("v1", Call::Create, Fault::page(403), "network"),
        ("v1", Call::Create, Fault::page(502), "server"),
    ] {
        let service = Service::of(api, |_| {});
        service.control.inject(call, fault, Times::Always);
        let start = Instant::now();
        let pipeline = play(&service.url, "timeout=2000000000");
        let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
        let elapsed = start.elapsed();
        assert!(
            elapsed >= Duration::from_millis(1500),
            "{elapsed:?} {failure:?}"
        );
        assert!(elapsed < Duration::from_secs(6), "{elapsed:?} {failure:?}");
        assert_eq!(failure.detail::<&str>("kind"), Some(kind), "{failure:?}");
        assert!(failure.text.starts_with("Something between"), "{failure:?}");
        assert_eq!(
            failure.text.contains("api-url"),
            kind != "server",
            "{failure:?}"
        );
        assert!(!failure.text.contains("api-key"), "{failure:?}");
        // A WARNING at once, then the ERROR. The source may add its own: its frames are refused then.
        let failures = pipeline.failures();
        let own = failures.iter().filter_map(|f| f.detail::<&str>("kind"));
        assert_eq!(own.count(), 2, "{failures:?}");
        let calls = service.control.snapshot().calls(call).count();
        assert!((2..=20).contains(&calls), "{calls}");
    }
}

#[test]
fn the_service_cannot_make_the_element_ask_without_pauses() {
    for (api, call, fault, kind) in [
        ("v0.2", Call::Create, Fault::status(429), "busy"),
        ("v0.2", Call::Create, Fault::page(503), "server"),
        ("v1", Call::Models, Fault::detail(429, "busy"), "busy"),
        ("v1", Call::Models, Fault::page(503), "server"),
        ("v1", Call::Create, Fault::detail(429, "busy"), "busy"),
    ] {
        let service = Service::of(api, |_| {});
        let fault = asking_for(fault, "0");
        service.control.inject(call, fault, Times::Always);
        let pipeline = play(&service.url, "on-error=warn");
        std::thread::sleep(Duration::from_secs(3));
        let calls = service.control.snapshot().calls(call).count();
        assert!((2..=8).contains(&calls), "{api} {call} {kind}: {calls}");
        let failures = pipeline.failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].detail::<&str>("kind"), Some(kind));
    }
}

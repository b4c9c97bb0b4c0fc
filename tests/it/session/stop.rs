// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! PLAYING to NULL: the stream is deleted, and the change takes a bounded time.

use std::time::{Duration, Instant};

use super::line;
use crate::common::{Pipeline, Service};
use overshoot_emulator::{Call, Fault, Times};

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
    // The same element can start again.
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
fn a_stream_that_is_created_while_stopping_is_deleted() {
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

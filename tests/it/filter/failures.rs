// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The video goes on at its full rate while the service refuses, hangs or is not there.

use std::time::Duration;

use gst::ResourceError;
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

use super::{LIVE, WAIT, assert_untouched, passed, record};
use crate::common::{Pipeline, Service};

/// Plays for two seconds, and asserts that every frame passed at once. Returns the pipeline, stopped.
fn plays_on(url: &str, properties: &str) -> Pipeline {
    let line = format!("{LIVE} ! overshootfilter name=o {properties} ! fakesink sync=true");
    let pipeline = Pipeline::at(url, &line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    std::thread::sleep(Duration::from_millis(2500));
    let stopped = pipeline.stop();
    assert!(stopped < Duration::from_millis(3500), "{stopped:?}");
    let (came, went) = (passed(&came), passed(&went));
    assert_untouched(&came, &went);
    // It takes some frames until the pipeline plays.
    assert!(
        went.len() >= 65,
        "{url} {properties}: {} frames",
        went.len()
    );
    let most = came.iter().zip(&went).map(|(a, b)| b.at - a.at).max();
    println!(
        "{url} {properties}: {} frames, at the most {most:?}",
        went.len()
    );
    assert!(pipeline.failures().iter().all(|failure| !failure.fatal));
    pipeline
}

fn with_fault(call: Call, fault: Fault) -> Pipeline {
    let service = Service::start();
    service.control.inject(call, fault, Times::Always);
    plays_on(&service.url, "")
}

#[test]
fn the_service_refuses_the_key() {
    let pipeline = with_fault(Call::Create, Fault::status(401));
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].is(ResourceError::NotAuthorized));
    // It comes from the element that the application knows.
    let from = pipeline.wait_for("the WARNING", WAIT, |message| {
        (message.type_() == gst::MessageType::Warning).then(|| message.src().cloned())
    });
    assert_eq!(from.as_ref(), Some(pipeline.sink.upcast_ref()));
}

#[test]
fn the_service_hangs() {
    with_fault(Call::Create, Fault::Hang);
}

#[test]
fn the_media_never_connect() {
    with_fault(Call::Create, Fault::DeafDtls);
}

#[test]
fn there_is_no_service() {
    let pipeline = plays_on("http://127.0.0.1:1/v0.2", "");
    assert!(!pipeline.failures().is_empty());
}

#[test]
fn the_settings_are_wrong() {
    let pipeline = plays_on("http://127.0.0.1:1/v0.2", "fps=5 target-fps=5");
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].is(ResourceError::Settings));
}

/// Who asks for errors gets them.
#[test]
fn on_error_error_ends_the_pipeline() {
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let line = format!("{LIVE} ! overshootfilter name=o on-error=error ! fakesink");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, WAIT);
    assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Settings that the element rejects before it sends anything. Each error names the property and a valid value.

use std::time::Duration;

use super::LIVE;
use crate::common::pipeline::Failure;
use crate::common::{Pipeline, Service};
use gst::ResourceError;
use gst::prelude::*;

/// Starts a pipeline with wrong settings and returns its error. Asserts that there is exactly one error and that no
/// request was sent.
fn rejected(properties: &str, prepare: impl FnOnce(&gst::Element)) -> Failure {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! overshootsink name=o {properties}"),
    );
    prepare(&pipeline.sink);
    let started = pipeline.pipeline.set_state(gst::State::Playing);
    assert!(started.is_err(), "{properties} is accepted");
    let failures = pipeline.failures();
    let fatal: Vec<_> = failures.into_iter().filter(|f| f.fatal).collect();
    assert_eq!(fatal.len(), 1, "one clear error: {fatal:?}");
    assert!(service.control.snapshot().requests.is_empty());
    let failure = fatal.into_iter().next().expect("one");
    assert!(failure.is(ResourceError::Settings), "{failure:?}");
    assert_eq!(failure.detail::<&str>("kind"), Some("invalid-settings"));
    assert_eq!(failure.detail::<&str>("stage"), Some("settings"));
    assert_eq!(failure.detail::<bool>("retryable"), Some(false));
    failure
}

#[test]
fn wrong_settings_are_rejected_before_any_request() {
    for (properties, fix) in [
        ("target-fps=6", "clip-length-seconds to 0.50"),
        ("target-fps=30 fps=30", "unset"),
        ("target-fps=30 sampling-ratio=0.5", "unset"),
        ("fps=60", "sampling-ratio"),
        ("fps=10", "clip-length-seconds to 0.30"),
        ("clip-length-seconds=61", "0.1 to 60"),
        ("delay-seconds=61", "more than 0, and at most 60"),
        ("delay-seconds=0", "more than 0, and at most 60"),
        ("fps=120 sampling-ratio=0.05", "target-fps=6 instead"),
        ("interval-seconds=0.05", "0.1 to 60"),
        ("mode=frame interval-seconds=61", "0.1 to 60"),
        ("max-output-tokens=26", "max-output-tokens to 25"),
        (
            "interval-seconds=1 max-output-tokens=129",
            "interval-seconds to 1.01",
        ),
        ("output-schema=nonsense", "not valid JSON"),
        ("output-schema=[]", "JSON object"),
        ("output-schema-location=/does/not/exist", "/does/not/exist"),
        ("video-caps=video/x-h266", "video/x-vp8"),
        (r#"alerts=<"alert,name=fire">"#, "needs a when"),
        (r#"ask-when="still,every=3""#, "Set every to 10 s or more"),
        ("ask-when=still idle-timeout=5", "idle-timeout"),
        (
            r#"alerts=<"alert,name=a,when=b,question=c">"#,
            "the answers to prompt count",
        ),
    ] {
        let failure = rejected(properties, |_| {});
        assert!(failure.text.contains(fix), "{properties}: {}", failure.text);
    }
    let failure = rejected("", |sink| sink.set_property("prompt", " "));
    assert!(failure.text.contains("prompt"), "{failure:?}");
    let failure = rejected("", |sink| sink.set_property("api-key", " "));
    assert!(failure.text.contains("OVERSHOOT_API_KEY"), "{failure:?}");
    let failure = rejected("", |sink| sink.set_property("api-url", "not an address"));
    assert!(failure.text.contains("api-url"), "{failure:?}");
    let failure = rejected("", |sink| {
        sink.set_property("turn-servers", gst::Array::new(["turn-password@host"]));
    });
    assert!(failure.text.contains("turn://"), "{failure:?}");
    assert!(!failure.text.contains("turn-password"), "{failure:?}");
}

#[test]
fn a_slow_source_with_a_short_clip_is_rejected_once_its_rate_is_known() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=10/1 \
         ! overshootsink name=o clip-length-seconds=0.2",
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::Settings), "{failure:?}");
    assert!(
        failure.text.contains("clip-length-seconds to 0.30"),
        "{failure:?}"
    );
    assert!(service.control.snapshot().requests.is_empty());
}

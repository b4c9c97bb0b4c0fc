// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A vision model behind the emulator, with both versions of the API: the prompts and pictures that the model's
//! endpoint gets from the element's video, and the messages that the element makes from its answers.

mod bodies;
mod endpoint;
mod model_request;
mod pushed;
mod questions;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::pipeline::PostedMessage;
use crate::common::{Pipeline, Service};
use endpoint::{Endpoint, VLM_KEY};
use model_request::ModelRequest;
use overshoot_emulator::{Config, Engine, EventSink, Vlm};

const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// A colour as `videotestsrc` expects it, and as the model must get it: red, green, blue.
const ORANGE: (&str, [u8; 3]) = ("0xffe07820", [0xe0, 0x78, 0x20]);

/// The text of all events of the emulator.
type EventLog = Arc<Mutex<String>>;

/// The emulator's settings for this endpoint.
fn vlm(endpoint: &Endpoint) -> Vlm {
    Vlm::new(&endpoint.url, Some(VLM_KEY.to_owned())).expect("a good URL")
}

/// A service that answers with this model, and the log of its events.
fn service(api: &str, vlm: Vlm) -> (Service, EventLog) {
    let log = EventLog::default();
    let writer = log.clone();
    let service = Service::of(api, |config: &mut Config| {
        config.engine = Engine::Vlm(vlm);
        config.on_event = Some(EventSink::new(move |event| {
            *writer.lock().expect("no panic") += &format!("{event:?}\n");
        }));
    });
    (service, log)
}

/// A launch line: live video of one colour, with a QR code in a corner.
fn line(size: (u32, u32), properties: &str) -> String {
    let ((width, height), (colour, _)) = (size, ORANGE);
    format!(
        "videotestsrc is-live=true pattern=solid-color foreground-color={colour} \
         ! video/x-raw,format=I420,width={width},height={height},framerate=30/1 \
         ! debugqroverlay pixel-size=4 ! overshootsink name=o {properties}"
    )
}

/// Waits for an answer for which the condition is true.
fn wait_for_result(
    pipeline: &Pipeline,
    condition: impl Fn(&PostedMessage) -> bool,
) -> PostedMessage {
    pipeline.wait_for("an answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?.to_owned();
        let posted = PostedMessage {
            at: std::time::Instant::now(),
            structure,
        };
        (posted.structure.name() == "overshoot-result" && condition(&posted)).then_some(posted)
    })
}

/// Whether the answer's field `ok` is true.
fn is_ok(posted: &PostedMessage) -> bool {
    posted.structure.get("ok") == Ok(true)
}

/// Asserts that the model got this many pictures of this size in the right colour, each with a different code.
fn assert_pictures(request: &ModelRequest, size: (u32, u32), count: usize) {
    assert_eq!(request.pictures.len(), count);
    let mut codes = Vec::new();
    for picture in &request.pictures {
        assert_eq!(
            (picture.width, picture.height),
            (size.0 as usize, size.1 as usize)
        );
        let differences = picture.corner.iter().zip(ORANGE.1);
        let difference = differences.map(|(a, b)| a.abs_diff(b)).max();
        assert!(
            difference < Some(6),
            "{:?} is not {:?}",
            picture.corner,
            ORANGE.1
        );
        codes.push(picture.code.clone().expect("a code"));
    }
    let all_codes = codes.clone();
    codes.dedup();
    assert_eq!(codes, all_codes);
}

/// Asserts that no message, answer or event contains the endpoint's key.
fn assert_key_is_secret(pipeline: &Pipeline, log: &EventLog) {
    let messages: String = pipeline
        .messages()
        .iter()
        .filter_map(|(_, message)| Some(message.structure()?.to_string()))
        .collect();
    for text in [&messages, &*log.lock().expect("no panic")] {
        assert!(!text.contains(VLM_KEY), "{text}");
    }
}

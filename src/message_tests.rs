// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests of the reader of messages.

use super::*;

fn parse(text: &str) -> Option<Message> {
    gst::init().expect("GStreamer");
    Message::from_structure(&text.parse::<gst::Structure>().expect("a structure"))
}

#[test]
fn what_is_missing_or_of_another_type_is_left_out() {
    let Some(Message::Result(answer)) = parse("overshoot-result") else {
        panic!("a result");
    };
    assert!(answer.ok && answer.result.is_none() && answer.prompt_serial.is_none());
    let odd = "overshoot-result,result=(int)1,ok=(string)x,late=true,prompt-serial=(string)1";
    let Some(Message::Result(answer)) = parse(odd) else {
        panic!("a result");
    };
    assert!(answer.ok && answer.late && answer.text().is_none());
    assert_eq!(answer.prompt_serial, None);
    assert_eq!(parse("overshoot-state,state=(string)elsewhere"), None);
    assert_eq!(parse("overshoot-state"), None);
    assert_eq!(parse("overshoot-models"), Some(Message::Models(Vec::new())));
    assert_eq!(parse("level"), None);
}

#[test]
fn other_elements_errors_are_none() {
    gst::init().expect("GStreamer");
    let error = gst::message::Error::builder(gst::CoreError::Failed, "no").build();
    assert_eq!(Message::parse(&error), None);
    let details = gst::Structure::builder("overshoot-error")
        .field("kind", "busy")
        .field("status-code", 429u32)
        .build();
    let warning = gst::message::Warning::builder(gst::ResourceError::Busy, "full")
        .details(details)
        .build();
    let Some(Message::Warning(failure)) = Message::parse(&warning) else {
        panic!("a warning");
    };
    assert_eq!(
        (failure.message.as_str(), failure.kind.as_str()),
        ("full", "busy")
    );
    assert_eq!(failure.status_code, Some(429));
    assert!(failure.stage.is_empty() && !failure.retryable);
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is posted is what an application reads, field by field.

use std::time::{Duration, Instant};

use super::alerts::Change;
use super::messages::{self, Context};
use crate::message::Message;
use crate::session::models::Model;
use crate::session::prompt::Prompt;
use crate::session::protocol::{InferenceResult, LeaseRenewal, Usage};
use crate::session::question::{Moment, OneShotQuestion, Period};
use crate::session::{Answer, PartialAnswer};
use crate::sink::enums::State;

fn read(structure: &gst::Structure) -> Message {
    Message::from_structure(structure).expect("a message of ours")
}

#[test]
fn a_result_is_read_as_it_was_posted() {
    gst::init().expect("GStreamer");
    let some = |text: &str| Some(text.to_owned());
    let answer = Answer {
        result: InferenceResult {
            id: some("r1"),
            stream_id: some("s1"),
            mode: some("clip"),
            model_backend: some("overshoot"),
            model_name: some("a/b"),
            prompt: some("What?"),
            result: some("A cat."),
            inference_latency_ms: Some(100.5),
            total_latency_ms: Some(200.0),
            ok: Some(true),
            error: some("none"),
            finish_reason: some("length"),
        },
        prompt_serial: Some(4),
        json: "{}".into(),
        arrived: Instant::now(),
        schema_error: some("too short"),
        question: some("cats"),
        ask_serial: Some(3),
        usage: Some(Usage {
            prompt_tokens: 7,
            completion_tokens: 8,
            ..Usage::default()
        }),
        cost_microcents: Some(9),
        end_offset: Duration::ZERO,
        thinned_by: Duration::ZERO,
    };
    let now = Some(gst::ClockTime::from_seconds(2));
    let context = Context {
        running_time: now,
        capture_time: messages::estimated_capture_time(
            &answer,
            now,
            gst::ClockTime::from_mseconds(50),
        ),
        capture_time_accuracy: Some(gst::ClockTime::from_mseconds(40)),
        picture: Some(gst::Sample::builder().build()),
        file: some("a.jpg"),
        prompt_serial: Some(4),
        late: true,
        stale: true,
        repeated: true,
        stream_epoch: 5,
    };
    let change = Change {
        name: "fire".to_owned(),
        raised: true,
        since: Some(gst::ClockTime::SECOND),
    };
    let posted = messages::alert(&change, &answer, &context);
    let Message::Alert(alert) = read(&posted) else {
        panic!("{posted}");
    };
    assert!(alert.name == "fire" && alert.raised);
    assert_eq!(alert.since, change.since);
    assert_eq!(alert.result, answer.result.result);
    assert_eq!(alert.question, answer.question);
    assert_eq!(alert.id, answer.result.id);
    assert_eq!(alert.stream_id, answer.result.stream_id);
    assert_eq!(alert.running_time, now);
    assert_eq!(alert.capture_time, context.capture_time);
    assert_eq!(alert.evidence_location, context.file);
    assert!(alert.picture.is_some());
    let line = messages::alert_line(&change, &answer, &context);
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let is = serde_json::json!({
        "name": "fire", "raised": true, "since_ms": 1000, "result": "A cat.", "question": "cats",
        "id": answer.result.id, "stream_id": answer.result.stream_id, "running_time_ms": 2000,
        "capture_time_ms": 1750, "evidence_location": "a.jpg",
    });
    assert_eq!(line, is);

    let posted = messages::result(&answer, &context);
    let Message::Result(read) = read(&posted) else {
        panic!("{posted}");
    };
    let result = answer.result;
    assert_eq!(read.id, result.id);
    assert_eq!(read.stream_id, result.stream_id);
    assert_eq!(read.mode, result.mode);
    assert_eq!(read.model_backend, result.model_backend);
    assert_eq!(read.model_name, result.model_name);
    assert_eq!(read.prompt, result.prompt);
    assert_eq!(read.result, result.result);
    assert_eq!(read.inference_latency_ms, result.inference_latency_ms);
    assert_eq!(read.total_latency_ms, result.total_latency_ms);
    assert_eq!(Some(read.ok), result.ok);
    assert_eq!(read.error, result.error);
    assert_eq!(read.finish_reason, result.finish_reason);
    assert_eq!(read.cost_microcents, answer.cost_microcents);
    assert_eq!(read.json.as_deref(), Some("{}"));
    assert_eq!(read.schema_error, answer.schema_error);
    assert_eq!(read.question, answer.question);
    assert_eq!(read.ask_serial, Some(3));
    assert_eq!(
        (read.prompt_tokens, read.completion_tokens),
        (Some(7), Some(8))
    );
    assert_eq!(read.running_time, Some(gst::ClockTime::from_seconds(2)));
    // The service took 200 ms, and the frame was 50 ms old when it reached the element.
    assert_eq!(read.capture_time, Some(gst::ClockTime::from_mseconds(1750)));
    assert_eq!(read.capture_time_accuracy, context.capture_time_accuracy);
    assert_eq!(read.evidence_location, context.file);
    assert_eq!(read.picture, alert.picture);
    assert_eq!(read.prompt_serial, Some(4));
    assert!(read.late && read.stale && read.repeated);
    assert_eq!(read.stream_epoch, Some(5));
}

#[test]
fn the_other_messages_are_read_as_they_were_posted() {
    gst::init().expect("GStreamer");
    let now = Moment {
        end_offset: Duration::ZERO,
        window: Duration::ZERO,
        max_fps: 6,
        lead: Duration::ZERO,
    };
    let question = OneShotQuestion::new(9, "Who?".into(), Period::Ago(now));
    let posted = messages::unanswered(&question, "It ended.", None);
    let Message::Result(unanswered) = read(&posted) else {
        panic!("{posted}");
    };
    assert!(!unanswered.ok && unanswered.text().is_none());
    assert_eq!(unanswered.error.as_deref(), Some("It ended."));
    assert_eq!(
        (unanswered.ask_serial, unanswered.prompt.as_deref()),
        (Some(9), Some("Who?"))
    );

    let partial = PartialAnswer {
        question: Some("cats".into()),
        ask_serial: Some(2),
        text: "A c".into(),
    };
    let posted = messages::partial(&partial, Some("s1"));
    let Message::Partial(partial) = read(&posted) else {
        panic!("{posted}");
    };
    assert_eq!(
        (partial.result.as_str(), partial.ask_serial),
        ("A c", Some(2))
    );
    assert_eq!(partial.question.as_deref(), Some("cats"));
    assert_eq!(partial.stream_id.as_deref(), Some("s1"));

    for state in [
        State::Closed,
        State::Connecting,
        State::Streaming,
        State::Reconnecting,
        State::Idle,
    ] {
        let posted = messages::state(state, Some("s1"), Some("because"));
        let Message::State(change) = read(&posted) else {
            panic!("{posted}");
        };
        assert_eq!(change.state, state);
        assert_eq!(change.reason.as_deref(), Some("because"));
        assert_eq!(change.stream_id.as_deref(), Some("s1"));
    }

    let prompt = |serial, text: &str| Prompt {
        serial,
        text: text.to_owned(),
    };
    let (what, who) = (prompt(2, "What?"), prompt(3, "Who?"));
    for withdrawn in [None, Some(&who)] {
        let posted = messages::prompt(&what, withdrawn, None);
        let Message::Prompt(read) = read(&posted) else {
            panic!("{posted}");
        };
        assert_eq!(
            (read.prompt.as_str(), read.prompt_serial),
            ("What?", Some(2))
        );
        assert_eq!(read.withdrawn.as_deref(), withdrawn.map(|_| "Who?"));
    }

    let posted = messages::models(&[Model {
        model: "a/b".into(),
        ready: true,
        status: Some("ready".into()),
    }]);
    let Message::Models(models) = read(&posted) else {
        panic!("{posted}");
    };
    assert_eq!(models.len(), 1);
    assert!(models[0].model == "a/b" && models[0].ready);
    assert_eq!(models[0].status.as_deref(), Some("ready"));

    let renewal = LeaseRenewal {
        credits_remaining_cents: Some(10.0),
        cost_cents: Some(0.5),
        ..LeaseRenewal::default()
    };
    let posted = messages::credits(&renewal).expect("credits");
    let Message::Credits(credits) = read(&posted) else {
        panic!("{posted}");
    };
    assert_eq!(credits.credits_remaining_cents, Some(10.0));
    assert_eq!(
        (credits.cost_cents, credits.seconds_charged),
        (Some(0.5), None)
    );
}

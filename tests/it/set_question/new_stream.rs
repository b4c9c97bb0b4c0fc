// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `set-question` on API v0.2: a new stream replaces the current one, and the answers go on meanwhile.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, Times};
use serde_json::{Value, json};

use super::{WAIT_TIMEOUT, line, schema, set_question, wait_for_withdrawal};
use crate::common::{Pipeline, Service};

/// The longest time from one answer to the next.
const MAX_GAP: Duration = Duration::from_secs(1);

fn with_schema(field: &str) -> gst::Structure {
    gst::Structure::builder("question")
        .field("output-schema", schema(field).to_string())
        .build()
}

/// Waits until a stream has given this many answers.
fn wait_for_answers(pipeline: &Pipeline, epoch: u64, count: usize) {
    let seen = Cell::new(0);
    pipeline.wait_for("answers of the stream", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        let is_one =
            structure.name() == "overshoot-result" && structure.get("stream-epoch") == Ok(epoch);
        seen.set(seen.get() + usize::from(is_one));
        (seen.get() == count).then_some(())
    });
}

/// The longest time without an answer since this time.
fn longest_gap(pipeline: &Pipeline, since: Instant) -> Duration {
    let times: Vec<_> = pipeline.results().iter().map(|posted| posted.at).collect();
    let mut pairs = times.iter().zip(times.iter().skip(1));
    let first = pairs.position(|(_, next)| *next >= since).unwrap_or(0);
    let gaps = times.iter().zip(times.iter().skip(1)).skip(first);
    gaps.map(|(one, next)| *next - *one)
        .max()
        .unwrap_or(Duration::MAX)
}

/// The schema that each stream was created with.
fn schemas(service: &Service) -> Vec<Option<String>> {
    let seen = service.control.snapshot();
    let bodies = seen
        .calls(Call::Create)
        .filter_map(|call| call.body.as_ref());
    bodies
        .map(|body| {
            let required = &body["inference"]["output_schema_json"]["required"][0];
            required.as_str().map(str::to_owned)
        })
        .collect()
}

#[test]
fn answers_go_on_without_a_gap() {
    let raw = "videotestsrc is-live=true pattern=red ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";
    for (source, properties) in [
        (raw.to_owned(), ""),
        (raw.to_owned(), "transport=livekit"),
        (raw.replace("is-live=true", ""), ""),
        (
            format!("{raw} ! x264enc tune=zerolatency key-int-max=900 ! h264parse"),
            "",
        ),
    ] {
        let service = Service::start();
        let pipeline = Pipeline::new(
            &service,
            &format!("{source} ! overshootsink name=o interval-seconds=0.2 {properties}"),
        );
        pipeline.play();
        wait_for_answers(&pipeline, 1, 3);
        let change = gst::Structure::builder("question")
            .field("prompt", "Which colour?")
            .field("output-schema", schema("colour").to_string())
            .field("interval-seconds", 0.3)
            .build();
        let since = Instant::now();
        assert!(
            set_question(&pipeline, &change),
            "{:?}",
            pipeline.failures()
        );
        wait_for_answers(&pipeline, 2, 6);
        let gap = longest_gap(&pipeline, since);
        assert!(gap < MAX_GAP, "{gap:?} without an answer: {source}");
        // The first stream answers the old question, the second one the new question, about the same video.
        for posted in pipeline.results() {
            let result: String = posted.structure.get("result").expect("a text");
            let prompt: String = posted.structure.get("prompt").expect("a prompt");
            match posted.structure.get::<u64>("stream-epoch") {
                Ok(1) => assert_eq!(prompt, "What do you see?"),
                _ => {
                    let answer: Value = serde_json::from_str(&result).expect("JSON");
                    assert_eq!(answer, json!({"colour": "red"}), "{source}");
                    assert_eq!(prompt, "Which colour?");
                    assert!(!posted.structure.get::<bool>("late").expect("a boolean"));
                }
            }
        }
        let seen = service.wait("the end of the first stream", |seen| {
            seen.streams[0].ended.is_some()
        });
        assert_eq!(seen.streams.len(), 2);
        assert!(seen.streams[1].ended.is_none());
        assert_eq!(seen.streams[0].prompts, ["What do you see?"]);
        assert_eq!(schemas(&service), [None, Some("colour".to_owned())]);
        let create = seen.calls(Call::Create).last().expect("a request");
        let body = create.body.as_ref().expect("a body");
        assert_eq!(body["processing"], json!({"interval_seconds": 0.3}));
        // The element says what it does, and does not call it a reconnect.
        let infos = pipeline.messages();
        let says = |(_, message): &&(Instant, gst::Message)| match message.view() {
            gst::MessageView::Info(info) => info.error().message().contains("a new stream"),
            _ => false,
        };
        assert_eq!(infos.iter().filter(says).count(), 1);
        assert!(!pipeline.states().contains(&"reconnecting".to_owned()));
        let stats: gst::Structure = pipeline.sink.property("stats");
        assert_eq!(stats.get("reconnects"), Ok(0_u64));
        let newest = pipeline.element_messages("overshoot-prompt").pop();
        let newest = newest.expect("the new prompt").structure;
        assert_eq!(newest.get("prompt"), Ok("Which colour?"), "{newest}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn a_change_that_the_service_refuses_leaves_the_stream_alone() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline.play();
    wait_for_answers(&pipeline, 1, 3);
    let refusal = Fault::detail(422, "This schema is too large.");
    service.control.inject(Call::Create, refusal, Times::Once);
    let change = gst::Structure::builder("question")
        .field("prompt", "Which colour?")
        .field("output-schema", schema("colour").to_string())
        .build();
    let since = Instant::now();
    assert!(set_question(&pipeline, &change));
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    for text in ["The question was not changed", "This schema is too large."] {
        assert!(failure.text.contains(text), "{failure:?}");
    }
    let withdrawn = wait_for_withdrawal(&pipeline);
    assert_eq!(withdrawn.get("prompt"), Ok("What do you see?"));
    assert_eq!(withdrawn.get("withdrawn"), Ok("Which colour?"));
    assert_eq!(
        pipeline.sink.property::<String>("prompt"),
        "What do you see?"
    );
    // The next prompt has nothing of the change.
    pipeline.sink.set_property("prompt", "And now?");
    service.wait("the prompt", |seen| {
        seen.streams[0].prompts == ["What do you see?", "And now?"]
    });
    pipeline.wait_for("its answer", WAIT_TIMEOUT, |message| {
        (message.structure()?.get("prompt") == Ok("And now?")).then_some(())
    });
    let gap = longest_gap(&pipeline, since);
    assert!(gap < MAX_GAP, "{gap:?} without an answer");
    // Nor has the next stream.
    let id = service.stream().id;
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    service.wait("the next stream", |seen| seen.streams.len() == 2);
    assert_eq!(schemas(&service), [None, Some("colour".to_owned()), None]);
    pipeline.stop();
}

#[test]
fn a_new_stream_that_is_lost_before_it_answers_changes_nothing() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline.play();
    wait_for_answers(&pipeline, 1, 3);
    let since = Instant::now();
    assert!(set_question(&pipeline, &with_schema("colour")));
    let seen = service.wait("the new stream", |seen| seen.streams.len() == 2);
    let id = &seen.streams[1].id;
    assert!(service.control.end_stream(id, EndReason::LeaseExpired));
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    let text = "The question was not changed";
    assert!(failure.text.contains(text), "{failure:?}");
    let before = pipeline.results().len();
    wait_for_answers(&pipeline, 1, before + 4);
    let gap = longest_gap(&pipeline, since);
    assert!(gap < MAX_GAP, "{gap:?} without an answer");
    // It can be tried again.
    assert!(set_question(&pipeline, &with_schema("colour")));
    wait_for_answers(&pipeline, 2, 3);
    let newest = pipeline.results().pop().expect("an answer").structure;
    let answer: String = newest.get("result").expect("a text");
    assert_eq!(answer, r#"{"colour":"red"}"#);
    pipeline.stop();
}

#[test]
fn of_many_changes_the_last_one_is_left() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline.play();
    wait_for_answers(&pipeline, 1, 3);
    let since = Instant::now();
    for n in 0..5 {
        assert!(set_question(&pipeline, &with_schema(&format!("f{n}"))));
        thread::sleep(Duration::from_millis(n * 60));
    }
    assert!(set_question(&pipeline, &with_schema("colour")));
    pipeline.wait_for("the last answer", WAIT_TIMEOUT, |message| {
        (message.structure()?.get("result") == Ok(r#"{"colour":"red"}"#)).then_some(())
    });
    let gap = longest_gap(&pipeline, since);
    assert!(gap < MAX_GAP, "{gap:?} without an answer");
    service.wait("one stream", |seen| {
        let alive = seen.streams.iter().filter(|stream| stream.ended.is_none());
        alive.count() == 1
    });
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_stop_or_an_end_at_any_moment_leaves_no_stream() {
    for (n, ends) in (0..8).flat_map(|n| [(n, false), (n, true)]) {
        let service = Service::start();
        let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
        pipeline.play();
        wait_for_answers(&pipeline, 1, 2);
        assert!(set_question(&pipeline, &with_schema("colour")));
        thread::sleep(Duration::from_millis(n * 50));
        if ends {
            pipeline.pipeline.send_event(gst::event::Eos::new());
            pipeline.wait_for_eos(WAIT_TIMEOUT);
        }
        let took = pipeline.stop();
        assert!(took < Duration::from_secs(2), "{took:?} after {n} × 50 ms");
        service.assert_all_deleted();
    }
}

#[test]
fn a_question_that_is_asked_meanwhile_is_answered() {
    let service = Service::start();
    let clips = "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.3";
    let pipeline = Pipeline::new(&service, &line(clips));
    pipeline.play();
    wait_for_answers(&pipeline, 1, 3);
    assert!(set_question(&pipeline, &with_schema("colour")));
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"Who came in?", &500_u64, &0_u64]);
    let answer = pipeline.wait_for("the answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(answer.get("ok"), Ok(true), "{answer}");
    wait_for_answers(&pipeline, 2, 2);
    service.wait("the end of the first stream", |seen| {
        seen.streams[0].ended.is_some()
    });
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_change_before_the_connection_is_in_the_first_answers() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline.play();
    pipeline.wait_for_state("connecting", WAIT_TIMEOUT);
    assert!(set_question(&pipeline, &with_schema("colour")));
    pipeline.wait_for("an answer to it", WAIT_TIMEOUT, |message| {
        (message.structure()?.get("result") == Ok(r#"{"colour":"red"}"#)).then_some(())
    });
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn the_new_stream_comes_even_if_the_old_one_is_lost_first() {
    // The new stream takes a second to be made.
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline.play();
    wait_for_answers(&pipeline, 1, 3);
    let slow = Fault::Delay(Duration::from_secs(1));
    service.control.inject(Call::Create, slow, Times::Once);
    assert!(set_question(&pipeline, &with_schema("colour")));
    let clips = service.control.clone();
    clips.inject(Call::Clip, Fault::Hang, Times::Always);
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"Who came in?", &0_u64, &0_u64]);
    service.wait("the question", |seen| seen.calls(Call::Clip).count() > 0);
    let id = service.stream().id;
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    pipeline.wait_for_state("reconnecting", WAIT_TIMEOUT);
    let answer = pipeline.wait_for("the reason", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(answer.get("ok"), Ok(false), "{answer}");
    wait_for_answers(&pipeline, 2, 3);
    assert_eq!(
        pipeline.states().last().map(String::as_str),
        Some("streaming")
    );
    assert_eq!(service.control.snapshot().streams.len(), 2);
    pipeline.stop();
}

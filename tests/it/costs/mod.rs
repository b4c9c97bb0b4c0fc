// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What answers cost, and the property `budget`: the emulator keeps its own account.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Config, Fault, Price, Snapshot, Times};
use serde_json::Value;

mod streams;

use crate::common::pipeline::Failure;
use crate::common::{Pipeline, Service};

const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const LIVE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=320,height=240,framerate=15/1 ! tee name=t \
    t. ! queue ! fakesink name=beside signal-handoffs=false \
    t. ! queue ! overshootsink name=o";
/// Three questions, of pictures and of clips.
const QUESTIONS: &str = "interval-seconds=0.15 questions=<\
    \"q,name=people,prompt=(string)How-many,interval-seconds=0.1\",\
    \"q,name=cars,prompt=(string)Any-cars,interval-seconds=0.2,clip-length-seconds=0.3\">";

fn v1(change: impl FnOnce(&mut Config)) -> Service {
    Service::of("v1", |config| {
        config.inference_latency = Duration::from_millis(30);
        config.chat_per_second = 1000;
        change(config);
    })
}

fn budget(text: &str) -> gst::Structure {
    text.parse().expect(text)
}

fn stats(pipeline: &Pipeline) -> gst::Structure {
    pipeline.sink.property("stats")
}

fn frames_in(pipeline: &Pipeline) -> u64 {
    stats(pipeline).get("frames-in").expect("a count")
}

/// Waits for the message about the end of the budget, and checks that a WARNING says the same.
fn wait_for_the_end(pipeline: &Pipeline, field: &str) -> gst::Structure {
    let message = pipeline.wait_for("the end of the budget", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("budget-exhausted") == Ok(field)).then(|| structure.to_owned())
    });
    assert_eq!(message.name(), "overshoot-credits");
    let warnings = budget_warnings(pipeline);
    let warning = warnings.last().expect("a warning");
    let fix = format!("raise {field} in the property budget");
    assert!(warning.text.contains(&fix), "{warning:?}");
    assert!(warning.is(gst::ResourceError::NoSpaceLeft) && !warning.fatal);
    message
}

fn budget_warnings(pipeline: &Pipeline) -> Vec<Failure> {
    let failures = pipeline.failures().into_iter();
    failures.filter(|f| f.text.contains("budget")).collect()
}

/// Frames go on, in the element and beside it, and no question comes.
fn assert_only_frames_go_on(pipeline: &Pipeline, service: &Service) {
    let (frames, before) = (frames_in(pipeline), service.control.snapshot());
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while frames_in(pipeline) < frames + 10 {
        assert!(Instant::now() < deadline, "frames stand still");
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = service.control.snapshot();
    let counts = |seen: &Snapshot| (seen.questions.len(), seen.streams.len());
    assert_eq!(counts(&after), counts(&before));
}

#[test]
fn each_answer_costs_price_times_usage() {
    let price = Price {
        input_microcents_per_token: 37,
        output_microcents_per_token: 211,
        cached_input_microcents_per_token: 5,
        ..Price::defaults()[0].clone()
    };
    let service = v1(|config| config.prices = vec![price]);
    // The list may be on the host only.
    let not_found = Fault::status(404);
    service
        .control
        .inject(Call::Pricing, not_found, Times::Once);
    let line = format!("{LIVE} {QUESTIONS} stream-partial=true");
    let pipeline = Pipeline::new(&service, &line);
    let before = stats(&pipeline);
    assert!(!before.has_field("cost-microcents"), "{before}");
    pipeline.play();
    service.wait("answers", |seen| seen.questions.len() >= 12);
    pipeline
        .sink
        .emit_by_name::<u64>("ask", &[&"And now?", &200u64, &0u64]);
    pipeline.wait_for("the answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.name() == "overshoot-result" && structure.has_field("ask-serial")).then_some(())
    });
    pipeline.stop();
    let results = pipeline.results();
    let (mut sum, mut all_cached) = (0, 0);
    for posted in &results {
        let tokens = |name: &str| posted.structure.get::<u64>(name).expect(name);
        let json: Value = serde_json::from_str(&posted.json()).expect("JSON");
        let details = &json["usage"]["prompt_tokens_details"];
        let cached = details["cached_tokens"].as_u64().unwrap_or_default();
        let read = tokens("prompt-tokens") - cached;
        let cost = read * 37 + cached * 5 + tokens("completion-tokens") * 211;
        assert_eq!(posted.structure.get("cost-microcents"), Ok(cost));
        all_cached += cached;
        assert_eq!(json["cost_microcents"], cost, "{json}");
        sum += cost;
    }
    // Each question is a thread, whose prompt is cached.
    assert!(all_cached > 0);
    let stats = stats(&pipeline);
    let seen = service.control.snapshot();
    // Those whose answers came while the pipeline was being stopped are not known.
    let known: u64 = seen
        .questions
        .iter()
        .map(|question| question.cost_microcents)
        .sum();
    assert!(results.len() > 10 && sum <= known, "{sum} of {known}");
    assert!(
        stats
            .get::<u64>("cost-microcents")
            .is_ok_and(|c| (sum..=known).contains(&c))
    );
    assert_eq!(
        stats.get::<u64>("cost-microcents"),
        stats.get::<u64>("cost-last-hour-microcents")
    );
    // Once in vain.
    assert_eq!(seen.calls(Call::Pricing).count(), 2);
}

#[test]
fn without_prices_answers_come_and_costs_are_absent() {
    for fault in [Fault::detail(404, "Not Found"), Fault::Hang] {
        let service = v1(|config| config.control.inject(Call::Pricing, fault, Times::Always));
        let line = format!("{LIVE} interval-seconds=0.1 budget=budget,cents=0.000001,answers=4");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        if service
            .control
            .snapshot()
            .calls(Call::Pricing)
            .any(|r| r.status == 404)
        {
            let message = wait_for_the_end(&pipeline, "answers");
            assert!(!message.has_field("cost-microcents"), "{message}");
            let unknown = budget_warnings(&pipeline);
            let unknown = unknown
                .iter()
                .filter(|f| f.text.contains("cents cannot be held"));
            assert_eq!(unknown.count(), 1, "{:?}", pipeline.failures());
        }
        pipeline.stop();
        for posted in pipeline.results() {
            assert!(!posted.structure.has_field("cost-microcents"));
            assert!(!posted.json().contains("cost_microcents"));
        }
        assert!(!stats(&pipeline).has_field("cost-microcents"));
    }
}

#[test]
fn cents_are_held_within_one_percent_with_several_questions_at_once() {
    let service = v1(|_| {});
    // Some 150 answers of 10,000 to 50,000 microcents.
    let cents = 3.0;
    let line = format!("{LIVE} {QUESTIONS} budget=budget,cents={cents}");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    let message = wait_for_the_end(&pipeline, "cents");
    assert_only_frames_go_on(&pipeline, &service);
    let spent = service.control.snapshot().spent_microcents;
    let part = spent as f64 / (cents * 1e6);
    println!("{spent} microcents of {cents} cents: {part}");
    assert!((0.97..=1.01).contains(&part), "{part}");
    assert_eq!(message.get("cost-microcents"), Ok(spent));
    assert_eq!(stats(&pipeline).get("cost-microcents"), Ok(spent));
    let answers = pipeline.results().len() as u64;
    assert_eq!(message.get("answers"), Ok(answers));
    // The stream stays: it costs nothing.
    assert_eq!(service.stream().ended, None);
    assert_eq!(
        pipeline
            .sink
            .property_value("state")
            .serialize()
            .expect("text"),
        "streaming"
    );
    // A question once is refused, with the reason.
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"And now?", &0u64, &0u64]);
    let refused = pipeline.wait_for("the refusal", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(refused.get("ok"), Ok(false));
    assert!(
        refused
            .get::<&str>("error")
            .is_ok_and(|e| e.contains("budget")),
        "{refused}"
    );
    // Raised, it goes on at once, and ends again.
    pipeline
        .sink
        .set_property("budget", budget("budget,cents=3.3"));
    service.wait("more questions", |seen| seen.spent_microcents > spent);
    pipeline.wait_for("the second end", WAIT_TIMEOUT, |message| {
        let cost = message.structure()?.get::<u64>("cost-microcents").ok()?;
        let is_end = message.structure()?.has_field("budget-exhausted");
        (is_end && cost > spent).then_some(())
    });
    let spent = service.control.snapshot().spent_microcents as f64;
    assert!((0.97..=1.01).contains(&(spent / 3.3e6)), "{spent}");
    assert_eq!(
        budget_warnings(&pipeline).len(),
        2,
        "{:?}",
        pipeline.failures()
    );
    pipeline.sink.set_property("budget", None::<gst::Structure>);
    service.wait("more questions", |seen| {
        seen.spent_microcents as f64 > spent
    });
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn answers_are_exact_and_the_end_of_the_stream_does_not_wait() {
    let service = v1(|_| {});
    let line = format!("{LIVE} {QUESTIONS} budget=budget,answers=7");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    let message = wait_for_the_end(&pipeline, "answers");
    assert_eq!(message.get("answers"), Ok(7u64));
    assert_only_frames_go_on(&pipeline, &service);
    assert_eq!(service.control.snapshot().questions.len(), 7);
    assert_eq!(pipeline.results().len(), 7);
    let start = Instant::now();
    pipeline.pipeline.send_event(gst::event::Eos::new());
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_millis(1500), "{elapsed:?}");
    assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_file_plays_to_its_end_after_the_budget() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let line = "videotestsrc num-buffers=60 pattern=ball \
            ! video/x-raw,width=320,height=240,framerate=15/1 \
            ! overshootsink name=o interval-seconds=0.2 budget=budget,answers=3";
        let pipeline = Pipeline::new(&service, line);
        pipeline.play();
        pipeline.wait_for_eos(WAIT_TIMEOUT);
        assert_eq!(pipeline.results().len(), 3, "{api}");
        assert_eq!(frames_in(&pipeline), 60, "{api}");
        assert_eq!(
            budget_warnings(&pipeline).len(),
            1,
            "{:?}",
            pipeline.failures()
        );
        service.assert_all_deleted();
    }
}

#[test]
fn while_playing_a_wrong_budget_changes_nothing() {
    let service = v1(|_| {});
    let line = format!("{LIVE} interval-seconds=0.1 budget=budget,answers=1000000");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    pipeline
        .sink
        .set_property("budget", budget("budget,answer=5"));
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    assert!(
        failure.text.contains("unknown field answer."),
        "{failure:?}"
    );
    assert!(failure.is(gst::ResourceError::Settings));
    let kept: gst::Structure = pipeline.sink.property("budget");
    assert_eq!(kept.get("answers"), Ok(1_000_000));
    // Below what is used, it ends at once.
    pipeline
        .sink
        .set_property("budget", budget("budget,answers-per-hour=1"));
    let message = wait_for_the_end(&pipeline, "answers-per-hour");
    assert!(
        message
            .get::<u64>("answers")
            .is_ok_and(|answers| answers >= 1)
    );
    assert_only_frames_go_on(&pipeline, &service);
    pipeline.stop();
}

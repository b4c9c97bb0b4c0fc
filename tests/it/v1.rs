// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v1: which questions the element asks, when, and about which pictures. The pictures contain a clock, and the
//! emulator reads it in the pictures that a question names.

use std::time::Duration;

use crate::common::clock::percentile;
use crate::common::pipeline::PostedMessage;
use crate::common::{Clock, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Config, EndReason, Fault, Model, ModelStatus, Times};

const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

fn service(change: impl FnOnce(&mut Config)) -> Service {
    Service::of("v1", change)
}

/// A launch line: live video with a clock.
fn line(rate: u32, properties: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate={rate}/1 \
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {properties}"
    )
}

/// The difference between an answer's `capture-time` and the time that its picture shows.
fn capture_time_error(clock: &Clock, posted: &PostedMessage) -> Duration {
    let shown = clock.frame_of_last_code(&posted.text()).running_time;
    let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
    Duration::from(shown.absdiff(capture_time))
}

#[test]
fn answers_contain_the_time_that_they_are_about() {
    // The service chooses which pictures of a clip the model gets. The newest of them can be older than the newest
    // frame, by up to one step of target-fps.
    let (frame, clip) = (Duration::from_millis(50), Duration::from_millis(200));
    for (rate, properties, bound) in [
        (30, "interval-seconds=0.3", frame),
        (30, "interval-seconds=0.3 max-framerate=30/1", frame),
        (5, "interval-seconds=0.3", frame),
        (30, "clip-length-seconds=0.5 delay-seconds=0.3", clip),
    ] {
        let service = service(|_| {});
        let pipeline = Pipeline::new(&service, &line(rate, properties));
        let clock = Clock::attach(&pipeline.pipeline);
        pipeline.play();
        service.wait("answers", |seen| seen.questions.len() > 20);
        pipeline.stop();
        let results = pipeline.results();
        let mut errors: Vec<_> = results
            .iter()
            .map(|p| capture_time_error(&clock, p))
            .collect();
        let p95 = percentile(&mut errors, 95);
        println!("{rate}/s, {properties}: error p95 {p95:?}");
        assert!(p95 < bound, "{properties}: {errors:?}");
        service.assert_all_deleted();
    }
}

#[test]
fn a_question_about_a_past_moment_gets_its_picture() {
    let service = service(|_| {});
    let pipeline = Pipeline::new(
        &service,
        &line(30, "interval-seconds=2 max-framerate=30/1 target-fps=10"),
    );
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    service.wait("six seconds of pictures", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 180)
    });
    let ask = |prompt: &str, window_ms: u64, end_offset_ms: u64| {
        let arguments: [&dyn ToValue; 3] = [&prompt, &window_ms, &end_offset_ms];
        let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
        assert_ne!(serial, 0, "{:?}", pipeline.failures());
        let answer = |posted: &PostedMessage| posted.structure.get("ask-serial") == Ok(serial);
        let deadline = std::time::Instant::now() + WAIT_TIMEOUT;
        loop {
            if let Some(found) = pipeline.results().into_iter().find(&answer) {
                return found;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "no answer to {prompt}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    // A frame lasts 33 ms. The service's newest frame may be one frame older than the element assumes.
    for (window, end_offset) in [(0, 5000), (0, 0), (0, 2500), (1000, 3000)] {
        let answer = ask("Then?", window, end_offset);
        let difference = capture_time_error(&clock, &answer);
        println!("{end_offset} ms ago, {window} ms long: error {difference:?}");
        assert!(
            difference <= Duration::from_millis(if window == 0 { 50 } else { 120 }),
            "{difference:?}"
        );
        assert_eq!(answer.structure.get("prompt"), Ok("Then?"));
        let mode = if window == 0 { "frame" } else { "clip" };
        assert_eq!(answer.structure.get("mode"), Ok(mode));
        let now: gst::ClockTime = answer.structure.get("running-time").expect("a time");
        let then: gst::ClockTime = answer.structure.get("capture-time").expect("a time");
        let ago = (now - then).mseconds();
        assert!((end_offset..end_offset + 700).contains(&ago), "{ago} ms");
    }
    // Invalid questions are rejected at once.
    for (prompt, window, end_offset) in [("", 0, 0), ("Long?", 300_000, 300_001)] {
        let arguments: [&dyn ToValue; 3] = [&prompt, &(window as u64), &(end_offset as u64)];
        assert_eq!(pipeline.sink.emit_by_name::<u64>("ask", &arguments), 0);
    }
    assert_eq!(pipeline.failures().len(), 2, "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_question_is_answered_even_if_its_stream_is_lost() {
    let service = service(|_| {});
    let control = &service.control;
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=60 on-error=warn"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    control.inject(Call::Chat, Fault::Hang, Times::Once);
    let arguments: [&dyn ToValue; 3] = [&"And now?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    service.wait("the question", |seen| seen.calls(Call::Chat).count() == 2);
    let id = service.control.snapshot().streams[0].id.clone();
    assert!(control.end_stream(&id, EndReason::LeaseExpired));
    // The element notices the end by the next renewal or by the socket of the room.
    let answer = pipeline.wait_for("the answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(answer.get("ok"), Ok(false), "{answer}");
    assert!(
        answer
            .get::<String>("error")
            .is_ok_and(|reason| !reason.is_empty())
    );
    pipeline.stop();
}

#[test]
fn a_question_is_answered_even_if_the_pipeline_stops() {
    let service = service(|_| {});
    let control = &service.control;
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=60"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    control.inject(Call::Chat, Fault::Hang, Times::Once);
    let (sender, results) = std::sync::mpsc::channel();
    pipeline.sink.connect("result", false, move |values| {
        let _ = sender.send(values[1].get::<gst::Structure>().expect("a structure"));
        None
    });
    let arguments: [&dyn ToValue; 3] = [&"And now?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    service.wait("the question", |seen| seen.calls(Call::Chat).count() == 2);
    pipeline.stop();
    let answer = results.try_iter().last().expect("an answer");
    assert_eq!(answer.get("ask-serial"), Ok(serial), "{answer}");
    assert_eq!(answer.get("ok"), Ok(false), "{answer}");
}

#[test]
fn several_questions_share_one_stream() {
    let service = service(|_| {});
    let questions = "questions=<\"q,name=people,prompt=(string)How-many,interval-seconds=0.5\",\
                     \"q,name=cars,prompt=(string)Any-cars,interval-seconds=1.5,clip-length-seconds=1\">";
    let pipeline = Pipeline::new(
        &service,
        &line(15, &format!("interval-seconds=1 {questions}")),
    );
    pipeline.play();
    service.wait("answers", |seen| seen.questions.len() >= 24);
    pipeline.stop();
    let results = pipeline.results();
    let count = |name: Option<&str>| {
        let has_name =
            |posted: &&PostedMessage| posted.structure.get::<&str>("question").ok() == name;
        results.iter().filter(has_name).count()
    };
    let (unnamed, people, cars) = (count(None), count(Some("people")), count(Some("cars")));
    println!("{unnamed} answers, {people} about people, {cars} about cars");
    assert!(people > unnamed && unnamed > cars && cars > 0);
    for posted in &results {
        let (prompt, mode) = match posted.structure.get::<&str>("question").ok() {
            Some("people") => ("How-many", "frame"),
            Some(_) => ("Any-cars", "clip"),
            None => ("What do you see?", "frame"),
        };
        assert_eq!(posted.structure.get("prompt"), Ok(prompt));
        assert_eq!(posted.structure.get("mode"), Ok(mode));
        let json: serde_json::Value = serde_json::from_str(&posted.json()).expect("JSON");
        assert_eq!(
            json["question"].as_str(),
            posted.structure.get("question").ok()
        );
        assert!(json["usage"]["prompt_tokens"].is_u64(), "{json}");
    }
    let last: String = pipeline.sink.property("last-result");
    let unnamed: Vec<_> = results
        .iter()
        .filter(|p| !p.structure.has_field("question"))
        .collect();
    assert_eq!(Some(last), unnamed.last().map(|posted| posted.text()));
    assert_eq!(service.control.snapshot().streams.len(), 1);
    service.assert_all_deleted();
}

#[test]
fn partial_answers_are_posted_while_they_arrive() {
    let service = service(|config| config.inference_latency = Duration::from_millis(400));
    let pipeline = Pipeline::new(
        &service,
        &line(15, "interval-seconds=1 stream-partial=true"),
    );
    pipeline.play();
    let answer = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    pipeline.stop();
    let whole: String = answer.get("result").expect("a text");
    let parts = pipeline.element_messages("overshoot-partial");
    let texts: Vec<_> = parts
        .iter()
        .map(|p| p.structure.get::<String>("result").expect("a text"))
        .collect();
    println!("{texts:#?}");
    assert!(texts.len() >= 3, "{texts:?}");
    assert!(
        texts[0].len() < whole.len() && whole.starts_with(&texts[0]),
        "{texts:?}"
    );
}

#[test]
fn the_next_question_waits_for_a_slow_answer() {
    let service = service(|config| config.inference_latency = Duration::from_millis(700));
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    service.wait("questions", |seen| seen.questions.len() >= 5);
    pipeline.stop();
    let seen = service.control.snapshot();
    let times: Vec<_> = seen.calls(Call::Chat).map(|request| request.at).collect();
    for pair in times.windows(2) {
        // Every second interval is skipped.
        let gap = (pair[1] - pair[0]).as_secs_f64();
        assert!((0.85..1.4).contains(&gap), "{gap}");
    }
}

#[test]
fn an_unchanged_picture_is_not_asked_about_twice() {
    let service = service(|_| {});
    let line = format!(
        "{} ",
        line(15, "interval-seconds=0.4")
            .replace(" ! overshootsink", " ! identity name=gate ! overshootsink")
    );
    let pipeline = Pipeline::new(&service, &line);
    let gate = pipeline.pipeline.by_name("gate").expect("it is there");
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    gate.set_property("drop-probability", 1.0f32);
    // The element warns about the stall after 5 s.
    pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    let count = service.control.snapshot().questions.len();
    assert!(count < 6, "{count} questions");
    // A new prompt is asked about the same picture.
    pipeline.sink.set_property("prompt", "And now?");
    service.wait("the new question", |seen| {
        seen.questions
            .last()
            .is_some_and(|question| question.prompt == "And now?")
    });
    gate.set_property("drop-probability", 0.0f32);
    service.wait("more questions", |seen| seen.questions.len() > count + 3);
    pipeline.stop();
}

#[test]
fn the_last_question_is_about_the_end_of_the_video_and_eos_follows_soon() {
    let service = service(|_| {});
    let line = line(30, "interval-seconds=0.5").replace("is-live=true", "num-buffers=60");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let start = std::time::Instant::now();
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let elapsed = start.elapsed();
    let last = pipeline.results().pop().expect("answers");
    let about = clock.frame_of_last_code(&last.text()).running_time;
    println!("EOS {elapsed:?} after the first answer; the last one is about {about}");
    assert!(elapsed < Duration::from_millis(4000), "{elapsed:?}");
    assert!(about > gst::ClockTime::from_mseconds(1_600), "{about}");
    service.assert_all_deleted();
}

#[test]
fn the_prompt_of_the_next_question_is_the_newest_one() {
    let service = service(|_| {});
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    pipeline.sink.set_property("prompt", "And now?");
    let accepted = pipeline.wait_for_element("overshoot-prompt", WAIT_TIMEOUT);
    assert_eq!(accepted.get("prompt"), Ok("And now?"));
    assert_eq!(accepted.get("prompt-serial"), Ok(2u64));
    let newest = pipeline.wait_for("its answer", WAIT_TIMEOUT, |message| {
        let structure = message
            .structure()
            .filter(|s| s.name() == "overshoot-result")?;
        (structure.get("prompt-serial") == Ok(2u64)).then(|| structure.to_owned())
    });
    assert_eq!(newest.get("late"), Ok(false));
    // A one-shot question is never late, and has no prompt serial even if its text is that of an earlier prompt.
    pipeline.sink.set_property("drop-late-results", true);
    let arguments: [&dyn ToValue; 3] = [&"What do you see?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    let one_shot = pipeline.wait_for("its answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(one_shot.get("late"), Ok(false));
    assert!(!one_shot.has_field("prompt-serial"), "{one_shot}");
    pipeline.stop();
}

#[test]
fn models_that_are_not_ready_are_skipped_or_rejected() {
    let model = |name: &str, status| Model {
        name: name.to_owned(),
        status,
    };
    let models = vec![
        model("old", ModelStatus::Unavailable),
        model("new", ModelStatus::Ready),
    ];
    for (property, used_model) in [
        ("", Some("new")),
        ("model=old,new", Some("new")),
        ("model=old", None),
    ] {
        let service = service(|config| config.models = models.clone());
        let properties = format!("interval-seconds=0.5 {property}");
        let pipeline = Pipeline::new(&service, &line(15, &properties));
        pipeline.play();
        match used_model {
            Some(name) => {
                let answer = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
                assert_eq!(answer.get("model-name"), Ok(name));
            }
            None => {
                let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
                assert!(failure.text.contains("new"), "{failure:?}");
                // The error comes before a stream is created, which would cost credits.
                assert!(service.control.snapshot().streams.is_empty());
            }
        }
        pipeline.stop();
    }
}

#[test]
fn the_region_that_the_service_names_is_used() {
    let service = service(|config| config.region = Some("eu".to_owned()));
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    pipeline.stop();
    let seen = service.control.snapshot();
    // The list of models came from that region, so no later request goes to another one.
    let regions: Vec<_> = seen
        .requests
        .iter()
        .filter(|request| request.call != Call::Signal)
        .map(|request| (request.region.as_deref(), request.status == 409))
        .collect();
    assert_eq!(regions.first(), Some(&(None, false)));
    let others = &regions[1..];
    assert!(!others.is_empty(), "{regions:?}");
    assert!(
        others.iter().all(|other| *other == (Some("eu"), false)),
        "{regions:?}"
    );
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

//! API v1: what the element asks, when, and about which pictures. The pictures carry a clock, which the
//! emulator reads in those that a question named.

use std::time::Duration;

use crate::common::clock::percentile;
use crate::common::pipeline::Posted;
use crate::common::{Clock, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Config, EndReason, Fault, Model, ModelStatus, Times};

const WAIT: Duration = Duration::from_secs(15);

fn service(change: impl FnOnce(&mut Config)) -> Service {
    Service::of("v1", change)
}

/// Live pictures with a clock in them.
fn line(rate: u32, properties: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate={rate}/1 \
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {properties}"
    )
}

/// Between what an answer says that it is about, and what it is about.
fn error(clock: &Clock, posted: &Posted) -> Duration {
    let seen = clock.newest(&posted.text()).running_time;
    let told: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
    Duration::from(seen.absdiff(told))
}

#[test]
fn answers_tell_the_time_that_they_are_about() {
    // Which pictures of a clip are looked at is the service's choice: the newest of them is up to a step
    // of target-fps older than the newest there is.
    let (frame, clip) = (Duration::from_millis(50), Duration::from_millis(200));
    for (rate, properties, bound) in [
        (30, "interval-seconds=0.3", frame),
        (30, "interval-seconds=0.3 max-framerate=30/1", frame),
        (5, "interval-seconds=0.3", frame),
        (30, "clip-length-seconds=0.5 delay-seconds=0.3", clip),
    ] {
        let service = service(|_| {});
        let pipeline = Pipeline::new(&service, &line(rate, properties));
        let clock = Clock::of(&pipeline.pipeline);
        pipeline.play();
        service.wait("answers", |seen| seen.questions.len() > 20);
        pipeline.stop();
        let results = pipeline.results();
        let mut errors: Vec<_> = results.iter().map(|p| error(&clock, p)).collect();
        let p95 = percentile(&mut errors, 95);
        println!("{rate}/s, {properties}: off by {p95:?} at the 95th percentile");
        assert!(p95 < bound, "{properties}: {errors:?}");
        service.assert_all_deleted();
    }
}

#[test]
fn a_question_about_a_moment_ago_gets_its_picture() {
    let service = service(|_| {});
    let pipeline = Pipeline::new(
        &service,
        &line(30, "interval-seconds=2 max-framerate=30/1 target-fps=10"),
    );
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    service.wait("six seconds of pictures", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 180)
    });
    let ask = |prompt: &str, window_ms: u64, end_offset_ms: u64| {
        let arguments: [&dyn ToValue; 3] = [&prompt, &window_ms, &end_offset_ms];
        let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
        assert_ne!(serial, 0, "{:?}", pipeline.failures());
        let answer = |posted: &Posted| posted.structure.get("ask-serial") == Ok(serial);
        let deadline = std::time::Instant::now() + WAIT;
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
    // A frame lasts 33 ms; the newest one may be one older than the element thinks.
    for (window, end_offset) in [(0, 5000), (0, 0), (0, 2500), (1000, 3000)] {
        let answer = ask("Then?", window, end_offset);
        let off = error(&clock, &answer);
        println!("{end_offset} ms ago, {window} ms long: off by {off:?}");
        assert!(
            off <= Duration::from_millis(if window == 0 { 50 } else { 120 }),
            "{off:?}"
        );
        assert_eq!(answer.structure.get("prompt"), Ok("Then?"));
        let mode = if window == 0 { "frame" } else { "clip" };
        assert_eq!(answer.structure.get("mode"), Ok(mode));
        let now: gst::ClockTime = answer.structure.get("running-time").expect("a time");
        let then: gst::ClockTime = answer.structure.get("capture-time").expect("a time");
        let ago = (now - then).mseconds();
        assert!((end_offset..end_offset + 700).contains(&ago), "{ago} ms");
    }
    // What can't be asked is said at once.
    for (prompt, window, end_offset) in [("", 0, 0), ("Long?", 300_000, 300_001)] {
        let arguments: [&dyn ToValue; 3] = [&prompt, &(window as u64), &(end_offset as u64)];
        assert_eq!(pipeline.sink.emit_by_name::<u64>("ask", &arguments), 0);
    }
    assert_eq!(pipeline.failures().len(), 2, "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn what_is_asked_of_a_stream_that_is_lost_is_answered_too() {
    let service = service(|_| {});
    let control = &service.control;
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=60 on-error=warn"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    control.inject(Call::Chat, Fault::Hang, Times::Once);
    let arguments: [&dyn ToValue; 3] = [&"And now?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    service.wait("the question", |seen| seen.calls(Call::Chat).count() == 2);
    let id = service.control.snapshot().streams[0].id.clone();
    assert!(control.end_stream(&id, EndReason::LeaseExpired));
    // Found by the next renewal, or by the socket of the room.
    let answer = pipeline.wait_for("the answer", WAIT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(answer.get("ok"), Ok(false), "{answer}");
    assert!(
        answer
            .get::<String>("error")
            .is_ok_and(|why| !why.is_empty())
    );
    pipeline.stop();
}

#[test]
fn what_is_asked_at_the_end_is_answered_too() {
    let service = service(|_| {});
    let control = &service.control;
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=60"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    control.inject(Call::Chat, Fault::Hang, Times::Once);
    let (sender, told) = std::sync::mpsc::channel();
    pipeline.sink.connect("result", false, move |values| {
        let _ = sender.send(values[1].get::<gst::Structure>().expect("a structure"));
        None
    });
    let arguments: [&dyn ToValue; 3] = [&"And now?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    service.wait("the question", |seen| seen.calls(Call::Chat).count() == 2);
    pipeline.stop();
    let answer = told.try_iter().last().expect("an answer");
    assert_eq!(answer.get("ask-serial"), Ok(serial), "{answer}");
    assert_eq!(answer.get("ok"), Ok(false), "{answer}");
}

#[test]
fn several_questions_are_asked_of_one_upload() {
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
    let of = |name: Option<&str>| {
        let of_name = |posted: &&Posted| posted.structure.get::<&str>("question").ok() == name;
        results.iter().filter(of_name).count()
    };
    let (own, people, cars) = (of(None), of(Some("people")), of(Some("cars")));
    println!("{own} answers, {people} about people, {cars} about cars");
    assert!(people > own && own > cars && cars > 0);
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
    let own: Vec<_> = results
        .iter()
        .filter(|p| !p.structure.has_field("question"))
        .collect();
    assert_eq!(Some(last), own.last().map(|posted| posted.text()));
    assert_eq!(service.control.snapshot().streams.len(), 1);
    service.assert_all_deleted();
}

#[test]
fn answers_are_told_while_they_come() {
    let service = service(|config| config.inference_latency = Duration::from_millis(400));
    let pipeline = Pipeline::new(
        &service,
        &line(15, "interval-seconds=1 stream-partial=true"),
    );
    pipeline.play();
    let answer = pipeline.wait_for_element("overshoot-result", WAIT);
    pipeline.stop();
    let whole: String = answer.get("result").expect("a text");
    let parts = pipeline.element_messages("overshoot-partial");
    let before: Vec<_> = parts
        .iter()
        .map(|p| p.structure.get::<String>("result").expect("a text"))
        .collect();
    println!("{before:#?}");
    assert!(before.len() >= 3, "{before:?}");
    assert!(
        before[0].len() < whole.len() && whole.starts_with(&before[0]),
        "{before:?}"
    );
}

#[test]
fn a_slow_answer_skips_ticks_and_nothing_overlaps() {
    let service = service(|config| config.inference_latency = Duration::from_millis(700));
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    service.wait("questions", |seen| seen.questions.len() >= 5);
    pipeline.stop();
    let seen = service.control.snapshot();
    let asked: Vec<_> = seen.calls(Call::Chat).map(|request| request.at).collect();
    for pair in asked.windows(2) {
        // Every second tick.
        let gap = (pair[1] - pair[0]).as_secs_f64();
        assert!((0.85..1.4).contains(&gap), "{gap}");
    }
}

#[test]
fn nothing_is_asked_about_a_picture_that_was_asked_about() {
    let service = service(|_| {});
    let line = format!(
        "{} ",
        line(15, "interval-seconds=0.4")
            .replace(" ! overshootsink", " ! identity name=gate ! overshootsink")
    );
    let pipeline = Pipeline::new(&service, &line);
    let gate = pipeline.pipeline.by_name("gate").expect("it is there");
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    gate.set_property("drop-probability", 1.0f32);
    // The element tells of the standstill after 5 s.
    pipeline.wait_for_failure(false, WAIT);
    let asked = service.control.snapshot().questions;
    let ticks = asked.len();
    assert!(ticks < 6, "{ticks} questions");
    // Another question is another matter.
    pipeline.sink.set_property("prompt", "And now?");
    service.wait("its question", |seen| {
        seen.questions
            .last()
            .is_some_and(|question| question.prompt == "And now?")
    });
    gate.set_property("drop-probability", 0.0f32);
    service.wait("more", |seen| seen.questions.len() > ticks + 3);
    pipeline.stop();
}

#[test]
fn the_end_of_the_video_is_asked_about_and_not_waited_for_long() {
    let service = service(|_| {});
    let line = line(30, "interval-seconds=0.5").replace("is-live=true", "num-buffers=60");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    let start = std::time::Instant::now();
    pipeline.wait_for_eos(WAIT);
    let took = start.elapsed();
    let last = pipeline.results().pop().expect("answers");
    let about = clock.newest(&last.text()).running_time;
    println!("EOS {took:?} after the first answer; the last one is about {about}");
    assert!(took < Duration::from_millis(4000), "{took:?}");
    assert!(about > gst::ClockTime::from_mseconds(1_600), "{about}");
    service.assert_all_deleted();
}

#[test]
fn the_prompt_of_the_next_question_is_the_newest_one() {
    let service = service(|_| {});
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    pipeline.sink.set_property("prompt", "And now?");
    let taken = pipeline.wait_for_element("overshoot-prompt", WAIT);
    assert_eq!(taken.get("prompt"), Ok("And now?"));
    assert_eq!(taken.get("prompt-serial"), Ok(2u64));
    let newest = pipeline.wait_for("its answer", WAIT, |message| {
        let structure = message
            .structure()
            .filter(|s| s.name() == "overshoot-result")?;
        (structure.get("prompt-serial") == Ok(2u64)).then(|| structure.to_owned())
    });
    assert_eq!(newest.get("late"), Ok(false));
    // What is asked once is no answer to the prompt that says the same, and never late.
    pipeline.sink.set_property("drop-late-results", true);
    let arguments: [&dyn ToValue; 3] = [&"What do you see?", &0u64, &0u64];
    let serial: u64 = pipeline.sink.emit_by_name("ask", &arguments);
    let once = pipeline.wait_for("its answer", WAIT, |message| {
        let structure = message.structure()?;
        (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
    });
    assert_eq!(once.get("late"), Ok(false));
    assert!(!once.has_field("prompt-serial"), "{once}");
    pipeline.stop();
}

#[test]
fn models_that_are_not_ready_are_passed_over_or_refused() {
    let model = |name: &str, status| Model {
        name: name.to_owned(),
        status,
    };
    let models = vec![
        model("old", ModelStatus::Unavailable),
        model("new", ModelStatus::Ready),
    ];
    for (property, asked) in [
        ("", Some("new")),
        ("model=old,new", Some("new")),
        ("model=old", None),
    ] {
        let service = service(|config| config.models = models.clone());
        let properties = format!("interval-seconds=0.5 {property}");
        let pipeline = Pipeline::new(&service, &line(15, &properties));
        pipeline.play();
        match asked {
            Some(name) => {
                let answer = pipeline.wait_for_element("overshoot-result", WAIT);
                assert_eq!(answer.get("model-name"), Ok(name));
            }
            None => {
                let failure = pipeline.wait_for_failure(true, WAIT);
                assert!(failure.text.contains("new"), "{failure:?}");
                // Before anything bills.
                assert!(service.control.snapshot().streams.is_empty());
            }
        }
        pipeline.stop();
    }
}

#[test]
fn the_service_s_region_is_followed() {
    let service = service(|config| config.region = Some("eu".to_owned()));
    let pipeline = Pipeline::new(&service, &line(15, "interval-seconds=0.5"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    pipeline.stop();
    let seen = service.control.snapshot();
    let refused = seen
        .requests
        .iter()
        .filter(|request| request.status == 409)
        .count();
    assert_eq!(refused, 1, "the region is asked for once");
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

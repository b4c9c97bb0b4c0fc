// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions of the application (API v1): without `prompt` nothing else is asked, and `ask-about` names any time, several
//! cameras and pictures. The pictures contain a clock, so that the tests know which frames the service showed the model.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Question};

use crate::common::clock::timestamp;
use crate::common::pipeline::PostedMessage;
use crate::common::{KEY, Pipeline, Service};

const WAIT_TIMEOUT: Duration = Duration::from_secs(15);
const CLOCK: &str = "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! debugqroverlay name=clock pixel-size=4";

/// A pipeline whose element has no prompt.
fn pipeline(service: &Service, line: &str) -> Pipeline {
    let pipeline = Pipeline::new(service, line);
    pipeline.sink.set_property("prompt", "");
    pipeline
}

fn ask_about(pipeline: &Pipeline, structure: &str) -> u64 {
    let structure: gst::Structure = structure.parse().expect("a structure");
    pipeline.sink.emit_by_name("ask-about", &[&structure])
}

/// Asks, and waits for the answer.
fn answer(pipeline: &Pipeline, structure: &str) -> PostedMessage {
    let serial = ask_about(pipeline, structure);
    assert_ne!(serial, 0, "{structure}: {:?}", pipeline.failures());
    wait_for_answer(pipeline, serial)
}

fn wait_for_answer(pipeline: &Pipeline, serial: u64) -> PostedMessage {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let is_answer = |posted: &PostedMessage| posted.structure.get("ask-serial") == Ok(serial);
        if let Some(found) = pipeline.results().into_iter().find(is_answer) {
            return found;
        }
        assert!(Instant::now() < deadline, "no answer {serial}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn last_question(service: &Service) -> Question {
    let seen = service.control.snapshot();
    seen.questions.last().cloned().expect("a question")
}

/// The times that the first and the last frame show of which the emulator has read the code, for each stream.
fn shown(question: &Question) -> Vec<(gst::ClockTime, gst::ClockTime)> {
    let media = question.media.iter().map(|media| {
        let codes = media
            .frames
            .iter()
            .filter_map(|frame| frame.code.as_deref());
        let times: Vec<_> = codes.filter_map(timestamp).collect();
        let time = |ns: Option<&u64>| {
            let ns = ns.unwrap_or_else(|| panic!("no clock in {media:?}"));
            gst::ClockTime::from_nseconds(*ns)
        };
        (time(times.first()), time(times.last()))
    });
    media.collect()
}

fn assert_near(shown: gst::ClockTime, expected: gst::ClockTime, bound_ms: u64) {
    let bound = gst::ClockTime::from_mseconds(bound_ms);
    assert!(
        shown.absdiff(expected) <= bound,
        "{shown} is not {expected}"
    );
}

#[test]
fn without_a_prompt_only_the_application_asks() {
    let service = Service::of("v1", |_| {});
    let line = format!(
        "videotestsrc is-live=true pattern=red ! {CLOCK} ! overshootsink name=o interval-seconds=0.3"
    );
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    let info = pipeline.wait_for("an INFO", WAIT_TIMEOUT, |message| match message.view() {
        gst::MessageView::Info(info) => Some(info.error().message().to_owned()),
        _ => None,
    });
    assert!(info.contains("ask-about"), "{info}");
    let frames = |count: usize| {
        let enough = |seen: &overshoot_emulator::Snapshot| {
            seen.streams.first().is_some_and(|s| s.frames.len() > count)
        };
        service.wait("frames", enough).streams[0].frames.len()
    };
    // A second of video.
    let sent = frames(5);
    frames(sent + 5);
    assert!(service.control.snapshot().questions.is_empty());
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"Which colour?", &0u64, &0u64]);
    let posted = wait_for_answer(&pipeline, serial);
    assert!(posted.text().contains("red"), "{}", posted.text());
    assert_eq!(posted.structure.get("ok"), Ok(true));

    // No prompt is no change. A prompt starts the schedule.
    pipeline.sink.set_property("prompt", "");
    pipeline.sink.set_property("prompt", "What do you see?");
    service.wait("answers", |seen| seen.questions.len() >= 4);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_video_is_asked_about_after_its_end() {
    let service = Service::of("v1", |_| {});
    let line = format!(
        "videotestsrc num-buffers=120 pattern=white ! {CLOCK} ! overshootsink name=o target-fps=10 max-framerate=30/1"
    );
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    let start = Instant::now();
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let took = start.elapsed();
    // The video is 4 s long, and no answer is waited for.
    assert!(
        took < Duration::from_millis(5_500),
        "EOS came after {took:?}"
    );
    assert_eq!(
        pipeline.states().last().map(String::as_str),
        Some("streaming")
    );
    let ms = gst::ClockTime::from_mseconds;
    for (from, to) in [
        (1000, 2500),
        (0, 10_000),
        (3000, 3000),
        (500, 500),
        (2000, 2400),
    ] {
        let question =
            format!("ask,prompt=\"What?\",from=(guint64){from}000000,to=(guint64){to}000000");
        let posted = answer(&pipeline, &question);
        let (first, last) = shown(&last_question(&service))[0];
        println!("{from} to {to} ms: frames of {first} to {last}");
        // A clip has a frame each 100 ms. Its last one may be a step older than its end.
        assert_near(first, ms(from), 50);
        assert_near(last, ms(to.min(3967)), if from == to { 50 } else { 140 });
        let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
        assert_near(capture_time, ms(to.min(3967)), 50);
        let mode = if from == to { "frame" } else { "clip" };
        assert_eq!(posted.structure.get("mode"), Ok(mode));
    }
    // The newest frame, and half a second of the middle.
    answer(&pipeline, "ask,prompt=\"The end?\"");
    assert_near(shown(&last_question(&service))[0].1, ms(3967), 40);
    answer(
        &pipeline,
        "ask,prompt=\"The middle?\",window-ms=500,end-offset-ms=2000",
    );
    assert_near(shown(&last_question(&service))[0].0, ms(3967 - 2500), 60);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn the_end_waits_for_questions_that_were_asked() {
    let service = Service::of("v1", |config| {
        config.inference_latency = Duration::from_millis(900);
    });
    let line = format!("videotestsrc num-buffers=45 pattern=red ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 6)
    });
    let serial = ask_about(&pipeline, "ask,prompt=\"Which colour?\"");
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let mut results = pipeline.results().into_iter();
    let answered = results.find(|posted| posted.structure.get("ask-serial") == Ok(serial));
    assert!(
        answered
            .expect("answered before EOS")
            .text()
            .contains("red")
    );
    // The stream may be lost later.
    let id = service.control.snapshot().streams[0].id.clone();
    assert!(
        service
            .control
            .end_stream(&id, overshoot_emulator::EndReason::LeaseExpired)
    );
    let posted = answer(&pipeline, "ask,prompt=\"And now?\"");
    assert_eq!(posted.structure.get("ok"), Ok(false));
}

#[test]
fn one_question_is_about_two_cameras() {
    let service = Service::of("v1", |_| {});
    let camera = |pattern: &str, name: &str, clock: &str| {
        format!(
            "videotestsrc is-live=true pattern={pattern} ! {} ! overshootsink name={name} max-framerate=30/1",
            CLOCK.replace("name=clock", clock)
        )
    };
    let line = camera("white", "o", "name=clock") + " " + &camera("green", "yard", "");
    let pipeline = pipeline(&service, &line);
    let yard = pipeline.pipeline.by_name("yard").expect("a second element");
    yard.set_property("api-url", &service.url);
    yard.set_property("api-key", KEY);
    pipeline.play();
    service.wait("video of both", |seen| {
        seen.streams.len() == 2 && seen.streams.iter().all(|s| s.frames.len() > 90)
    });
    let ids: Vec<_> = [&pipeline.sink, &yard]
        .map(|sink| sink.property::<String>("stream-id"))
        .into();
    let now = pipeline.sink.current_running_time().expect("it plays");
    let then = now - gst::ClockTime::from_mseconds(1_500);
    let question = format!(
        "ask,prompt=\"Who is where?\",from=(guint64){},sinks=yard",
        then.nseconds()
    );
    let posted = answer(&pipeline, &question);
    println!("{}", posted.text());
    let question = last_question(&service);
    let streams: Vec<_> = question
        .media
        .iter()
        .map(|media| &media.stream_id)
        .collect();
    assert_eq!(streams, ids.iter().collect::<Vec<_>>());
    for (_, shown) in shown(&question) {
        assert_near(shown, then, 60);
    }
    // The model is told which pictures are whose.
    assert_eq!(question.prompt, "Who is where?\no\nyard");
    assert!(posted.text().contains("green"), "{}", posted.text());
    assert_eq!(posted.structure.get("prompt"), Ok("Who is where?"));
    // And a clip with a still of each.
    answer(
        &pipeline,
        "ask,prompt=\"Who is where?\",window-ms=1000,sinks=<yard>,still=true",
    );
    let question = last_question(&service);
    let urls: Vec<_> = question.media.iter().map(|media| &media.url).collect();
    let [a, b, c, d] = &urls[..] else {
        panic!("{urls:?}")
    };
    for (clip, still) in [(a, b), (c, d)] {
        assert!(clip.contains("start_offset_ms=-1000"), "{urls:?}");
        assert!(still.contains("frame_index=-1"), "{urls:?}");
    }
    pipeline.stop();
    service.assert_all_deleted();
}

/// The question in docs/api-v1.md.
#[test]
fn a_question_is_about_cameras_and_a_photo() {
    let folder = std::env::temp_dir().join(format!("overshoot-photo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let service = Service::of("v1", |_| {});
    let line = "videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=240,framerate=15/1 ! tee name=t \
        t. ! queue ! overshootsink name=o t. ! queue ! overshootsink name=yard \
        videotestsrc num-buffers=1 pattern=blue ! jpegenc ! filesink name=photo";
    let pipeline = pipeline(&service, line);
    let photo = pipeline.pipeline.by_name("photo").expect("a file");
    photo.set_property("location", folder.join("photo.jpg"));
    let yard = pipeline.pipeline.by_name("yard").expect("an element");
    yard.set_property("api-url", &service.url);
    yard.set_property("api-key", KEY);
    pipeline.play();
    let until = gst::ClockTime::from_mseconds(3_200);
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while pipeline.sink.current_running_time() < Some(until)
        || service.control.snapshot().streams.len() < 2
        || pipeline
            .states()
            .iter()
            .filter(|state| *state == "streaming")
            .count()
            < 2
    {
        assert!(Instant::now() < deadline, "{:?}", pipeline.states());
        std::thread::sleep(Duration::from_millis(20));
    }
    // The picture's path is relative.
    std::env::set_current_dir(&folder).expect("the folder is there");
    let sink = &pipeline.sink;
    let question = gst::Structure::builder("question")
        .field("prompt", "Is the person in the photo in one of the videos?")
        .field("from", gst::ClockTime::from_seconds(2))
        .field("to", gst::ClockTime::from_seconds(3))
        .field("sinks", gst::Array::new(["yard"]))
        .field("pictures", "photo.jpg")
        .build();
    let serial = sink.emit_by_name::<u64>("ask-about", &[&question]);
    assert_ne!(serial, 0, "{:?}", pipeline.failures());
    wait_for_answer(&pipeline, serial);
    let seen = service.control.snapshot();
    let body = seen
        .calls(Call::Chat)
        .last()
        .and_then(|call| call.body.clone());
    let body = body.expect("a body");
    let parts = body["messages"][0]["content"].as_array().expect("a list");
    let kinds: Vec<_> = parts
        .iter()
        .filter_map(|part| part["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "text",
            "text",
            "video_url",
            "text",
            "video_url",
            "image_url"
        ]
    );
    let url = parts[5]["image_url"]["url"].as_str().expect("a URL");
    assert!(url.starts_with("data:image/jpeg;base64,/9j/"), "{url}");
    std::fs::remove_dir_all(folder).expect("the folder is there");
}

#[test]
fn a_question_has_settings_of_its_own() {
    let service = Service::of("v1", |_| {});
    let line = format!(
        "videotestsrc is-live=true pattern=blue ! {CLOCK} ! overshootsink name=o system-prompt=Long."
    );
    let pipeline = pipeline(&service, &line);
    pipeline.play();
    pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
    let posted = answer(
        &pipeline,
        "ask,prompt=\"Which colour?\",model=\"Qwen/Qwen3-VL-8B-Instruct\",system-prompt=Short.,temperature=0.3,\
         max-output-tokens=99,output-schema=\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":{\\\"colour\\\":{\\\"type\\\":\\\"string\\\"}},\\\"required\\\":[\\\"colour\\\"]}\"",
    );
    let json: serde_json::Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert!(json["colour"].is_string(), "{json}");
    let seen = service.control.snapshot();
    let body = seen
        .calls(Call::Chat)
        .last()
        .and_then(|call| call.body.clone());
    let body = body.expect("a body");
    assert_eq!(body["model"], "Qwen/Qwen3-VL-8B-Instruct");
    assert_eq!(body["temperature"], 0.3);
    assert_eq!(body["max_completion_tokens"], 99);
    assert_eq!(body["messages"][0]["content"], "Short.");
    // The next question has the element's settings again.
    answer(&pipeline, "ask,prompt=\"And?\"");
    let question = last_question(&service);
    assert_eq!(question.system.as_deref(), Some("Long."));
    assert_ne!(question.model, "Qwen/Qwen3-VL-8B-Instruct");
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_fix() {
    let service = Service::of("v1", |_| {});
    let line = format!("videotestsrc is-live=true ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    assert_eq!(ask_about(&pipeline, "ask,prompt=\"Too early?\""), 0);
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 5)
    });
    for (question, fix) in [
        (
            "ask,prompt=a,sinks=yard",
            "no overshootsink with the name yard",
        ),
        (
            "ask,prompt=a,sinks=clock",
            "no overshootsink with the name clock",
        ),
        (
            "ask,prompt=a,from=(guint64)90000000000",
            "a time that has passed",
        ),
        (
            "ask,prompt=a,from=(guint64)90000000000,to=(guint64)91000000000",
            "a time that has passed",
        ),
        ("ask,promt=a", "unknown field promt"),
        ("ask", "needs a prompt"),
    ] {
        let before = pipeline.failures().len();
        assert_eq!(ask_about(&pipeline, question), 0, "{question}");
        let failures = pipeline.failures();
        let [failure] = &failures[before..] else {
            panic!("{failures:?}")
        };
        assert!(
            !failure.fatal && failure.is(gst::ResourceError::Settings),
            "{failure:?}"
        );
        assert!(failure.text.contains(fix), "{failure:?} should say {fix}");
    }
    assert!(service.control.snapshot().questions.is_empty());
}

#[test]
fn v02_needs_a_prompt() {
    let service = Service::start();
    let line = format!("videotestsrc is-live=true ! {CLOCK} ! overshootsink name=o");
    let pipeline = pipeline(&service, &line);
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
    assert!(failure.text.contains("prompt is empty"), "{failure:?}");
    assert!(service.control.snapshot().requests.is_empty());
}

#[test]
fn on_v02_the_clip_of_an_answer_is_asked_about() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true pattern=white ! {CLOCK} ! overshootsink name=o prompt=Colour delay-seconds=1.5"
    );
    let pipeline = Pipeline::new(&service, &line);
    let early = {
        pipeline.play();
        pipeline.wait_for_state("streaming", WAIT_TIMEOUT);
        answer(&pipeline, "ask,prompt=\"Too early?\"")
    };
    let error: String = early.structure.get("error").expect("an error");
    assert!(error.contains("ask after an answer"), "{error}");
    let is_old = |posted: &PostedMessage| posted.at.elapsed() > Duration::from_secs(3);
    let deadline = Instant::now() + WAIT_TIMEOUT;
    let is_answer = |posted: &&PostedMessage| posted.structure.get("ok") == Ok(true);
    while !pipeline.results().iter().filter(is_answer).any(is_old) {
        assert!(Instant::now() < deadline, "no answers");
        std::thread::sleep(Duration::from_millis(50));
    }
    for (question, age_ms) in [
        ("ask,prompt=\"And now?\"", 0),
        ("ask,prompt=\"And before?\",end-offset-ms=1500", 1500),
    ] {
        let now = pipeline.sink.current_running_time().expect("it plays");
        let posted = answer(&pipeline, question);
        let about = gst::ClockTime::from_nseconds(timestamp(&posted.text()).expect("a clock"));
        let then = now - gst::ClockTime::from_mseconds(age_ms);
        assert_near(about, then, 1_600);
        let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
        assert_near(capture_time, about, 200);
        let json: serde_json::Value = serde_json::from_str(&posted.json()).expect("JSON");
        assert_eq!(
            json["ask_serial"],
            posted.structure.get::<u64>("ask-serial").expect("a number")
        );
    }
    let posted = answer(
        &pipeline,
        "ask,prompt=\"Which colour?\",output-schema=\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":{\\\"colour\\\":{\\\"type\\\":\\\"string\\\"}}}\"",
    );
    let json: serde_json::Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert!(json["colour"].is_string(), "{json}");
    for refused in ["still=true", "system-prompt=Short."] {
        let posted = answer(&pipeline, &format!("ask,prompt=a,{refused}"));
        let error: String = posted.structure.get("error").expect("an error");
        assert!(error.contains("need API v1"), "{error}");
    }
    let posted = answer(&pipeline, "ask,prompt=a,model=none/such");
    let error: String = posted.structure.get("error").expect("an error");
    assert!(error.contains("none/such"), "{error}");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

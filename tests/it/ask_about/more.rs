// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a question has besides a time: other cameras, pictures, a model, a schema, instructions.

use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::Call;

use super::{
    CLOCK, WAIT_TIMEOUT, answer, assert_near, last_question, pipeline, shown, wait_for_answer,
};
use crate::common::{KEY, Service};

/// The body of the newest question.
fn last_body(service: &Service) -> serde_json::Value {
    let seen = service.control.snapshot();
    let newest = seen.calls(Call::Chat).last();
    newest.and_then(|call| call.body.clone()).expect("a body")
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
    let posted = wait_for_answer(&pipeline, serial);
    assert!(posted.text().contains("red"), "{}", posted.text());
    assert!(posted.text().contains("blue"), "{}", posted.text());
    let body = last_body(&service);
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
    let body = last_body(&service);
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

/// The video is sent smaller than the source has it: a still has the source's size.
#[test]
fn a_still_has_the_size_of_the_source() {
    for encoder in ["", "! jpegenc"] {
        let service = Service::of("v1", |_| {});
        let line = format!(
            "videotestsrc is-live=true pattern=red ! video/x-raw,width=1920,height=1080,framerate=10/1 {encoder} \
             ! overshootsink name=o max-width=640 max-height=360"
        );
        let pipeline = pipeline(&service, &line);
        pipeline.play();
        service.wait("a picture", |seen| {
            let stream = seen.streams.first();
            stream.is_some_and(|stream| stream.frames.len() > 3)
        });
        let of = |question: &str| {
            let posted = answer(&pipeline, question);
            assert_eq!(posted.structure.get("ok"), Ok(true), "{}", posted.structure);
            posted.text()
        };
        let clip = of("ask,prompt=\"What?\",window-ms=300,still=true");
        assert!(clip.contains("640x360"), "{clip}");
        let large = clip.lines().find(|line| line.contains("1920x1080"));
        assert!(large.is_some_and(|line| line.contains("red")), "{clip}");
        let still = of("ask,prompt=\"What?\",still=true");
        assert!(
            still.contains("1920x1080") && !still.contains("640x360"),
            "{still}"
        );
        // A still of the past is the stream's.
        let past = of("ask,prompt=\"What?\",window-ms=200,end-offset-ms=300,still=true");
        assert!(!past.contains("1920x1080"), "{past}");
        pipeline.stop();
        service.assert_all_deleted();
    }
}

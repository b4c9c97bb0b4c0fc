// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Text in live video. The emulator reads it with tesseract, and the words arrive in the element's messages, with
//! both versions of the API.

use std::collections::HashSet;
use std::time::Duration;

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Engine, Ocr};
use serde_json::Value;

/// Reading takes a second, and longer on a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);
/// The texts that are shown one after the other: words, numbers and punctuation.
const SIGNS: [&str; 4] = [
    "Gate 42 opens at noon",
    "Please keep to the left",
    "Total 128.50 EUR at 14:35",
    "Platform nine is closed today",
];

/// A service that answers with the text that tesseract reads.
fn service(api: &str) -> Service {
    let ocr = Ocr::new("eng").expect("tesseract (tests/run.sh installs it)");
    Service::of(api, |config| config.engine = Engine::Ocr(ocr))
}

/// A launch line: moving video with a text in it, at the element's default bitrate.
fn line(font: u32, properties: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern=ball ! video/x-raw,width=1280,height=720,framerate=15/1 \
         ! textoverlay name=sign valignment=center auto-resize=false font-desc=\"Sans {font}\" \
         ! overshootsink name=o prompt=\"Read any visible text.\" {properties}"
    )
}

/// How many of the sign's words the answer contains, and how many the sign has.
fn words_in(answer: &str, sign: &str) -> (usize, usize) {
    let answer_words: HashSet<&str> = answer.split_whitespace().collect();
    let words: Vec<&str> = sign.split(' ').collect();
    let found = words
        .iter()
        .filter(|word| answer_words.contains(**word))
        .count();
    (found, words.len())
}

/// Shows each sign until an answer is about it. Returns the fraction of the words that were read.
fn accuracy(pipeline: &Pipeline) -> f64 {
    let sign = pipeline.pipeline.by_name("sign").expect("a sign");
    let (mut found, mut all) = (0, 0);
    for text in SIGNS {
        sign.set_property("text", text);
        let shown_at = pipeline.pipeline.current_running_time().expect("it plays");
        let answer = pipeline.wait_for("an answer about the sign", WAIT_TIMEOUT, |_| {
            let about = |result: &crate::common::pipeline::PostedMessage| {
                let time: Option<gst::ClockTime> = result.structure.get("capture-time").ok();
                // Frames with the previous sign may still be on their way.
                time.is_some_and(|time| time > shown_at + gst::ClockTime::from_mseconds(300))
            };
            let results = pipeline.results();
            results.iter().find(|result| about(result)).map(|result| {
                assert_eq!(result.structure.get("ok"), Ok(true));
                result.text()
            })
        });
        let (read, words) = words_in(&answer, text);
        println!("{read} of {words} words: {answer:?}");
        (found, all) = (found + read, all + words);
    }
    found as f64 / all as f64
}

#[test]
fn words_are_read_from_live_video() {
    for (api, properties, fonts) in [
        ("v0.2", "interval-seconds=0.5", [28, 14].as_slice()),
        ("v1", "interval-seconds=0.5", &[14]),
        (
            "v0.2",
            "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5",
            &[14],
        ),
    ] {
        for font in fonts.iter().copied() {
            let service = service(api);
            let pipeline = Pipeline::new(&service, &line(font, properties));
            pipeline.play();
            let accuracy = accuracy(&pipeline);
            println!(
                "{api}, {properties}, {font} points: {:.0} %",
                accuracy * 100.0
            );
            assert!(accuracy >= 0.9, "{api} {font}: {accuracy}");
            let name: String = pipeline.results()[0]
                .structure
                .get("model-name")
                .expect("a name");
            assert_eq!(name, "tesseract");
            pipeline.stop();
            service.assert_all_deleted();
        }
    }
}

#[test]
fn the_text_goes_into_the_schemas_string_field() {
    for (schema, field) in [
        (
            r#"{"type":"object","properties":{"text":{"type":"string"},"language":{"type":"string"}},"required":["text"]}"#,
            "text",
        ),
        (
            r#"{"type":"object","properties":{"plate":{"type":"string"},"moving":{"type":"boolean"}},"required":["plate"]}"#,
            "plate",
        ),
    ] {
        let service = service("v0.2");
        let pipeline = Pipeline::new(
            &service,
            &line(28, "interval-seconds=0.5 max-output-tokens=60"),
        );
        pipeline.sink.set_property("output-schema", schema);
        let sign = pipeline.pipeline.by_name("sign").expect("a sign");
        sign.set_property("text", SIGNS[0]);
        pipeline.play();
        let answer = pipeline.wait_for("an answer", WAIT_TIMEOUT, |_| {
            pipeline.results().first().map(|posted| posted.text())
        });
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let text = answer[field].as_str().expect("text");
        assert!(words_in(text, SIGNS[0]).0 >= 4, "{answer}");
        pipeline.stop();
    }
}

#[test]
fn the_answer_says_that_a_picture_has_no_text() {
    let service = service("v0.2");
    let pipeline = Pipeline::new(&service, &line(28, "interval-seconds=0.5"));
    pipeline.play();
    let answer = pipeline.wait_for("an answer", WAIT_TIMEOUT, |_| {
        pipeline.results().first().map(|posted| posted.text())
    });
    assert_eq!(answer, "No text is visible.");
    pipeline.stop();
}

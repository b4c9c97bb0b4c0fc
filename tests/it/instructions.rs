// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the questions of API v1 carry besides their text: system prompt, temperature, thread.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Call, Model, ModelStatus};
use serde_json::{Value, json};

use crate::common::{Pipeline, Service};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 \
    ! overshootsink name=o interval-seconds=0.4";
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// The bodies of all questions so far.
fn bodies(service: &Service) -> Vec<Value> {
    let seen = service.control.snapshot();
    let bodies = seen.calls(Call::Chat).map(|r| r.body.clone());
    bodies.map(|body| body.expect("JSON")).collect()
}

#[test]
fn every_question_carries_them() {
    let service = Service::of("v1", |_| {});
    let questions = "questions=<\"q,name=people,prompt=(string)How-many,interval-seconds=0.4\">";
    let line = format!("{LIVE} system-prompt=\"Answer in one word.\" temperature=0.2 {questions}");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    service.wait("answers", |seen| seen.questions.len() >= 6);
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask", &[&"And now?", &0u64, &0u64]);
    assert!(serial > 0);
    let seen = service.wait("the answer", |seen| {
        seen.questions
            .iter()
            .any(|question| question.prompt == "And now?")
    });
    assert!(
        seen.questions
            .iter()
            .all(|q| q.system.as_deref() == Some("Answer in one word."))
    );
    pipeline.stop();
    let mut threads: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for body in bodies(&service) {
        let messages = body["messages"].as_array().expect("a list");
        assert_eq!(messages.len(), 2, "{body}");
        let system = json!({"role": "system", "content": "Answer in one word."});
        assert_eq!(messages[0], system);
        assert_eq!(messages[1]["role"], "user");
        assert_eq!(body["temperature"], 0.2);
        let prompt = messages[1]["content"][0]["text"].as_str().expect("a text");
        let thread = body["thread_id"].as_str().map(str::to_owned);
        threads.entry(prompt.to_owned()).or_default().insert(thread);
    }
    assert_eq!(threads.remove("And now?"), Some(BTreeSet::from([None])));
    let [own, people] = ["What do you see?", "How-many"].map(|prompt| threads.remove(prompt));
    let (own, people) = own.zip(people).expect("both were asked");
    assert!(
        own.len() == 1 && people.len() == 1 && own != people,
        "{own:?} {people:?}"
    );
    assert!(
        own.iter().all(Option::is_some) && threads.is_empty(),
        "{own:?} {threads:?}"
    );
}

#[test]
fn unset_they_are_left_out() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, &format!("{LIVE} system-prompt=\" \""));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    for body in bodies(&service) {
        assert_eq!(body["messages"].as_array().map(Vec::len), Some(1), "{body}");
        assert!(body.get("temperature").is_none(), "{body}");
    }
}

#[test]
fn the_model_decides_how_it_learns_the_schema() {
    const GEMMA: &str = "google/gemma-3-27b-it";
    let schema = json!({"type": "object", "properties": {"colour": {"type": "string"}}});
    for (properties, in_prompt) in [
        ("model=Qwen/Qwen3-VL-8B-Instruct", false),
        ("model=google/gemma-3-27b-it", true),
        ("model=google/gemma-3-27b-it schema-mode=strict", false),
        ("model=Qwen/Qwen3-VL-8B-Instruct schema-mode=prompt", true),
    ] {
        let service = Service::of("v1", |config| {
            config.models.push(Model {
                name: GEMMA.to_owned(),
                status: ModelStatus::Ready,
            });
        });
        let pipeline = Pipeline::new(&service, &format!("{LIVE} {properties}"));
        pipeline
            .sink
            .set_property("output-schema", schema.to_string());
        pipeline.play();
        let result = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        let text: String = result.get("result").expect("an answer");
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        // The prompt of the message is the question alone.
        assert_eq!(result.get("prompt"), Ok("What do you see?"));
        let body = bodies(&service).remove(0);
        let kind = match in_prompt {
            true => "json_object",
            false => "json_schema",
        };
        assert_eq!(body["response_format"]["type"], kind, "{properties}");
        let parts = body["messages"][0]["content"].as_array().expect("a list");
        let texts = parts.iter().filter_map(|part| part["text"].as_str());
        let has_schema = texts
            .clone()
            .any(|text| text.ends_with(&schema.to_string()));
        assert_eq!(has_schema, in_prompt, "{body}");
    }
}

#[test]
fn wrong_ones_are_refused_with_the_fix() {
    for (api, properties, fix) in [
        ("v0.2", "system-prompt=Short.", "at the start of prompt"),
        ("v0.2", "temperature=1", "needs API v1"),
        ("v1", "temperature=-0.5", "-1 leaves it to the model"),
        ("v0.2", "schema-mode=prompt", "needs API v1"),
    ] {
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(&service, &format!("{LIVE} {properties}"));
        assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
        let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
        assert!(failure.text.contains(fix), "{failure:?}");
        assert!(service.control.snapshot().requests.is_empty());
    }
}

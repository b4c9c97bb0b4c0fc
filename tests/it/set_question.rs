// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action `set-question` changes questions while the pipeline plays: on API v1, all of a change is in one request.

mod new_stream;

use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, Times};
use serde_json::{Value, json};

use crate::common::{Pipeline, Service};

const WAIT_TIMEOUT: Duration = Duration::from_secs(15);
const MODEL: &str = "Qwen/Qwen3-VL-8B-Instruct";

fn line(properties: &str) -> String {
    format!(
        "videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=240,framerate=15/1 \
         ! overshootsink name=o {properties}"
    )
}

fn set_question(pipeline: &Pipeline, structure: &gst::Structure) -> bool {
    pipeline.sink.emit_by_name("set-question", &[structure])
}

/// The message about a change that was withdrawn.
fn wait_for_withdrawal(pipeline: &Pipeline) -> gst::Structure {
    pipeline.wait_for("the withdrawal", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        structure
            .has_field("withdrawn")
            .then(|| structure.to_owned())
    })
}

fn schema(field: &str) -> Value {
    json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]})
}

/// What each request so far was about: prompt, model, and the field that its schema requires.
fn asked(service: &Service) -> Vec<(String, String, Option<String>)> {
    let seen = service.control.snapshot();
    let requests = seen.calls(Call::Chat).filter_map(|call| call.body.as_ref());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    requests
        .map(|body| {
            let content = &body["messages"][0]["content"][0];
            let schema = &body["response_format"]["json_schema"]["schema"];
            (
                text(&content["text"]).expect("a prompt"),
                text(&body["model"]).expect("a model"),
                text(&schema["required"][0]),
            )
        })
        .collect()
}

#[test]
fn all_of_a_change_is_in_one_request() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.2"));
    pipeline
        .sink
        .set_property("output-schema", schema("a").to_string());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    // Several changes, one soon after the other.
    for n in 0..6 {
        let field = format!("f{n}");
        let change = gst::Structure::builder("question")
            .field("prompt", format!("Question {n}?"))
            .field("output-schema", schema(&field).to_string())
            .field("model", if n % 2 == 0 { MODEL } else { "" })
            .field("interval-seconds", 0.1 + f64::from(n) * 0.01)
            .build();
        assert!(
            set_question(&pipeline, &change),
            "{:?}",
            pipeline.failures()
        );
        service.wait("the question", |seen| {
            seen.questions
                .iter()
                .any(|q| q.prompt == format!("Question {n}?"))
        });
    }
    assert_eq!(pipeline.sink.property::<String>("prompt"), "Question 5?");
    let accepted = pipeline.wait_for("the change", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        let is_newest = structure.get("prompt") == Ok("Question 5?");
        (structure.name() == "overshoot-prompt" && is_newest).then(|| structure.to_owned())
    });
    assert!(accepted.has_field("prompt-serial"), "{accepted}");
    // The answers fit the schema of their question.
    let result = pipeline.wait_for("an answer", WAIT_TIMEOUT, |message| {
        let structure = message.structure()?;
        (structure.name() == "overshoot-result" && structure.get("prompt") == Ok("Question 5?"))
            .then(|| structure.to_owned())
    });
    let answer: Value =
        serde_json::from_str(&result.get::<String>("result").expect("a text")).expect("JSON");
    assert!(
        answer["f5"].is_string() && !result.has_field("schema-error"),
        "{result}"
    );
    let default = asked(&service)[0].1.clone();
    assert_ne!(default, MODEL);
    for (prompt, model, field) in asked(&service) {
        let expected = match prompt.strip_prefix("Question ") {
            None => (default.as_str(), "a".to_owned()),
            Some(n) => {
                let n: u32 = n.trim_end_matches('?').parse().expect("a number");
                (
                    if n.is_multiple_of(2) { MODEL } else { &default },
                    format!("f{n}"),
                )
            }
        };
        assert_eq!(
            (model.as_str(), field.expect("a schema")),
            expected,
            "{prompt}"
        );
    }
    // The next stream has them, too.
    let id = service.control.snapshot().streams[0].id.clone();
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    let before = asked(&service).len();
    service.wait("the next stream", |seen| {
        seen.streams.len() == 2 && seen.calls(Call::Chat).count() > before + 2
    });
    let (prompt, _, field) = asked(&service).pop().expect("a request");
    assert_eq!(
        (prompt.as_str(), field.as_deref()),
        ("Question 5?", Some("f5"))
    );
    pipeline.stop();
}

#[test]
fn a_change_is_asked_at_once_and_keeps_what_it_does_not_name() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, &line("clip-length-seconds=0.5 delay-seconds=60"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let faster = gst::Structure::builder("question").field("interval-seconds", 0.3);
    assert!(set_question(&pipeline, &faster.build()));
    let seen = service.wait("more answers", |seen| seen.questions.len() >= 4);
    for question in &seen.questions {
        assert_eq!(question.prompt, "What do you see?");
        assert!(
            question.media[0].url.contains("start_offset_ms=-500"),
            "{question:?}"
        );
    }
    // Single pictures instead of clips.
    let frame = gst::Structure::builder("question").field("clip-length-seconds", 0);
    assert!(set_question(&pipeline, &frame.build()));
    service.wait("a picture", |seen| {
        let newest = seen.questions.last();
        newest.is_some_and(|question| question.media[0].url.contains("frame_index=-1"))
    });
    pipeline.stop();
}

/// The change in docs/api-v1.md.
#[test]
fn the_documented_change_works() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, &line("interval-seconds=60"));
    let sink = &pipeline.sink;
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let schema = r#"{"properties":{"people":{"type":"integer"}},"required":["people"]}"#;
    let change = gst::Structure::builder("question")
        .field("prompt", "How many people are at the gate?")
        .field("interval-seconds", 0.5)
        .field("output-schema", schema)
        .build();
    assert!(sink.emit_by_name::<bool>("set-question", &[&change]));
    let seen = service.wait("two answers", |seen| seen.questions.len() >= 3);
    let answer: Value = serde_json::from_str(&seen.questions[2].answer).expect("JSON");
    assert!(answer["people"].is_i64(), "{answer}");
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn questions_with_a_name_are_added_changed_and_removed() {
    let service = Service::of("v1", |_| {});
    let questions = "questions=<\"q,name=people,prompt=(string)How-many,interval-seconds=0.2\">";
    let pipeline = Pipeline::new(
        &service,
        &line(&format!("interval-seconds=0.2 {questions}")),
    );
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    let change = |name: &str, prompt: &str| {
        let change = gst::Structure::builder("question")
            .field("name", name)
            .field("prompt", prompt)
            .field("interval-seconds", 0.2);
        assert!(
            set_question(&pipeline, &change.build()),
            "{:?}",
            pipeline.failures()
        );
    };
    let wait_for = |prompt: &str| {
        service.wait(prompt, |seen| {
            seen.questions.iter().filter(|q| q.prompt == prompt).count() >= 2
        });
    };
    wait_for("How-many");
    change("cars", "Any cars?");
    wait_for("Any cars?");
    change("people", "Who?");
    wait_for("Who?");
    change("people", "");
    // A request may be under way.
    let removed = service.control.snapshot().questions.len();
    service.wait("other questions", |seen| {
        seen.questions.len() > removed + 12
    });
    let after = service.control.snapshot().questions.split_off(removed + 3);
    let people = after
        .iter()
        .filter(|q| matches!(q.prompt.as_str(), "Who?" | "How-many"));
    assert_eq!(people.count(), 0, "{after:?}");
    let cars = pipeline
        .results()
        .into_iter()
        .find(|posted| posted.structure.get("question") == Ok("cars"));
    assert_eq!(
        cars.expect("an answer").structure.get("prompt"),
        Ok("Any cars?")
    );
    change("people", "Again?");
    wait_for("Again?");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

#[test]
fn a_refused_change_is_withdrawn_as_a_whole() {
    let service = Service::of("v1", |_| {});
    let pipeline = Pipeline::new(&service, &line("interval-seconds=60 max-framerate=15/1"));
    pipeline
        .sink
        .set_property("output-schema", schema("a").to_string());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    service
        .control
        .inject(Call::Chat, Fault::status(422), Times::Once);
    let change = gst::Structure::builder("question")
        .field("output-schema", schema("b").to_string())
        .field("model", MODEL);
    assert!(set_question(&pipeline, &change.build()));
    let withdrawn = wait_for_withdrawal(&pipeline);
    assert_eq!(withdrawn.get("prompt"), Ok("What do you see?"));
    // The question before it is asked again.
    service.wait("it", |seen| seen.calls(Call::Chat).count() == 3);
    let asked = asked(&service);
    let fields: Vec<_> = asked.iter().map(|(_, _, field)| field.as_deref()).collect();
    assert_eq!(fields, [Some("a"), Some("b"), Some("a")]);
    assert_eq!(asked[0].1, asked[2].1);
    // The next prompt has nothing of the change.
    pipeline.sink.set_property("prompt", "And now?");
    let slower = gst::Structure::builder("question").field("interval-seconds", 59);
    assert!(set_question(&pipeline, &slower.build()));
    service.wait("its question", |seen| seen.calls(Call::Chat).count() == 4);
    let (prompt, model, field) = self::asked(&service).pop().expect("a request");
    assert_eq!((prompt.as_str(), field.as_deref()), ("And now?", Some("a")));
    assert_eq!(model, asked[0].1);
    assert_eq!(service.control.snapshot().streams.len(), 1);
    pipeline.stop();
}

#[test]
fn what_cannot_be_changed_is_refused_with_the_fix() {
    for (api, plays, change, fix) in [
        (
            "v1",
            false,
            "q,prompt=a,interval-seconds=2",
            "does not run yet",
        ),
        (
            "v1",
            true,
            "q,prompt=(string)\"\"",
            "a prompt that is not empty",
        ),
        ("v1", true, "q,promt=a", "unknown field promt"),
        ("v1", true, "q,interval-seconds=0", "0.1 to 86400"),
        (
            "v1",
            true,
            "q,name=new,interval-seconds=2",
            "needs a prompt",
        ),
        (
            "v1",
            true,
            "q,name=new,prompt=(string)\"\"",
            "no question of this name",
        ),
        ("v0.2", false, "q,interval-seconds=2", "does not run yet"),
        ("v0.2", true, "q,interval-seconds=61", "0.1 to 60"),
        ("v0.2", true, "q,max-output-tokens=900", "128 tokens"),
        ("v0.2", true, "q,name=b,prompt=a", "need API v1"),
    ] {
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(&service, &line("interval-seconds=0.3"));
        if plays {
            pipeline.play();
            pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        }
        let structure: gst::Structure = change.parse().expect("a structure");
        assert!(!set_question(&pipeline, &structure), "{change}");
        let failures = pipeline.failures();
        let [failure] = &failures[..] else {
            panic!("{failures:?}")
        };
        assert!(
            !failure.fatal && failure.text.contains(fix),
            "{failure:?} should say {fix}"
        );
        assert_eq!(
            pipeline.sink.property::<String>("prompt"),
            "What do you see?"
        );
    }
    // The prompt alone can be changed on v0.2, and before the start.
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("interval-seconds=0.3"));
    let prompt = |text: &str| gst::Structure::builder("q").field("prompt", text).build();
    assert!(set_question(&pipeline, &prompt("First?")));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    assert!(set_question(&pipeline, &prompt("Second?")));
    service.wait("both", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.prompts == ["First?", "Second?"])
    });
}

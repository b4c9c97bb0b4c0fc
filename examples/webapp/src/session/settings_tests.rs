// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use serde_json::json;

use super::*;
use crate::config::Api;
use crate::models::Model;

fn asked(api: Api) -> Asked {
    let model = |(name, ready): (&str, bool)| Model {
        model: name.to_owned(),
        ready,
        status: "ready".to_owned(),
    };
    let models = [
        ("Qwen/Qwen3-VL", true),
        ("gpt-old", false),
        ("gpt-new", true),
        ("gemini-2.0-flash", true),
    ];
    Asked {
        api: Some(api),
        models: models.map(model).to_vec(),
        is_file: api == Api::V02,
    }
}

fn read(api: Api, mut fields: Value) -> Result<StreamSettings, AppError> {
    if fields.get("prompt").is_none() {
        fields["prompt"] = "What?".into();
    }
    match fields {
        Value::Object(body) => StreamSettings::read(body, &asked(api)),
        other => panic!("{other} is no object"),
    }
}

/// The fields after reading, without the prompt, and the number of warnings.
fn check(api: Api, fields: Value, expected: Value, warnings: usize) {
    let given = fields.to_string();
    let mut settings =
        read(api, fields).unwrap_or_else(|error| panic!("{given}: {}", error.message()));
    settings.values.remove("prompt");
    assert_eq!(Value::Object(settings.values), expected, "{given}");
    assert_eq!(
        settings.warnings.len(),
        warnings,
        "{given}: {:?}",
        settings.warnings
    );
}

#[test]
fn too_little_is_raised_to_the_least_that_works() {
    let seed = || json!({"fps": 1.0, "clip_length_seconds": 0.1, "delay_seconds": 1.0, "sampling_ratio": 0.1});
    check(
        Api::V02,
        seed(),
        json!({"fps": 1, "clip_length_seconds": 3.0, "delay_seconds": 1.0, "sampling_ratio": 1.0}),
        2,
    );
    // On v1 a clip may be short.
    check(
        Api::V1,
        seed(),
        json!({"fps": 1, "clip_length_seconds": 0.1, "delay_seconds": 1.0, "sampling_ratio": 1.0}),
        1,
    );
    check(
        Api::V02,
        json!({"target_fps": 10}),
        json!({"target_fps": 10, "clip_length_seconds": 0.3}),
        1,
    );
    check(
        Api::V02,
        json!({"fps": 120, "sampling_ratio": 0.05, "delay_seconds": 0, "clip_length_seconds": 0.01}),
        json!({"fps": 120, "sampling_ratio": 0.1, "delay_seconds": 0.1, "clip_length_seconds": 0.25}),
        4,
    );
    check(
        Api::V02,
        json!({"interval_seconds": 0}),
        json!({"interval_seconds": 0.1}),
        1,
    );
    // Enough stays as it is.
    let fine = json!({"fps": 30, "sampling_ratio": 0.5, "clip_length_seconds": 0.2, "delay_seconds": 0.01});
    check(Api::V02, fine.clone(), fine, 0);
    // In frame mode the fields of clips have no effect.
    let frame = json!({"mode": "frame", "fps": 1});
    check(Api::V02, frame.clone(), frame, 0);
}

#[test]
fn rates_are_rounded() {
    for (given, rounded, warnings) in [
        (json!(29.97), 30, 0),
        (json!(23.976), 24, 0),
        (json!(15.0), 15, 0),
        (json!(12.5), 13, 1),
        (json!(120), 120, 0),
    ] {
        let fields = json!({"fps": given, "clip_length_seconds": 1});
        check(
            Api::V02,
            fields,
            json!({"fps": rounded, "clip_length_seconds": 1.0}),
            warnings,
        );
    }
    check(
        Api::V1,
        json!({"max_output_tokens": 64.0}),
        json!({"max_output_tokens": 64}),
        0,
    );
    // null is the same as nothing.
    check(Api::V02, json!({"model": null, "fps": null}), json!({}), 0);
}

#[test]
fn a_backend_chooses_a_model() {
    check(
        Api::V02,
        json!({"backend": "openai"}),
        json!({"model": "gpt-new"}),
        1,
    );
    // There, such models take only pictures.
    check(
        Api::V1,
        json!({"backend": "openai", "delay_seconds": 2, "fps": 30}),
        json!({"model": "gpt-new", "mode": "frame", "interval_seconds": 2.0}),
        2,
    );
    check(
        Api::V02,
        json!({"backend": "gemini"}),
        json!({"backend": "gemini"}),
        0,
    );
    check(
        Api::V1,
        json!({"backend": "gemini"}),
        json!({"model": "gemini-2.0-flash"}),
        1,
    );
    check(
        Api::V1,
        json!({"backend": "overshoot"}),
        json!({"backend": "overshoot"}),
        0,
    );
    check(
        Api::V02,
        json!({"backend": "openai", "model": "gpt-old"}),
        json!({"model": "gpt-old"}),
        0,
    );
}

#[test]
fn errors_name_the_field_and_what_is_expected() {
    gst::init().expect("GStreamer starts");
    for (api, fields, expected) in [
        (
            Api::V02,
            json!({"prompt": 7}),
            "prompt is a number, but it must be a text.",
        ),
        (
            Api::V02,
            json!({"prompt": " "}),
            "Say in the field prompt what to ask about the video.",
        ),
        (
            Api::V02,
            json!({"prompt": "a\u{0}b"}),
            "prompt contains the character U+0000, which is not allowed.",
        ),
        (
            Api::V02,
            json!({"fps": "30"}),
            "fps is a text, but it must be a whole number from 1 to 120.",
        ),
        (
            Api::V02,
            json!({"fps": -1}),
            "fps is -1, but it must be from 1 to 120.",
        ),
        (
            Api::V02,
            json!({"max_output_tokens": 2.5}),
            "max_output_tokens is 2.5, but it must be a whole number.",
        ),
        (
            Api::V02,
            json!({"mode": "film"}),
            "mode is “film”, but it must be auto, clip or frame.",
        ),
        (
            Api::V02,
            json!({"output_schema": "text"}),
            "output_schema is a text, but it must be an object, {…}.",
        ),
        (
            Api::V02,
            json!({"questions": [1]}),
            "questions is a list, but it must be a list of objects, [{…}].",
        ),
        (
            Api::V02,
            json!({"budget": {"cents": [1]}}),
            "budget has a cents that is not a text, a number, true or false.",
        ),
        (
            Api::V02,
            json!({"budget": {"ce-nts": 1}}),
            "budget has a member whose name is not made of lower-case letters and _.",
        ),
        (
            Api::V1,
            json!({"loop": true}),
            "loop works only with files. Leave it out.",
        ),
        (
            Api::V02,
            json!({"temperature": 1}),
            "temperature works only with API v1 of the service, but this server asks API v0.2. Leave it out.",
        ),
        (
            Api::V02,
            json!({"target_fps": 6, "fps": 30}),
            "target_fps and fps exclude each other. Leave out fps and sampling_ratio: target_fps is the newer form.",
        ),
        (
            Api::V1,
            json!({"backend": "anthropic"}),
            "The service has no ready model of the backend anthropic. Choose one of its models in the field model: Qwen/Qwen3-VL, gpt-new, gemini-2.0-flash.",
        ),
        (
            Api::V1,
            json!({"backend": "openai", "model": "claude-1"}),
            "claude-1 is not a model of the backend openai. Leave out model or backend.",
        ),
    ] {
        let given = fields.to_string();
        let error = read(api, fields).expect_err(&given);
        assert_eq!(error.message(), expected, "{given}");
    }
    let error = read(Api::V1, json!({"colour": "red"})).expect_err("unknown");
    let text = error.message();
    assert!(
        text.starts_with("There is no field “colour”. The possible fields are prompt, backend,"),
        "{text}"
    );
}

/// The table must fit the properties of the element: another type makes GObject panic.
#[test]
fn every_field_sets_a_property() {
    gst::init().expect("GStreamer starts");
    gstovershoot::plugin_register_static().expect("the plugin is registered");
    let sink = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("the element");
    for field in FIELDS.iter().filter(|field| !field.is_of_file()) {
        let value = match &field.kind {
            Kind::Text => json!("text"),
            Kind::Choice(words) => json!(words[0]),
            Kind::Number(range) | Kind::Whole(range) | Kind::Rate(range) => {
                field.to_json(*range.end())
            }
            Kind::Flag => json!(true),
            Kind::Object => json!({"after": 5}),
            Kind::Objects => json!([{"name": "second", "prompt": "What?"}]),
        };
        let settings = StreamSettings {
            values: Map::from_iter([(field.name.to_owned(), value)]),
            warnings: Vec::new(),
        };
        settings.apply(&sink);
    }
    assert_eq!(sink.property::<f64>("temperature"), 2.0);
    assert_eq!(sink.property::<gst::Array>("questions").len(), 1);
    assert!(sink.property::<bool>("stream-partial"));
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models, and models that are not ready.

use std::time::Duration;

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Model, ModelStatus, Times};

const LINE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
    ! overshootsink name=o";
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Name, readiness and status of each model in an `overshoot-models` message.
fn names(models: &gst::Structure) -> Vec<(String, bool, String)> {
    let models = models.get::<gst::Array>("models").expect("an array");
    models
        .iter()
        .map(|model| {
            let model = model.get::<gst::Structure>().expect("a structure");
            let text = |name| model.get::<String>(name).expect("a text");
            (
                text("model"),
                model.get("ready").expect("a field"),
                text("status"),
            )
        })
        .collect()
}

#[test]
fn models_can_be_requested_before_playing() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, LINE);
    pipeline
        .pipeline
        .set_state(gst::State::Ready)
        .expect("ready");
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    let models = names(&pipeline.wait_for_element("overshoot-models", WAIT_TIMEOUT));
    let expected = Model::defaults();
    assert_eq!(models.len(), expected.len());
    for ((name, ready, status), real) in models.iter().zip(&expected) {
        assert_eq!((name, *ready), (&real.name, real.status.ready()));
        assert_eq!(*status, format!("{:?}", real.status).to_lowercase());
    }
    // The request created no stream.
    assert!(service.control.snapshot().streams.is_empty());
}

#[test]
fn a_missing_list_causes_a_warning() {
    let service = Service::start();
    let fault = Fault::Hang;
    service.control.inject(Call::Models, fault, Times::Once);
    let pipeline = Pipeline::new(&service, &format!("{LINE} timeout=1000000000"));
    pipeline
        .pipeline
        .set_state(gst::State::Ready)
        .expect("ready");
    let get_models = || pipeline.sink.emit_by_name::<bool>("get-models", &[]);
    assert!(get_models());
    assert!(!get_models(), "only one request at a time");
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    assert_eq!(failure.detail::<&str>("stage"), Some("models"));
    assert_eq!(failure.detail::<&str>("kind"), Some("timeout"));

    let pipeline = Pipeline::new(&service, LINE);
    pipeline.sink.set_property("api-url", "nonsense");
    pipeline
        .pipeline
        .set_state(gst::State::Ready)
        .expect("ready");
    assert!(!pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    assert!(pipeline.failures()[0].text.contains("api-url"));
}

#[test]
fn an_element_can_be_dropped_during_the_request() {
    let service = Service::start();
    let fault = Fault::Hang;
    service.control.inject(Call::Models, fault, Times::Once);
    let pipeline = Pipeline::new(&service, LINE);
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    let weak = pipeline.sink.downgrade();
    drop(pipeline);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_error_for_a_model_that_is_not_ready_lists_the_ready_ones() {
    let service = Service::with(|config| {
        let model = |name: &str, status| Model {
            name: name.to_owned(),
            status,
        };
        config.models = vec![
            model("quick", ModelStatus::Ready),
            model("slow", ModelStatus::Degraded),
            model("full", ModelStatus::Saturated),
            model("gone", ModelStatus::Unavailable),
        ];
    });
    for (model, text) in [
        (
            "nobody",
            "nobody is unknown. Set model to one that is ready: quick, slow.",
        ),
        (
            "full",
            "full is saturated. Set model to one that is ready: quick, slow.",
        ),
        (
            "gone,nobody",
            "gone is unavailable, nobody is unknown. Set model to one that is ready: quick, slow.",
        ),
    ] {
        let pipeline = Pipeline::new(&service, &format!("{LINE} model={model}"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
        assert!(failure.text.ends_with(text), "{}", failure.text);
    }
    // The list does not arrive. The error is posted without it, after a short time.
    let fault = Fault::Hang;
    service.control.inject(Call::Models, fault, Times::Once);
    let pipeline = Pipeline::new(&service, &format!("{LINE} model=nobody"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
    assert_eq!(failure.detail::<&str>("kind"), Some("invalid-settings"));
    // The next model of the list is tried before an error is posted.
    let pipeline = Pipeline::new(&service, &format!("{LINE} model=gone,slow"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    assert_eq!(service.stream().model, "slow");
}

/// What the INFO messages say.
fn infos(pipeline: &Pipeline) -> Vec<String> {
    let messages = pipeline.messages();
    let texts = messages
        .iter()
        .filter_map(|(_, message)| match message.view() {
            gst::MessageView::Info(info) => Some(info.error().message().to_owned()),
            _ => None,
        });
    texts.collect()
}

fn model_asked(pipeline: &Pipeline) -> String {
    let result = pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    result.get("model-name").expect("a model")
}

#[test]
fn a_default_model_that_is_not_ready_is_replaced_and_one_that_was_named_is_not() {
    let model = |name: &str, status| Model {
        name: name.to_owned(),
        status,
    };
    const DEFAULT: &str = "Qwen/Qwen3-VL-30B-A3B-Instruct";
    // It is not in the list, or not ready.
    for other in [
        None,
        Some(ModelStatus::Unavailable),
        Some(ModelStatus::Saturated),
    ] {
        let service = Service::with(|config| {
            config.models = vec![
                model("a/busy", ModelStatus::Saturated),
                model("a/ready", ModelStatus::Ready),
            ];
            config
                .models
                .extend(other.map(|status| model(DEFAULT, status)));
        });
        let pipeline = Pipeline::new(&service, LINE);
        pipeline.play();
        assert_eq!(model_asked(&pipeline), "a/ready");
        let told = format!("The default model {DEFAULT} is not ready: asking a/ready.");
        let infos = infos(&pipeline);
        assert!(infos.len() == 1 && infos[0].starts_with(&told), "{infos:?}");
        assert!(pipeline.failures().is_empty());
        pipeline.stop();
        service.assert_all_deleted();
        let pipeline = Pipeline::new(&service, &format!("{LINE} model={DEFAULT}"));
        pipeline.play();
        // An unavailable model is tried again: that is only a WARNING at first.
        let may_pass = other == Some(ModelStatus::Unavailable);
        let failure = pipeline.wait_for_failure(!may_pass, WAIT_TIMEOUT);
        let advice = "Set model to one that is ready: a/ready";
        assert!(failure.text.contains(advice), "{failure:?}");
    }
}

#[test]
fn on_v1_a_list_may_begin_with_a_model_that_takes_pictures_only() {
    let service = Service::of("v1", |config| {
        config.models = ["gpt-5", "claude-4", "a/hosted"]
            .map(|name| Model {
                name: name.to_owned(),
                status: ModelStatus::Ready,
            })
            .to_vec();
    });
    let pipeline = Pipeline::new(&service, LINE);
    pipeline.play();
    assert_eq!(model_asked(&pipeline), "a/hosted");
}

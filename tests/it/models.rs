//! Which models there are, and which not.

use std::time::Duration;

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Model, ModelStatus, Times};

const LINE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
    ! overshootsink name=o";
const WAIT: Duration = Duration::from_secs(10);

fn names(models: &gst::Structure) -> Vec<(String, bool, String)> {
    let models = models.get::<gst::Array>("models").expect("an array");
    models
        .iter()
        .map(|model| {
            let model = model.get::<gst::Structure>().expect("a structure");
            let text = |name| model.get::<String>(name).expect("a text");
            (
                text("model"),
                model.get("ready").expect("told"),
                text("status"),
            )
        })
        .collect()
}

#[test]
fn models_can_be_asked_for_before_playing() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, LINE);
    pipeline
        .pipeline
        .set_state(gst::State::Ready)
        .expect("ready");
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    let models = names(&pipeline.wait_for_element("overshoot-models", WAIT));
    let real = Model::defaults();
    assert_eq!(models.len(), real.len());
    for ((name, ready, status), real) in models.iter().zip(&real) {
        assert_eq!((name, *ready), (&real.name, real.status.ready()));
        assert_eq!(*status, format!("{:?}", real.status).to_lowercase());
    }
    // No stream was made for it.
    assert!(service.control.snapshot().streams.is_empty());
}

#[test]
fn a_list_that_does_not_come_is_told() {
    let service = Service::start();
    let fault = Fault::Hang;
    service.control.inject(Call::Models, fault, Times::Once);
    let pipeline = Pipeline::new(&service, &format!("{LINE} timeout=1000000000"));
    pipeline
        .pipeline
        .set_state(gst::State::Ready)
        .expect("ready");
    let ask = || pipeline.sink.emit_by_name::<bool>("get-models", &[]);
    assert!(ask());
    assert!(!ask(), "one at a time");
    let failure = pipeline.wait_for_failure(false, WAIT);
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
fn an_element_may_go_while_it_asks() {
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
fn a_model_that_is_not_ready_is_refused_with_those_that_are() {
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
    for (wanted, told) in [
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
        let pipeline = Pipeline::new(&service, &format!("{LINE} model={wanted}"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, WAIT);
        assert!(failure.text.ends_with(told), "{}", failure.text);
    }
    // The list does not come: the refusal stands, and does not wait for long.
    let fault = Fault::Hang;
    service.control.inject(Call::Models, fault, Times::Once);
    let pipeline = Pipeline::new(&service, &format!("{LINE} model=nobody"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, WAIT);
    assert_eq!(failure.detail::<&str>("kind"), Some("invalid-settings"));
    // Another is tried before one is refused.
    let pipeline = Pipeline::new(&service, &format!("{LINE} model=gone,slow"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    assert_eq!(service.stream().model, "slow");
}

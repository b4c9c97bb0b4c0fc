//! Answers belong to their question, and are about what is there: what the element adds to what the
//! service says of them.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{EndReason, SocketMessage};
use serde_json::{Value, json};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";
const LONG: Duration = Duration::from_secs(15);

fn live(service: &Service, properties: &str) -> Pipeline {
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5 {properties}");
    let pipeline = Pipeline::new(service, &line);
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", LONG);
    pipeline
}

/// Has the service send an answer with these fields, and gives what came of it.
fn answer(service: &Service, pipeline: &Pipeline, id: &str, mut fields: Value) -> gst::Structure {
    fields["id"] = id.into();
    let text = SocketMessage::Text(fields.to_string());
    let stream = service
        .control
        .snapshot()
        .streams
        .last()
        .expect("one")
        .id
        .clone();
    assert!(service.control.send_on_socket(&stream, text));
    wait_for_answer(pipeline, id)
}

fn wait_for_answer(pipeline: &Pipeline, id: &str) -> gst::Structure {
    pipeline.wait_for(id, LONG, |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok(id)).then(|| structure.to_owned())
    })
}

fn warnings(pipeline: &Pipeline, part: &str) -> usize {
    let failures = pipeline.failures();
    failures.iter().filter(|f| f.text.contains(part)).count()
}

#[test]
fn an_answer_names_its_question_and_its_stream() {
    let service = Service::start();
    let pipeline = live(&service, "prompt=first");
    let of = |id: &str, prompt: &str| {
        let result = json!({"prompt": prompt, "result": "text"});
        let answer = answer(&service, &pipeline, id, result);
        (
            answer.get::<u64>("prompt-serial").ok(),
            answer.get::<bool>("late").expect("told"),
        )
    };
    assert_eq!(of("a", "first"), (Some(1), false));
    pipeline.sink.set_property("prompt", "second");
    let taken = pipeline.wait_for_element("overshoot-prompt", LONG);
    assert_eq!(taken.get::<u64>("prompt-serial"), Ok(2));
    assert_eq!(of("b", "first"), (Some(1), true));
    assert_eq!(of("c", "second"), (Some(2), false));
    assert_eq!(of("d", "never asked"), (None, false));

    // The same again, where nobody wants late ones.
    pipeline.sink.set_property("drop-late-results", true);
    let late = json!({"id": "e", "prompt": "first", "result": "text"}).to_string();
    let id = service.stream().id;
    assert!(
        service
            .control
            .send_on_socket(&id, SocketMessage::Text(late))
    );
    assert_eq!(of("f", "second"), (Some(2), false));
    let results = pipeline.results();
    let dropped = |id: &str| {
        !results
            .iter()
            .any(|p| p.structure.get::<&str>("id") == Ok(id))
    };
    assert!(dropped("e") && !dropped("f"));
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("answers-dropped-late"), Ok(1));

    let first = answer(&service, &pipeline, "g", json!({"result": "text"}));
    assert_eq!(first.get::<u64>("stream-epoch"), Ok(1));
    assert!(!first.has_field("prompt-serial"), "{first}");
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    service.wait("a new stream", |seen| {
        seen.streams.len() == 2 && seen.streams[1].answers.len() > 1
    });
    let second = answer(&service, &pipeline, "h", json!({"result": "text"}));
    assert_eq!(second.get::<u64>("stream-epoch"), Ok(2));
}

#[test]
fn an_answer_that_was_cut_off_is_told_once() {
    let service = Service::start();
    for (properties, change) in [
        ("", "raise interval-seconds"),
        (
            "max-output-tokens=20",
            "raise max-output-tokens from 20 to at most 64",
        ),
    ] {
        let pipeline = live(&service, properties);
        for id in ["a", "b"] {
            let cut = json!({"result": "A long", "finish_reason": "length"});
            answer(&service, &pipeline, id, cut);
        }
        let last = answer(
            &service,
            &pipeline,
            "c",
            json!({"result": "all", "finish_reason": "stop"}),
        );
        assert_eq!(last.get::<&str>("finish-reason"), Ok("stop"));
        assert_eq!(
            warnings(&pipeline, "cut off"),
            1,
            "{:?}",
            pipeline.failures()
        );
        assert_eq!(warnings(&pipeline, change), 1, "{:?}", pipeline.failures());
        pipeline.stop();
    }
}

#[test]
fn an_answer_that_does_not_fit_the_schema_is_marked() {
    let service = Service::start();
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5");
    let pipeline = Pipeline::new(&service, &line);
    let schema =
        r#"{"type":"object","properties":{"people":{"type":"integer"}},"required":["people"]}"#;
    pipeline.sink.set_property("output-schema", schema);
    pipeline.play();
    // The emulator's own answers fit.
    let own = pipeline.wait_for_element("overshoot-result", LONG);
    assert!(!own.has_field("schema-error"), "{own}");
    let error = |id: &str, result: &str| {
        let answer = answer(&service, &pipeline, id, json!({"result": result}));
        answer.get::<String>("schema-error").ok()
    };
    assert_eq!(error("a", r#"{"people": 3}"#), None);
    let wrong = error("b", r#"{"people": "three"}"#).expect("marked");
    assert!(wrong.starts_with("/people"), "{wrong}");
    let cut = error("c", r#"{"people": "#).expect("marked");
    assert!(cut.contains("not JSON"), "{cut}");
}

#[test]
fn a_stalled_source_is_told_and_answers_about_it_are_marked() {
    let service = Service::start();
    let line = format!(
        "{LIVE} ! valve name=v ! overshootsink name=o interval-seconds=0.5 \
         o.text_src ! fakesink name=text async=false o.json_src ! appsink name=json async=false sync=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    let fresh = pipeline.wait_for_element("overshoot-result", LONG);
    assert_eq!(fresh.get::<bool>("stale"), Ok(false));
    let valve = pipeline.pipeline.by_name("v").expect("there");
    valve.set_property("drop", true);
    let from = Instant::now();
    let reason = |message: &gst::Message, reason: &str| {
        let structure = message
            .structure()
            .filter(|s| s.name() == "overshoot-state")?;
        assert_eq!(
            structure
                .get::<&str>("state")
                .ok()
                .filter(|s| *s != "closed"),
            structure.get("state").ok()
        );
        (structure.get::<&str>("reason") == Ok(reason)).then_some(())
    };
    pipeline.wait_for("the stall", LONG, |m| reason(m, "the input has stalled"));
    let waited = from.elapsed();
    assert!(
        waited > Duration::from_secs(4) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    assert_eq!(warnings(&pipeline, "the source has stalled"), 1);

    let last = pipeline.sink.property::<String>("last-result");
    let old = answer(&service, &pipeline, "old", json!({"result": "of long ago"}));
    assert_eq!(old.get::<bool>("stale"), Ok(true));
    assert_eq!(pipeline.sink.property::<String>("last-result"), last);
    let json_pad = pipeline.pipeline.by_name("json").expect("there");
    let json_pad = json_pad.downcast::<gst_app::AppSink>().expect("an appsink");
    let marked = loop {
        let sample = json_pad
            .try_pull_sample(gst::ClockTime::from_seconds(5))
            .expect("a line");
        let map = sample
            .buffer()
            .expect("data")
            .map_readable()
            .expect("readable");
        let line: Value = serde_json::from_slice(&map).expect("JSON");
        if line["id"] == "old" {
            break line["stale"] == true;
        }
        assert_eq!(map.iter().filter(|byte| **byte == b'\n').count(), 1);
    };
    assert!(marked);

    valve.set_property("drop", false);
    pipeline.wait_for("the recovery", LONG, |m| reason(m, "the input goes on"));
    let new = answer(&service, &pipeline, "new", json!({"result": "of now"}));
    assert_eq!(new.get::<bool>("stale"), Ok(false));
    assert_eq!(pipeline.sink.property::<String>("last-result"), "of now");
    // Seen while it stood still, and told late.
    let late = json!({"result": "of then", "total_latency_ms": 1500.0});
    let late = answer(&service, &pipeline, "then", late);
    assert_eq!(late.get::<bool>("stale"), Ok(true));
    assert_eq!(warnings(&pipeline, "the source has stalled"), 1);
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn a_pipeline_that_is_paused_has_not_stalled() {
    let service = Service::start();
    let pipeline = live(&service, "");
    pipeline
        .pipeline
        .set_state(gst::State::Paused)
        .expect("paused");
    std::thread::sleep(Duration::from_secs(7));
    assert_eq!(
        warnings(&pipeline, "stalled"),
        0,
        "{:?}",
        pipeline.failures()
    );
    pipeline.play();
    let results = pipeline.results().len();
    pipeline.wait_for("more answers", LONG, |_| {
        (pipeline.results().len() > results + 2).then_some(())
    });
    assert_eq!(
        warnings(&pipeline, "stalled"),
        0,
        "{:?}",
        pipeline.failures()
    );
}

#[test]
fn an_answer_that_never_comes_is_told_with_its_causes() {
    let service = Service::with(|config| config.inference_latency = Duration::from_secs(60));
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.5");
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_state("streaming", LONG);
    let from = Instant::now();
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(20));
    // 10 s and two intervals, and at most one look a second later.
    let said = ["11 s", "12 s"].map(|time| format!("No answer has come for {time}."));
    assert!(
        said.iter().any(|said| failure.text.starts_with(said)),
        "{}",
        failure.text
    );
    assert!(
        failure.text.contains("The video arrives"),
        "{}",
        failure.text
    );
    assert!(from.elapsed() > Duration::from_secs(10));
}

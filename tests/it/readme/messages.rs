// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The tables of messages, and the Rust code of the pages.

use std::collections::BTreeSet;
use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::SocketMessage;
use serde_json::json;

use super::pages::{PAGES, table};
use super::tables::{fields, names};
use super::v1;
use crate::common::{Pipeline, Service};

#[test]
fn the_messages_have_the_documented_fields() {
    let service = Service::with(|config| {
        config.lease_ttl = Duration::from_secs(2);
        config.credits_cents = Some(100.0);
    });
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o",
    );
    // The answer below does not fit it.
    let schema = r#"{"type":"object"}"#;
    pipeline.sink.set_property("output-schema", schema);
    pipeline.play();
    let wait = Duration::from_secs(10);
    pipeline.wait_for_element("overshoot-result", wait);
    pipeline.sink.set_property("prompt", "And now?");
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    let mut posted: Vec<_> = ["overshoot-prompt", "overshoot-credits", "overshoot-models"]
        .into_iter()
        .map(|name| pipeline.wait_for_element(name, wait))
        .collect();
    // An answer with every field that the service can send.
    let id = service.stream().id;
    let answer = json!({
        "id": "full", "stream_id": id, "mode": "clip", "model_backend": "overshoot",
        "model_name": "m", "prompt": "And now?", "result": "r", "inference_latency_ms": 1.5,
        "total_latency_ms": 2.5, "ok": true, "error": "e", "finish_reason": "stop", "new": 1,
    });
    let sent = SocketMessage::Text(answer.to_string());
    assert!(service.control.send_on_socket(&id, sent));
    let full = pipeline.wait_for("the answer", wait, |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok("full")).then(|| structure.to_owned())
    });
    pipeline.stop();
    posted.push(pipeline.wait_for_state("closed", wait));
    let (results_of_v1, others) = posted_on_v1();
    posted.extend(others);

    for structure in &posted {
        let row = table("| message |")
            .into_iter()
            .find(|row| row[0] == structure.name().as_str())
            .unwrap_or_else(|| panic!("{structure} is on no page"));
        let (documented, _) = row[2].split_once(':').expect("names: types");
        let documented: BTreeSet<_> = names(documented).collect();
        // A stream that is closed has no id.
        assert!(fields(structure).is_subset(&documented), "{structure}");
    }
    let results: Vec<_> = std::iter::once(full).chain(results_of_v1).collect();
    let mut documented = BTreeSet::new();
    for row in table("| field of `overshoot-result`") {
        for name in names(&row[0]) {
            let value = results.iter().find_map(|result| result.value(&name).ok());
            let type_ = match value.expect("documented").type_().name() {
                "gchararray" => "string",
                "gboolean" => "boolean",
                "gdouble" => "double",
                "guint64" if name.ends_with("-time") || name.ends_with("-accuracy") => "clock time",
                "guint64" => "uint64",
                other => other,
            };
            assert_eq!(row[1], type_, "{name}");
            documented.insert(name);
        }
    }
    let real: BTreeSet<_> = results.iter().flat_map(|result| fields(result)).collect();
    assert_eq!(real, documented);
}

/// Messages of API v1 only: the answer to a question with a name, the answer to a question that was asked
/// once, a part of an answer, and an alert. The code is that of the pages: [`the_lines_of_rust_are_run_here`] compares it.
fn posted_on_v1() -> (Vec<gst::Structure>, [gst::Structure; 2]) {
    let service = v1();
    let line = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
                ! overshootsink name=o stream-partial=true evidence=jpeg";
    let pipeline = Pipeline::new(&service, line);
    let location = concat!(env!("CARGO_TARGET_TMPDIR"), "/message-%d.jpg");
    pipeline.sink.set_property("evidence-location", location);
    let sink = &pipeline.sink;
    let gate = gst::Structure::builder("question")
        .field("name", "gate")
        .field("prompt", "Is the gate open?")
        .field("interval-seconds", 2.0)
        .build();
    sink.set_property("questions", gst::Array::new([gate]));
    let alert = gst::Structure::builder("alert")
        .field("name", "any")
        .field("when", "black | gray | white")
        .field("question", "gate")
        .build();
    sink.set_property("alerts", gst::Array::new([alert]));
    pipeline.play();
    let wait = Duration::from_secs(20);
    let partial = pipeline.wait_for_element("overshoot-partial", wait);
    let alert = pipeline.wait_for_element("overshoot-alert", wait);
    let result = |why: &str, what: &dyn Fn(&gst::StructureRef) -> bool| {
        pipeline.wait_for(why, wait, |message| {
            let structure = message.structure()?;
            (structure.name() == "overshoot-result" && what(structure))
                .then(|| structure.to_owned())
        })
    };
    let named = result("the question", &|message| {
        message.get("question") == Ok("gate")
    });
    // From then on there are pictures that are five seconds old.
    let six = gst::ClockTime::from_seconds(6);
    result("six seconds", &|message| {
        message
            .get::<gst::ClockTime>("capture-time")
            .is_ok_and(|time| time > six)
    });
    let serial = sink.emit_by_name::<u64>("ask", &[&"Who came in?", &0_u64, &5000_u64]);
    let once = result("the answer", &|message| {
        message.get("ask-serial") == Ok(serial)
    });
    assert_eq!(once.get("ok"), Ok(true), "{once}");
    let [came, captured] = ["running-time", "capture-time"]
        .map(|name| once.get::<gst::ClockTime>(name).expect("a time"));
    let ago = came - captured;
    assert!(ago.seconds_f64() > 5.0 && ago.seconds_f64() < 7.0, "{ago}");
    // `last-result` shows neither.
    let own: String = sink.property("last-result");
    let newest = pipeline.results().into_iter().rev().find(|posted| {
        let message = &posted.structure;
        !message.has_field("question") && !message.has_field("ask-serial")
    });
    assert_eq!(own, newest.expect("answers").text());
    pipeline.stop();
    (vec![named, once], [partial, alert])
}

#[test]
fn the_lines_of_rust_are_run_here() {
    let trimmed = |text: &str| -> String {
        text.lines()
            .map(|line| line.trim().to_owned() + "\n")
            .collect()
    };
    let here = [
        include_str!("messages.rs"),
        include_str!("../ask_about/more.rs"),
        include_str!("../set_question.rs"),
        include_str!("../filter/answers.rs"),
    ];
    let here = trimmed(&here.concat());
    let blocks: Vec<_> = PAGES
        .iter()
        .flat_map(|page| page.text.split("```rust\n").skip(1))
        .collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let (lines, _) = block.split_once("```").expect("its end");
        assert!(here.contains(&trimmed(lines)), "{lines} is not run");
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The behaviour that users rely on, tested with both versions of the API. Only `api-url` differs.

use std::time::Duration;

use crate::common::{Clock, Pipeline, Random, Service};
use gst::prelude::*;
use overshoot_emulator::{Config, EndReason};

const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
const LIVE: &str =
    "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";

type Scenario = fn(&StartService);

/// Starts a service of the tested API version.
type StartService = dyn Fn(fn(&mut Config)) -> Service;

const SCENARIOS: [(&str, Scenario); 11] = [
    ("complete answers, and the end of billing", answers),
    ("a file to its end", file),
    ("a clip", clip),
    ("encoded input", encoded),
    ("another prompt", prompt),
    ("a schema", schema),
    ("texts and JSON Lines", texts),
    ("a refused key", refused_key),
    ("a stream that is lost", lost),
    ("a source that stalls", stalled),
    ("starts and stops at any moment", cycles),
];

#[test]
fn everything_works_on_v0_2() {
    run_scenarios("v0.2");
}

#[test]
fn everything_works_on_v1() {
    run_scenarios("v1");
}

fn run_scenarios(api: &'static str) {
    crate::common::init();
    for (name, scenario) in SCENARIOS {
        println!("{api}: {name}");
        scenario(&move |change| Service::of(api, change));
    }
}

fn live(service: &Service, properties: &str) -> Pipeline {
    let line = format!("{LIVE} ! overshootsink name=o interval-seconds=0.4 {properties}");
    Pipeline::new(service, &line)
}

fn wait_for_results(pipeline: &Pipeline, count: usize) {
    let deadline = std::time::Instant::now() + WAIT_TIMEOUT;
    while pipeline.results().len() < count {
        assert!(
            std::time::Instant::now() < deadline,
            "{} of {count} answers; {:?}",
            pipeline.results().len(),
            pipeline.failures()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn answers(start_service: &StartService) {
    let service = start_service(|_| {});
    let pipeline = live(&service, "");
    pipeline.play();
    wait_for_results(&pipeline, 3);
    assert_eq!(pipeline.states(), ["connecting", "connecting", "streaming"]);
    let elapsed = pipeline.stop();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    for posted in pipeline.results() {
        let answer = &posted.structure;
        assert!(
            answer
                .get::<&str>("result")
                .is_ok_and(|text| text.contains("320x240"))
        );
        assert_eq!(answer.get("mode"), Ok("frame"));
        assert_eq!(answer.get("ok"), Ok(true));
        assert_eq!(answer.get("prompt"), Ok("What do you see?"));
        assert_eq!(answer.get("prompt-serial"), Ok(1u64));
        assert_eq!(answer.get("stream-epoch"), Ok(1u64));
        for field in ["id", "stream-id", "model-name"] {
            assert!(
                answer.get::<&str>(field).is_ok_and(|text| !text.is_empty()),
                "{answer}"
            );
        }
        for field in ["inference-latency-ms", "total-latency-ms"] {
            assert!(
                answer
                    .get::<f64>(field)
                    .is_ok_and(|ms| ms > 0.0 && ms < 5000.0),
                "{answer}"
            );
        }
        let time = |field| answer.get::<gst::ClockTime>(field).expect("a time");
        assert!(time("capture-time") < time("running-time"));
        let json: serde_json::Value = serde_json::from_str(&posted.json()).expect("JSON");
        assert_eq!(json["result"].as_str(), answer.get("result").ok());
    }
    service.assert_all_deleted();
}

fn file(start_service: &StartService) {
    let service = start_service(|config| config.read_every_frame = true);
    // At this max-framerate no frame may be dropped.
    let line = "videotestsrc num-buffers=90 pattern=white \
                ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
                ! debugqroverlay name=clock pixel-size=4 \
                ! overshootsink name=o max-framerate=60/1 interval-seconds=0.4";
    let pipeline = Pipeline::new(&service, line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_eos(WAIT_TIMEOUT);
    let frames = service.stream().frames;
    assert_eq!(frames.len(), 90);
    let times: Vec<_> = frames
        .iter()
        .map(|frame| {
            clock
                .frame_of_last_code(frame.code.as_deref().expect("a clock"))
                .running_time
        })
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    // The last answers are about the end of the file.
    let results = pipeline.results();
    let last = results.last().expect("answers");
    let about: gst::ClockTime = last.structure.get("capture-time").expect("a time");
    assert!(about > gst::ClockTime::from_mseconds(2_500), "{about}");
    // On a busy machine, the decoder of the emulator is behind.
    let shown = clock.frame_of_last_code(&last.text()).running_time;
    assert!(shown > gst::ClockTime::from_mseconds(2_000), "{shown}");
    service.assert_all_deleted();
}

fn clip(start_service: &StartService) {
    let service = start_service(|_| {});
    let line = format!(
        "{LIVE} ! overshootsink name=o target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    wait_for_results(&pipeline, 3);
    pipeline.stop();
    for posted in pipeline.results() {
        assert_eq!(posted.structure.get("mode"), Ok("clip"));
        assert!(posted.text().contains("fps"), "{}", posted.text());
    }
    service.assert_all_deleted();
}

fn encoded(start_service: &StartService) {
    let service = start_service(|_| {});
    for encoder in [
        "x264enc tune=zerolatency key-int-max=30",
        "vp8enc deadline=1",
    ] {
        let line = format!("{LIVE} ! {encoder} ! overshootsink name=o interval-seconds=0.4");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        wait_for_results(&pipeline, 2);
        let stats: gst::Structure = pipeline.sink.property("stats");
        assert_eq!(stats.get("passthrough"), Ok(true), "{encoder}: {stats}");
        pipeline.stop();
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    }
    service.assert_all_deleted();
}

fn prompt(start_service: &StartService) {
    let service = start_service(|_| {});
    let pipeline = live(&service, "");
    pipeline.play();
    wait_for_results(&pipeline, 1);
    pipeline.sink.set_property("prompt", "And now?");
    let accepted = pipeline.wait_for_element("overshoot-prompt", WAIT_TIMEOUT);
    assert_eq!(accepted.get("prompt"), Ok("And now?"));
    pipeline.wait_for("the answer", WAIT_TIMEOUT, |message| {
        let answer = message
            .structure()
            .filter(|s| s.name() == "overshoot-result")?;
        (answer.get("prompt") == Ok("And now?") && answer.get("prompt-serial") == Ok(2u64))
            .then_some(())
    });
    pipeline.stop();
    service.assert_all_deleted();
}

fn schema(start_service: &StartService) {
    let service = start_service(|_| {});
    let pipeline = live(&service, "");
    let schema =
        r#"{"type":"object","properties":{"width":{"type":"integer"}},"required":["width"]}"#;
    pipeline.sink.set_property("output-schema", schema);
    pipeline.play();
    wait_for_results(&pipeline, 2);
    pipeline.stop();
    for posted in pipeline.results() {
        let answer: serde_json::Value = serde_json::from_str(&posted.text()).expect("JSON");
        assert_eq!(answer["width"], 320);
        assert!(!posted.structure.has_field("schema-error"));
    }
    service.assert_all_deleted();
}

fn texts(start_service: &StartService) {
    let service = start_service(|_| {});
    let pipeline = live(
        &service,
        "o.text_src ! appsink name=text sync=false o.json_src ! appsink name=json sync=false",
    );
    pipeline.play();
    wait_for_results(&pipeline, 2);
    let pull = |name: &str| {
        let sink = pipeline.pipeline.by_name(name).expect("it is there");
        let sink = sink.downcast::<gst_app::AppSink>().expect("an appsink");
        let sample = sink
            .try_pull_sample(gst::ClockTime::from_seconds(5))
            .expect("a text");
        let map = sample
            .buffer()
            .expect("a buffer")
            .map_readable()
            .expect("bytes");
        String::from_utf8(map.to_vec()).expect("text")
    };
    let first = &pipeline.results()[0];
    assert_eq!(pull("text"), first.text());
    assert_eq!(pull("json"), first.json() + "\n");
    pipeline.stop();
    service.assert_all_deleted();
}

fn refused_key(start_service: &StartService) {
    let service = start_service(|_| {});
    for (properties, fatal) in [("", true), ("on-error=warn", false)] {
        let pipeline = live(&service, properties);
        pipeline.sink.set_property("api-key", "wrong");
        pipeline.play();
        let failure = pipeline.wait_for_failure(fatal, WAIT_TIMEOUT);
        assert_eq!(
            failure.detail::<&str>("kind"),
            Some("not-authorized"),
            "{failure:?}"
        );
        assert!(failure.text.contains("OVERSHOOT_API_KEY"), "{failure:?}");
        pipeline.stop();
    }
    assert!(service.control.snapshot().streams.is_empty());
}

fn lost(start_service: &StartService) {
    // With a short lease the element notices the end soon, either by the socket or by a renewal.
    let service = start_service(|config| config.lease_ttl = Duration::from_secs(4));
    let pipeline = live(&service, "on-error=warn");
    pipeline.play();
    wait_for_results(&pipeline, 1);
    assert!(
        service
            .control
            .end_stream(&service.stream().id, EndReason::LeaseExpired)
    );
    pipeline.wait_for("answers of a new stream", WAIT_TIMEOUT, |message| {
        let answer = message
            .structure()
            .filter(|s| s.name() == "overshoot-result")?;
        (answer.get("stream-epoch") == Ok(2u64)).then_some(())
    });
    pipeline.stop();
    let mut states = pipeline.states();
    states.dedup();
    assert_eq!(
        states,
        [
            "connecting",
            "streaming",
            "reconnecting",
            "streaming",
            "closed"
        ]
    );
    let streams = service.control.snapshot().streams;
    let ends: Vec<_> = streams
        .iter()
        .map(|stream| stream.ended.map(|(_, reason)| reason))
        .collect();
    assert_eq!(
        ends,
        [
            Some(EndReason::LeaseExpired),
            Some(EndReason::ClientRequested)
        ]
    );
}

fn stalled(start_service: &StartService) {
    let service = start_service(|_| {});
    let line = format!("{LIVE} ! identity name=gate ! overshootsink name=o interval-seconds=0.4");
    let pipeline = Pipeline::new(&service, &line);
    let gate = pipeline.pipeline.by_name("gate").expect("it is there");
    pipeline.play();
    wait_for_results(&pipeline, 2);
    gate.set_property("drop-probability", 1.0f32);
    let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
    assert!(failure.text.contains("stalled"), "{failure:?}");
    gate.set_property("drop-probability", 0.0f32);
    pipeline.wait_for("the end of the stall", WAIT_TIMEOUT, |message| {
        let answer = message
            .structure()
            .filter(|s| s.name() == "overshoot-state")?;
        answer
            .get::<&str>("reason")
            .is_ok_and(|reason| reason.contains("goes on"))
            .then_some(())
    });
    let count = pipeline.results().len();
    wait_for_results(&pipeline, count + 3);
    let results = pipeline.results();
    assert_eq!(
        results.last().expect("answers").structure.get("stale"),
        Ok(false)
    );
    pipeline.stop();
    service.assert_all_deleted();
}

fn cycles(start_service: &StartService) {
    let service = start_service(|_| {});
    let mut random = Random::new(7);
    for _ in 0..20 {
        let pipeline = live(&service, "");
        pipeline.play();
        std::thread::sleep(Duration::from_millis(random.below(300)));
        let elapsed = pipeline.stop();
        assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    }
    service.assert_all_deleted();
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Detectors in front of the element: their metadata decides when to ask, of raw and of encoded video.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{WAIT, questions, sleep, wait_for_questions, wait_for_video};
use crate::alerts::idle::{BACK_WITHIN, RED, SOURCE, model_of_200_ms, wait_until_idle};
use crate::alerts::show;
use crate::ask_about::{CLOCK, shown};
use crate::common::{Pipeline, Service};

/// What stands for a detector: it puts an object of this class and confidence on each frame.
#[derive(Default)]
struct Detector {
    object: Option<(&'static str, f64)>,
    /// The running time of the first frame that has it.
    since: Option<gst::ClockTime>,
}

fn pipeline(service: &Service, encoder: &str) -> (Pipeline, Arc<Mutex<Detector>>) {
    let line = format!(
        "videotestsrc is-live=true ! {CLOCK} ! {encoder} identity name=detector ! overshootsink name=o interval-seconds=0.4"
    );
    with_detector(Pipeline::new(service, &line))
}

fn with_detector(pipeline: Pipeline) -> (Pipeline, Arc<Mutex<Detector>>) {
    let ask_when = "meta,class=(string)\"person|dog\",confidence=0.5,after=1";
    let ask_when: gst::Structure = ask_when.parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    let detector = Arc::new(Mutex::new(Detector::default()));
    let element = pipeline.pipeline.by_name("detector").expect("it");
    let pad = element.static_pad("src").expect("a pad");
    let of_frames = detector.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let mut detector = of_frames.lock().expect("no panic");
        let Some((class, confidence)) = detector.object else {
            return gst::PadProbeReturn::Ok;
        };
        let buffer = info.buffer_mut().expect("a buffer").make_mut();
        let mut region =
            gst_video::VideoRegionOfInterestMeta::add(buffer, class, (10, 10, 50, 100));
        let detection = gst::Structure::builder("detection").field("confidence", confidence);
        region.add_param(detection.build());
        let segment = pad.sticky_event::<gst::event::Segment>(0).expect("it");
        let segment = segment.segment().downcast_ref::<gst::ClockTime>();
        let time = segment.and_then(|segment| segment.to_running_time(buffer.pts()));
        detector.since = detector.since.or(time);
        gst::PadProbeReturn::Ok
    });
    (pipeline, detector)
}

fn asks_while_objects_are_there(encoder: &str) {
    let service = Service::of("v1", |_| {});
    let (pipeline, detector) = pipeline(&service, encoder);
    let detect = |object| {
        let since = None;
        *detector.lock().expect("no panic") = Detector { object, since };
    };
    pipeline.play();
    wait_for_video(&service, 1);
    // What does not count.
    for other in [("car", 0.9), ("person", 0.4)] {
        detect(Some(other));
        sleep(1000);
        assert_eq!(questions(&service).len(), 0, "{other:?}");
    }
    for class in ["person", "Dog"] {
        let before = questions(&service).len();
        let at = Instant::now();
        detect(Some((class, 0.8)));
        let first = &wait_for_questions(&service, before + 1)[before];
        let (late, seen) = (first.at - at, shown(first));
        let time = detector
            .lock()
            .expect("no panic")
            .since
            .expect("it was there");
        println!("{class}: asked after {late:?}, about {seen:?}, there since {time}");
        assert!(late < Duration::from_millis(1500), "{late:?}");
        assert_eq!(seen.len(), 1);
        // A millisecond is lost on the way through an encoder.
        let captured = seen[0].0 + gst::ClockTime::from_mseconds(1);
        assert!(
            captured >= time,
            "the object is in the picture: {seen:?}, {time}"
        );
        // It stays.
        wait_for_questions(&service, before + 5);
        detect(None);
        let gone = Instant::now();
        sleep(2500);
        let all = questions(&service);
        let last = all
            .last()
            .expect("asked")
            .at
            .saturating_duration_since(gone);
        assert!((500..1500).contains(&last.as_millis()), "{last:?}");
        sleep(1000);
        assert_eq!(questions(&service).len(), all.len());
    }
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn raw_video_with_objects_is_asked_about() {
    asks_while_objects_are_there("");
}

#[test]
fn encoded_video_with_objects_is_asked_about() {
    asks_while_objects_are_there(
        "x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=constrained-baseline !",
    );
}

/// On API v0.2 there is a stream only while the object is there, and `after` longer.
fn has_a_stream_while_objects_are_there(encoder: &str) {
    let service = Service::with(model_of_200_ms);
    let line = format!(
        "{SOURCE} ! {encoder} identity name=detector ! overshootsink name=o interval-seconds=0.4"
    );
    let (pipeline, detector) = with_detector(Pipeline::new(&service, &line));
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let (at, found) = (
        Instant::now(),
        Detector {
            object: Some(("person", 0.8)),
            since: None,
        },
    );
    show(&pipeline, RED);
    *detector.lock().expect("no panic") = found;
    sleep(600);
    show(&pipeline, "blue");
    // The first answer may be about the frame before.
    let answer = pipeline.wait_for("an answer about the object", WAIT, |_| {
        let mut results = pipeline.results().into_iter();
        results.find(|result| result.text().contains("mostly red"))
    });
    println!("{encoder}: answered after {:?}", answer.at - at);
    assert!(answer.at - at < BACK_WITHIN, "{:?}", answer.at - at);
    sleep(1500);
    *detector.lock().expect("no panic") = Detector::default();
    let gone = pipeline.sink.current_running_time().expect("it plays");
    wait_until_idle(&pipeline, 2);
    let results = pipeline.results();
    assert!(results.len() >= 4, "{}", results.len());
    for result in results {
        let at: gst::ClockTime = result.structure.get("capture-time").expect("a time");
        assert!(
            at < gone + gst::ClockTime::from_mseconds(1300),
            "{at} {gone}"
        );
    }
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    assert_eq!(service.control.snapshot().streams.len(), 2);
    service.assert_all_deleted();
}

#[test]
fn on_v02_raw_video_with_objects_has_a_stream() {
    has_a_stream_while_objects_are_there("");
}

#[test]
fn on_v02_encoded_video_with_objects_has_a_stream() {
    has_a_stream_while_objects_are_there(
        "x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=constrained-baseline !",
    );
}

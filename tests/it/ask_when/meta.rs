// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Detectors in front of the element: their metadata decides when to ask, of raw and of encoded video.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{now, questions, sleep, wait_for_questions, wait_for_video};
use crate::ask_about::{CLOCK, shown};
use crate::common::{Pipeline, Service};

/// A pipeline whose source stands for a detector: its frames carry an object of this class and confidence.
fn pipeline(
    service: &Service,
    encoder: &str,
) -> (Pipeline, Arc<Mutex<Option<(&'static str, f64)>>>) {
    let line = format!(
        "videotestsrc is-live=true ! {CLOCK} ! {encoder} identity name=detector ! overshootsink name=o interval-seconds=0.4"
    );
    let pipeline = Pipeline::new(service, &line);
    let ask_when = "meta,class=(string)\"person|dog\",confidence=0.5,after=1";
    let ask_when: gst::Structure = ask_when.parse().expect("a structure");
    pipeline.sink.set_property("ask-when", ask_when);
    let object = Arc::new(Mutex::new(None));
    let detector = pipeline.pipeline.by_name("detector").expect("it");
    let pad = detector.static_pad("src").expect("a pad");
    let detected = object.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let detected = *detected.lock().expect("no panic");
        if let Some((class, confidence)) = detected
            && let Some(buffer) = info.buffer_mut()
        {
            let rectangle = (10, 10, 50, 100);
            let buffer = buffer.make_mut();
            let mut region = gst_video::VideoRegionOfInterestMeta::add(buffer, class, rectangle);
            let detection = gst::Structure::builder("detection").field("confidence", confidence);
            region.add_param(detection.build());
        }
        gst::PadProbeReturn::Ok
    });
    (pipeline, object)
}

fn asks_while_objects_are_there(encoder: &str) {
    let service = Service::of("v1", |_| {});
    let (pipeline, object) = pipeline(&service, encoder);
    let detect = |detected| *object.lock().expect("no panic") = detected;
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
        let (at, time) = (Instant::now(), now(&pipeline));
        detect(Some((class, 0.8)));
        let first = &wait_for_questions(&service, before + 1)[before];
        let (late, seen) = (first.at - at, shown(first));
        println!("{class}: asked after {late:?}, about {seen:?}, there since {time}");
        assert!(late < Duration::from_millis(800), "{late:?}");
        assert_eq!(seen.len(), 1);
        // The first frame with the object was captured just before it came.
        let captured = seen[0].0 + gst::ClockTime::from_mseconds(20);
        assert!(captured >= time, "the object is in the picture: {seen:?}");
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

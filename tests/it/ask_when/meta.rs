// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Detectors in front of the element: their metadata decides when to ask, of raw and of encoded video.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{questions, sleep, wait_for_questions, wait_for_video};
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
    let pipeline = Pipeline::new(service, &line);
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

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events from the application and from other elements, and what is asked about them.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{now, pipeline, questions, sleep, trigger, wait_for_questions, wait_for_video};
use crate::ask_about::{assert_near, shown};
use crate::common::{Pipeline, Service};

fn custom_event(pipeline: &Pipeline, way: &str) -> bool {
    let structure = gst::Structure::new_empty("overshoot-trigger");
    let upstream = || gst::event::CustomUpstream::new(structure.clone());
    let peer = |name| {
        let pad: gst::Pad = pipeline.sink.static_pad(name).expect("a pad");
        pad.peer().expect("linked")
    };
    match way {
        "signal" => trigger(pipeline),
        "downstream" => peer("sink").push_event(gst::event::CustomDownstream::new(structure)),
        "reader" => peer("json_src").push_event(upstream()),
        "pipeline" => pipeline.pipeline.send_event(upstream()),
        _ => panic!("{way}"),
    }
}

#[test]
fn pictures_around_an_event_are_asked_about_and_no_others() {
    let service = Service::of("v1", |_| {});
    let element = "interval-seconds=0.4 o.json_src ! fakesink async=false";
    let pipeline = pipeline(&service, element, "event,before=1.5,after=1");
    pipeline.play();
    wait_for_video(&service, 2);
    for way in ["signal", "downstream", "reader", "pipeline"] {
        let before = questions(&service).len();
        sleep(1500);
        assert_eq!(questions(&service).len(), before, "{way}: nothing happens");
        let (event, at) = (now(&pipeline), Instant::now());
        assert!(custom_event(&pipeline, way), "{way}");
        let first = &wait_for_questions(&service, before + 1)[before];
        let late = first.at - at;
        let seen = shown(first);
        println!("{way}: asked after {late:?}, shown {seen:?}, event at {event}");
        assert!(late < Duration::from_millis(1500), "{way}: {late:?}");
        // Three pictures of the time before, and one that was captured after the event.
        assert_eq!(seen.len(), 4, "{way}");
        let before_event = event.saturating_sub(gst::ClockTime::from_mseconds(1500));
        assert!(seen[0].0 <= before_event + gst::ClockTime::from_mseconds(50));
        assert_near(seen[0].0, before_event, 600);
        assert!(seen.is_sorted(), "{way}: {seen:?}");
        // On a loaded machine, one frame may still be on its way.
        let newest = seen[3].0 + gst::ClockTime::from_mseconds(200);
        assert!(newest >= event, "{way}: {seen:?} is older than {event}");
        sleep(2000);
        let all = questions(&service);
        let more = &all[before + 1..];
        // The window is 1 s long.
        assert!((1..=3).contains(&more.len()), "{way}: {} more", more.len());
        for question in more {
            assert_eq!(shown(question).len(), 1, "{way}: one picture");
            assert!(question.at - at < Duration::from_millis(1300), "{way}");
        }
    }
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_clip_reaches_back_to_before_the_event() {
    let service = Service::of("v1", |_| {});
    let element = "target-fps=5 clip-length-seconds=0.5 delay-seconds=0.5";
    let pipeline = pipeline(&service, element, "event,before=2,after=5");
    pipeline.play();
    wait_for_video(&service, 4);
    let event = now(&pipeline);
    assert!(trigger(&pipeline));
    let all = wait_for_questions(&service, 2);
    let (first, last) = shown(&all[0])[0];
    println!("{first} to {last}, event at {event}");
    let before_event = event - gst::ClockTime::from_seconds(2);
    // There is a frame each 167 ms.
    assert!(first <= before_event + gst::ClockTime::from_mseconds(50));
    assert_near(first, before_event, 600);
    assert!(last + gst::ClockTime::from_mseconds(200) >= event);
    let (first, last) = shown(&all[1])[0];
    // The next clip is as long as always: 0.5 s, in which the service takes two or three frames.
    assert!(first < last, "{first} to {last}");
    assert!(
        last - first <= gst::ClockTime::from_mseconds(700),
        "{first} to {last}"
    );
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn every_event_is_asked_about_and_many_at_once_cost_little() {
    let service = Service::of("v1", |_| {});
    let element = "interval-seconds=60";
    let pipeline = pipeline(&service, element, "event,before=1,after=2");
    pipeline.play();
    wait_for_video(&service, 1);
    let start = Instant::now();
    // A sensor that reports again and again.
    let mut last = gst::ClockTime::ZERO;
    for _ in 0..20 {
        last = now(&pipeline);
        assert!(trigger(&pipeline));
        sleep(100);
    }
    let all = wait_for_questions(&service, 2);
    // The first one at once, and the others at the end of the window.
    assert!(all[0].at - start < Duration::from_millis(1500));
    let end = all[1].at - start;
    assert!((3500..=5000).contains(&end.as_millis()), "{end:?}");
    let seen = shown(&all[1]);
    assert!(seen[3].0 >= last, "{seen:?}");
    sleep(1000);
    assert_eq!(questions(&service).len(), 2);
    // The window is closed.
    assert!(trigger(&pipeline));
    wait_for_questions(&service, 3);
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_trigger_without_effect_says_why() {
    let service = Service::of("v1", |_| {});
    let no_events = pipeline(&service, "interval-seconds=1", "still");
    let refusal = |pipeline: &Pipeline, fix: &str| {
        let before = pipeline.failures().len();
        assert!(!trigger(pipeline), "{fix}");
        let failures = pipeline.failures();
        let [failure] = &failures[before..] else {
            panic!("{fix}: {failures:?}")
        };
        assert!(!failure.fatal && failure.text.contains(fix), "{failure:?}");
    };
    refusal(&no_events, "Let the pipeline play");
    no_events.play();
    wait_for_video(&service, 0);
    refusal(&no_events, "Set ask-when=\"event");
    no_events.stop();
}

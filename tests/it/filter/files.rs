// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Video that is not live: preroll, EOS, seeks.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

use super::{WAIT, passed, record};
use crate::common::{Pipeline, Service, video};

const FILE: &str =
    "videotestsrc num-buffers=60 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1";

/// Neither the preroll nor the end waits for a service that hangs.
#[test]
fn a_file_plays_without_the_service() {
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Always);
    let line = format!("{FILE} ! overshootfilter name=o ! fakesink name=end sync=true");
    let pipeline = Pipeline::new(&service, &line);
    let went = record(&pipeline, "src");
    let start = Instant::now();
    pipeline.play();
    let (change, ..) = pipeline.pipeline.state(gst::ClockTime::from_seconds(5));
    change.expect("it plays");
    let prerolled = start.elapsed();
    assert!(prerolled < Duration::from_secs(1), "{prerolled:?}");
    pipeline.wait_for_eos(WAIT);
    let took = start.elapsed();
    println!("prerolled after {prerolled:?}, EOS after {took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(passed(&went).len(), 60);
}

/// The video ends at once. The message EOS of the pipeline comes after the last answers.
#[test]
fn eos_waits_for_the_last_answers_and_the_video_does_not() {
    let service = Service::with(|config| config.inference_latency = Duration::from_secs(1));
    let line = format!(
        "{FILE} ! overshootfilter name=o interval-seconds=0.5 o.json_src ! fakesink name=answers async=false o.src ! fakesink name=end sync=true"
    );
    let pipeline = Pipeline::new(&service, &line);
    let ended = Arc::new(Mutex::new(None));
    let into = ended.clone();
    let end = pipeline.pipeline.by_name("end").expect("it");
    let pad = end.static_pad("sink").expect("it");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && event.type_() == gst::EventType::Eos
        {
            *into.lock().expect("no panic") = Some(Instant::now());
        }
        gst::PadProbeReturn::Ok
    });
    let start = Instant::now();
    pipeline.play();
    pipeline.wait_for_eos(WAIT);
    let (eos, ended) = (
        Instant::now(),
        ended.lock().expect("no panic").expect("EOS"),
    );
    println!(
        "the video ended after {:?}, the pipeline after {:?}",
        ended - start,
        eos - start
    );
    assert!(
        ended - start < Duration::from_millis(2600),
        "{:?}",
        ended - start
    );
    let results = pipeline.results();
    let late = results.iter().filter(|result| result.at > ended).count();
    assert!(late >= 1, "{} answers", results.len());
    assert!(results.iter().all(|result| result.at <= eos));
    pipeline.stop();
    assert_eq!(pipeline.results().len(), results.len());
    service.assert_all_deleted();
}

/// A flushing seek reaches the source once, and answers go on after it.
#[test]
fn a_seek_is_done_once() {
    let service = Service::start();
    let line = format!(
        "filesrc location={} ! decodebin ! overshootfilter name=o interval-seconds=0.2 ! fakesink sync=true",
        video("bikes.mp4").display()
    );
    let pipeline = Pipeline::new(&service, &line);
    let seeks = Arc::new(AtomicUsize::new(0));
    let count = seeks.clone();
    let sink = pipeline.sink.static_pad("sink").expect("it");
    sink.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data {
            count.fetch_add(usize::from(event.type_() == gst::EventType::Seek), Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    let went = record(&pipeline, "src");
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    for _ in 0..3 {
        let before = passed(&went).len();
        pipeline
            .pipeline
            .seek_simple(
                gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT,
                gst::ClockTime::ZERO,
            )
            .expect("it seeks");
        super::wait_for_frames(&went, before + 10);
        let all = passed(&went);
        let pts = |index: usize| all[index].buffer.pts();
        let first = (before.max(1)..all.len()).find(|index| pts(*index) < pts(index - 1));
        // The frame after a seek has no answer about what was before.
        let first = &all[first.expect("it went back")].buffer;
        assert!(super::metas(first).is_empty());
    }
    assert_eq!(seeks.load(Relaxed), 3);
    let answers = pipeline.results().len();
    pipeline.wait_for("an answer after the seeks", WAIT, |_| {
        (pipeline.results().len() > answers + 2).then_some(())
    });
    let position = pipeline.pipeline.query_position::<gst::ClockTime>();
    assert!(position.expect("a position") < gst::ClockTime::from_seconds(8));
    pipeline.stop();
    service.assert_all_deleted();
}

/// The pipeline is paused and played again, and started again.
#[test]
fn it_can_be_paused_and_started_again() {
    let service = Service::start();
    let line = "videotestsrc ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
        ! overshootfilter name=o interval-seconds=0.2 ! fakesink sync=true";
    let pipeline = Pipeline::new(&service, line);
    for _ in 0..2 {
        let before = pipeline.results().len();
        pipeline.play();
        for _ in 0..2 {
            let answers = pipeline.results().len();
            pipeline.wait_for("answers", WAIT, |_| {
                (pipeline.results().len() > answers + 1).then_some(())
            });
            let paused = pipeline.pipeline.set_state(gst::State::Paused);
            paused.expect("it pauses");
            let (change, ..) = pipeline.pipeline.state(gst::ClockTime::from_seconds(5));
            change.expect("it pauses");
            pipeline.play();
        }
        pipeline.stop();
        assert!(pipeline.results().len() > before);
    }
    service.assert_all_deleted();
}

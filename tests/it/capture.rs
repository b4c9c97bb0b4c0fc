// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `capture-time`: each answer contains the time of the video that it is about. The tests compare it with a clock in
//! the picture. They also check the timestamps of the text pads during a pause and after a seek.

use std::time::Duration;

use crate::common::clock::percentile;
use crate::common::pipeline::PostedMessage;
use crate::common::{Clock, KEY, Pipeline, Service};
use gst::prelude::*;

const WAIT_TIMEOUT: Duration = Duration::from_secs(10);
const CLIP_MODE: &str = "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.7";
const FRAME_MODE: &str = "interval-seconds=0.5";

/// The difference between an answer's `capture-time` and the time that its picture shows.
fn capture_time_error(clock: &Clock, posted: &PostedMessage) -> Duration {
    let shown = clock.frame_of_last_code(&posted.text()).running_time;
    let capture_time: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
    Duration::from(shown.absdiff(capture_time))
}

#[test]
fn answers_contain_the_time_that_they_are_about() {
    let source = "videotestsrc is-live=true num-buffers=240 pattern=white \
                  ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
                  ! debugqroverlay name=clock pixel-size=4 ! tee name=t";
    let mut cases = Vec::new();
    let mut line = source.to_owned();
    for mode in [CLIP_MODE, FRAME_MODE] {
        for latency in [0, 150, 600] {
            let latency = Duration::from_millis(latency);
            let service = Service::with(|config| config.inference_latency = latency);
            let name = if cases.is_empty() { "name=o" } else { "" };
            line += &format!(
                " t. ! queue ! overshootsink {name} {mode} prompt={} api-key={KEY} api-url={}",
                cases.len(),
                service.url
            );
            cases.push((mode, latency, service));
        }
    }
    let pipeline = Pipeline::new(&cases[0].2, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    let results = pipeline.results();
    for (number, (mode, latency, _)) in cases.iter().enumerate() {
        let number = number.to_string();
        let mut errors: Vec<_> = results
            .iter()
            .filter(|posted| posted.structure.get::<&str>("prompt") == Ok(&*number))
            .map(|posted| capture_time_error(&clock, posted))
            .collect();
        assert!(errors.len() >= 10, "{} answers", errors.len());
        let [p50, p95] = [50, 95].map(|percent| percentile(&mut errors, percent));
        println!("{mode}, an answer takes {latency:?}: error p50 {p50:?}, p95 {p95:?}");
        assert!(
            p95 < Duration::from_millis(40),
            "{mode}, {latency:?}: {p95:?}"
        );
    }
}

/// Asserts that each text so far has the same running time as its message. Returns the number of texts.
fn check_text_times(pipeline: &Pipeline, text: &gst_app::AppSink) -> usize {
    let results = pipeline.results();
    let mut checked = 0;
    for posted in &results {
        let sample = text.try_pull_sample(gst::ClockTime::from_seconds(2));
        let sample = sample.expect("a text for each");
        let segment = sample.segment().expect("a segment");
        let segment = segment.downcast_ref::<gst::ClockTime>().expect("of time");
        let time = sample
            .buffer()
            .and_then(|b| segment.to_running_time(b.pts()?));
        let arrival = posted.structure.get::<gst::ClockTime>("running-time");
        assert_eq!(time, arrival.ok(), "{}", posted.structure);
        checked += 1;
    }
    checked
}

/// The appsink that gets the texts.
fn text_sink(pipeline: &Pipeline) -> gst_app::AppSink {
    let text = pipeline.pipeline.by_name("text").expect("the sink");
    text.downcast().expect("an appsink")
}

#[test]
fn the_time_that_frames_wait_before_the_element_counts() {
    let service = Service::start();
    // The queue holds frames back, as a camera's jitter buffer does.
    let line = format!(
        "videotestsrc is-live=true num-buffers=120 pattern=white \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=clock pixel-size=4 \
         ! queue min-threshold-time=300000000 max-size-buffers=0 max-size-bytes=0 \
         ! overshootsink name=o {FRAME_MODE}"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    let results = pipeline.results();
    // The last answer is ignored: at the end the queue releases all its frames at once.
    let mut errors: Vec<_> = results[..results.len() - 1]
        .iter()
        .map(|posted| capture_time_error(&clock, posted))
        .collect();
    assert!(errors.len() >= 4, "{} answers", errors.len());
    let p50 = percentile(&mut errors, 50);
    println!("frames that waited for 300 ms: error p50 {p50:?}");
    assert!(p50 < Duration::from_millis(40), "{p50:?}");
}

#[test]
fn a_pause_does_not_count() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true pattern=white \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {FRAME_MODE} \
         o.text_src ! appsink name=text sync=false async=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    pipeline.play();
    let answers = |count| {
        pipeline.wait_for("answers", WAIT_TIMEOUT, |_| {
            (pipeline.results().len() >= count).then_some(())
        });
    };
    answers(2);
    pipeline
        .pipeline
        .set_state(gst::State::Paused)
        .expect("it pauses");
    // The answers that are on their way arrive. Then no answer comes, because no frames flow.
    std::thread::sleep(Duration::from_millis(1_200));
    let before = pipeline.results().len();
    pipeline.play();
    answers(before + 4);
    for posted in &pipeline.results()[before + 1..] {
        let difference = capture_time_error(&clock, posted);
        assert!(
            difference < Duration::from_millis(60),
            "{difference:?}: {}",
            posted.structure
        );
    }
}

#[test]
fn text_follows_running_time_through_a_seek() {
    let service = Service::start();
    let line = format!(
        "videotestsrc pattern=white num-buffers=900 \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {FRAME_MODE} \
         o.text_src ! appsink name=text sync=false async=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::attach(&pipeline.pipeline);
    let text = text_sink(&pipeline);
    pipeline.play();
    pipeline.wait_for("answers", WAIT_TIMEOUT, |_| {
        (pipeline.results().len() >= 5).then_some(())
    });
    let before = pipeline.results().len();
    // Running time starts at 0 again, and the file continues at 20 s.
    let (flags, to) = (gst::SeekFlags::FLUSH, gst::ClockTime::from_seconds(20));
    pipeline.pipeline.seek_simple(flags, to).expect("it seeks");
    pipeline.wait_for("answers", WAIT_TIMEOUT, |_| {
        (pipeline.results().len() >= before + 4).then_some(())
    });
    assert!(check_text_times(&pipeline, &text) >= before + 4);
    let results = pipeline.results();
    let arrival =
        |posted: &PostedMessage| posted.structure.get::<gst::ClockTime>("running-time").ok();
    assert!(
        arrival(&results[before + 3]) < arrival(&results[before - 1]),
        "running time started again"
    );
    for posted in &results[before + 2..] {
        let difference = capture_time_error(&clock, posted);
        assert!(
            difference < Duration::from_millis(60),
            "{difference:?}: {}",
            posted.structure
        );
    }
}

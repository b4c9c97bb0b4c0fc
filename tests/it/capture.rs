//! `capture-time`: each answer names the moment that it is about, which is checked against a clock
//! in the picture. And the text pads' timestamps, also where running time stands still or begins anew.

use std::time::Duration;

use crate::common::clock::percentile;
use crate::common::pipeline::Posted;
use crate::common::{Clock, KEY, Pipeline, Service};
use gst::prelude::*;

const WAIT: Duration = Duration::from_secs(10);
const CLIP: &str = "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.7";
const FRAME: &str = "interval-seconds=0.5";

/// Between what an answer says that it is about, and what it is about.
fn error(clock: &Clock, posted: &Posted) -> Duration {
    let seen = clock.newest(&posted.text()).running_time;
    let told: gst::ClockTime = posted.structure.get("capture-time").expect("a time");
    Duration::from(seen.absdiff(told))
}

#[test]
fn answers_tell_the_time_that_they_are_about() {
    let source = "videotestsrc is-live=true num-buffers=240 pattern=white \
                  ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
                  ! debugqroverlay name=clock pixel-size=4 ! tee name=t";
    let mut cases = Vec::new();
    let mut line = source.to_owned();
    for mode in [CLIP, FRAME] {
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
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    let results = pipeline.results();
    for (number, (mode, latency, _)) in cases.iter().enumerate() {
        let number = number.to_string();
        let mut errors: Vec<_> = results
            .iter()
            .filter(|posted| posted.structure.get::<&str>("prompt") == Ok(&*number))
            .map(|posted| error(&clock, posted))
            .collect();
        assert!(errors.len() >= 10, "{} answers", errors.len());
        let [p50, p95] = [50, 95].map(|percent| percentile(&mut errors, percent));
        println!("{mode}, an answer takes {latency:?}: off by p50 {p50:?}, p95 {p95:?}");
        assert!(
            p95 < Duration::from_millis(40),
            "{mode}, {latency:?}: {p95:?}"
        );
    }
}

/// Every text that has come so far carries the running time of its arrival, and so does its message.
fn check_text(pipeline: &Pipeline, text: &gst_app::AppSink) -> usize {
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
        let told = posted.structure.get::<gst::ClockTime>("running-time");
        assert_eq!(time, told.ok(), "{}", posted.structure);
        checked += 1;
    }
    checked
}

fn text(pipeline: &Pipeline) -> gst_app::AppSink {
    let text = pipeline.pipeline.by_name("text").expect("the sink");
    text.downcast().expect("an appsink")
}

#[test]
fn what_frames_wait_before_the_element_counts() {
    let service = Service::start();
    // As behind a camera whose jitter buffer holds frames for a while.
    let line = format!(
        "videotestsrc is-live=true num-buffers=120 pattern=white \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=clock pixel-size=4 \
         ! queue min-threshold-time=300000000 max-size-buffers=0 max-size-bytes=0 \
         ! overshootsink name=o {FRAME}"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    let results = pipeline.results();
    // At the end the queue lets go of all that it holds.
    let mut errors: Vec<_> = results[..results.len() - 1]
        .iter()
        .map(|posted| error(&clock, posted))
        .collect();
    assert!(errors.len() >= 4, "{} answers", errors.len());
    let p50 = percentile(&mut errors, 50);
    println!("frames that waited for 300 ms: off by p50 {p50:?}");
    assert!(p50 < Duration::from_millis(40), "{p50:?}");
}

#[test]
fn a_pause_does_not_count() {
    let service = Service::start();
    let line = format!(
        "videotestsrc is-live=true pattern=white \
         ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {FRAME} \
         o.text_src ! appsink name=text sync=false async=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    let answers = |count| {
        pipeline.wait_for("answers", WAIT, |_| {
            (pipeline.results().len() >= count).then_some(())
        });
    };
    answers(2);
    pipeline
        .pipeline
        .set_state(gst::State::Paused)
        .expect("it pauses");
    // What is on its way comes, then nothing: no frames flow.
    std::thread::sleep(Duration::from_millis(1_200));
    let before = pipeline.results().len();
    pipeline.play();
    answers(before + 4);
    for posted in &pipeline.results()[before + 1..] {
        let off = error(&clock, posted);
        assert!(
            off < Duration::from_millis(60),
            "{off:?}: {}",
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
         ! debugqroverlay name=clock pixel-size=4 ! overshootsink name=o {FRAME} \
         o.text_src ! appsink name=text sync=false async=false"
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    let text = text(&pipeline);
    pipeline.play();
    pipeline.wait_for("answers", WAIT, |_| {
        (pipeline.results().len() >= 5).then_some(())
    });
    let before = pipeline.results().len();
    // Running time begins at 0 again, the file goes on at 20 s.
    let (flags, to) = (gst::SeekFlags::FLUSH, gst::ClockTime::from_seconds(20));
    pipeline.pipeline.seek_simple(flags, to).expect("it seeks");
    pipeline.wait_for("answers", WAIT, |_| {
        (pipeline.results().len() >= before + 4).then_some(())
    });
    assert!(check_text(&pipeline, &text) >= before + 4);
    let results = pipeline.results();
    let at = |posted: &Posted| posted.structure.get::<gst::ClockTime>("running-time").ok();
    assert!(
        at(&results[before + 3]) < at(&results[before - 1]),
        "it began anew"
    );
    for posted in &results[before + 2..] {
        let off = error(&clock, posted);
        assert!(
            off < Duration::from_millis(60),
            "{off:?}: {}",
            posted.structure
        );
    }
}

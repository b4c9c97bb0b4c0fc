// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `hold`: the video is late, and each answer is on the frames that it is about. Judged by the pixels of the frames.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{LIVE, WAIT, metas, passed, record, wait_for_frames};
use crate::common::{Pipeline, Service};

/// Plays video that is white and black in turn, 1.5 s each. Returns how many frames that are not near a change have an
/// answer about another colour, of how many with an answer.
fn wrong_answers(properties: &str) -> (usize, usize) {
    // Answers take as long as a third of a colour.
    let service = Service::with(|config| config.inference_latency = Duration::from_millis(500));
    let line = format!(
        "{LIVE} ! overshootfilter name=o interval-seconds=0.1 {properties} ! fakesink sync=true name=end"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.show_pattern("black");
    let went = record(&pipeline, "src");
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    for pattern in ["white", "black", "white", "black", "white"] {
        pipeline.show_pattern(pattern);
        std::thread::sleep(Duration::from_millis(1500));
    }
    pipeline.stop();
    let went = passed(&went);
    let is_white = |frame: &super::Passed| {
        let map = frame.buffer.map_readable().expect("readable");
        map[320 * 100 + 100] > 128
    };
    let colours: Vec<_> = went.iter().map(is_white).collect();
    let (mut wrong, mut all) = (0, 0);
    for (index, frame) in went.iter().enumerate() {
        // 0.3 s before and after a change, both answers are right enough: an answer is about 0.1 s, and times of
        // capture are exact to some frames.
        let near = &colours[index.saturating_sub(9)..colours.len().min(index + 10)];
        let Some(meta) = metas(&frame.buffer).pop() else {
            continue;
        };
        if near.iter().all(|white| *white == colours[index]) {
            let text: String = meta.get("text").expect("a text");
            all += 1;
            wrong += usize::from(text.contains("mostly white") != colours[index]);
        }
    }
    println!("{properties}: {wrong} of {all} frames have another answer");
    service.assert_all_deleted();
    (wrong, all)
}

#[test]
fn answers_are_on_the_frames_that_they_are_about() {
    let (wrong, all) = wrong_answers("hold=1200000000");
    assert!(all > 60, "{all}");
    assert_eq!(wrong, 0, "of {all}");
    // Without it, the answers come half a second later.
    let (wrong, all) = wrong_answers("");
    assert!(wrong * 10 > all, "{wrong} of {all}");
}

#[test]
fn the_latency_is_reported_and_eos_lets_go() {
    let service = Service::start();
    let line = "videotestsrc is-live=true num-buffers=45 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! overshootfilter name=o hold=1000000000 ! fakesink sync=true name=end";
    let pipeline = Pipeline::new(&service, line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    wait_for_frames(&went, 5);
    let mut query = gst::query::Latency::new();
    assert!(pipeline.pipeline.query(&mut query));
    let (live, min, max) = query.result();
    assert!(live);
    // The source's own latency is one frame.
    let of_frame = gst::ClockTime::from_nseconds(33_333_333);
    let expected = gst::ClockTime::SECOND + of_frame;
    assert!(min >= expected && min < expected + of_frame, "{min}");
    assert!(max.is_none_or(|max| max >= min), "{max:?}");
    let end = pipeline.pipeline.by_name("end").expect("it");
    assert!(
        end.property::<gst::Structure>("stats")
            .get::<u64>("dropped")
            == Ok(0)
    );
    pipeline.wait_for_eos(WAIT);
    let (came, went) = (passed(&came), passed(&went));
    assert_eq!((came.len(), went.len()), (45, 45));
    super::assert_untouched(&came, &went);
    let delay = |index: usize| went[index].at - came[index].at;
    assert!(delay(0) >= Duration::from_millis(990), "{:?}", delay(0));
    assert!(delay(0) < Duration::from_millis(1200), "{:?}", delay(0));
    // The last one is pushed as soon as the video has ended. (The sink still shows each at its time.)
    pipeline.stop();
    service.assert_all_deleted();
}

/// A flush does not wait for what is held, nor does the stop.
#[test]
fn a_flush_and_the_stop_let_go() {
    let service = Service::start();
    let line = format!("{LIVE} ! overshootfilter name=o hold=30000000000 ! fakesink sync=false");
    let pipeline = Pipeline::new(&service, &line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    wait_for_frames(&came, 30);
    assert!(passed(&went).is_empty());
    let sink = pipeline.sink.static_pad("sink").expect("it");
    let start = Instant::now();
    sink.send_event(gst::event::FlushStart::new());
    sink.send_event(gst::event::FlushStop::new(false));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    sink.send_event(gst::event::Segment::new(&segment));
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
    let before = passed(&came).len();
    wait_for_frames(&came, before + 10);
    // EOS lets the rest go at once, but for what was flushed.
    let eos = Instant::now();
    sink.send_event(gst::event::Eos::new());
    wait_for_frames(&went, 5);
    assert!(
        eos.elapsed() < Duration::from_secs(2),
        "{:?}",
        eos.elapsed()
    );
    let stopped = pipeline.stop();
    assert!(stopped < Duration::from_millis(3500), "{stopped:?}");
}

/// Of a file, the queue is ahead of what is shown, and everything arrives.
#[test]
fn a_file_is_held_too() {
    let service = Service::start();
    let line = "videotestsrc num-buffers=90 ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
         ! overshootfilter name=o interval-seconds=0.1 hold=1000000000 ! fakesink sync=true";
    let pipeline = Pipeline::new(&service, line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    let start = Instant::now();
    pipeline.play();
    let (change, ..) = pipeline.pipeline.state(gst::ClockTime::from_seconds(5));
    change.expect("it plays");
    assert!(start.elapsed() < Duration::from_secs(1));
    wait_for_frames(&went, 20);
    // A second ahead, and not more.
    let ahead = passed(&came).len() - passed(&went).len();
    assert!((25..=35).contains(&ahead), "{ahead}");
    pipeline.wait_for_eos(WAIT);
    let (came, went) = (passed(&came), passed(&went));
    assert_eq!((came.len(), went.len()), (90, 90));
    super::assert_untouched(&came, &went);
    let with_answer = went.iter().filter(|p| !metas(&p.buffer).is_empty()).count();
    assert!(with_answer > 20, "{with_answer}");
    service.assert_all_deleted();
}

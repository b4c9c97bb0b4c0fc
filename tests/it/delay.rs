//! How old a frame is when the far side has it, and what happens when something is slow: the newest
//! frame wins, and the branch beside the element does not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::common::clock::percentile;
use crate::common::{Clock, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::Stream;

/// Of a live source at 30/s.
const INTERVAL: Duration = Duration::from_micros(33_333);

fn source(size: &str, frames: u32) -> String {
    format!(
        "videotestsrc is-live=true num-buffers={frames} pattern=ball background-color=0xffffffff \
         ! video/x-raw,format=I420,{size},framerate=30/1 ! debugqroverlay name=clock pixel-size=4"
    )
}

fn service() -> Service {
    Service::with(|config| config.read_every_frame = true)
}

/// From the capture of each frame until the far side had decoded it, and when that was.
fn delays(stream: &Stream, clock: &Clock) -> Vec<(Instant, Duration)> {
    stream
        .frames
        .iter()
        .filter_map(|frame| {
            let captured = clock.newest(frame.code.as_deref()?).at;
            Some((frame.at, frame.at - captured))
        })
        .collect()
}

/// Counts what a `fakesink name=sibling signal-handoffs=true` gets.
fn count_sibling(pipeline: &Pipeline) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    sibling.connect("handoff", false, move |_| {
        counted.fetch_add(1, Relaxed);
        None
    });
    count
}

const SIBLING: &str =
    "tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false t. ! queue";

#[test]
fn a_frame_is_there_within_one_frame_interval() {
    for size in ["width=640,height=360", "width=1280,height=720"] {
        let service = service();
        let line = format!("{} ! overshootsink name=o", source(size, 150));
        let pipeline = Pipeline::new(&service, &line);
        let clock = Clock::of(&pipeline.pipeline);
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(20));
        let delays = delays(&service.stream(), &clock);
        assert!(delays.len() > 120, "{} codes were read", delays.len());
        // The first frame waited for the connection.
        let mut delays: Vec<_> = delays[1..].iter().map(|(_, delay)| *delay).collect();
        let [p50, p95] = [50, 95].map(|percent| percentile(&mut delays, percent));
        println!("{size}: from the capture to the far side p50 {p50:?}, p95 {p95:?}");
        // One more frame that waits anywhere would add an interval to each.
        assert!(p50 < INTERVAL, "{size}: {p50:?}");
    }
}

#[test]
fn of_a_slow_encoder_the_newest_frame_wins() {
    const SLOW: Duration = Duration::from_millis(200);
    let service = service();
    let source = source("width=320,height=240", 150);
    let line = format!("{source} ! {SIBLING} ! overshootsink name=o");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    let sibling = count_sibling(&pipeline);
    pipeline.sink.connect("encoder-setup", false, |values| {
        let encoder = values[3].get::<gst::Element>().expect("an encoder");
        let pad = encoder.static_pad("sink").expect("a sink pad");
        pad.add_probe(gst::PadProbeType::BUFFER, |_, _| {
            std::thread::sleep(SLOW);
            gst::PadProbeReturn::Ok
        });
        Some(false.to_value())
    });
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    let delays = delays(&service.stream(), &clock);
    let mut delays: Vec<_> = delays[1..].iter().map(|(_, delay)| *delay).collect();
    assert!(delays.len() > 15, "{} frames", delays.len());
    let [p50, most] = [50, 100].map(|percent| percentile(&mut delays, percent));
    println!("an encoder that takes {SLOW:?}: p50 {p50:?}, at the most {most:?}");
    assert!(most < 2 * SLOW + INTERVAL, "{most:?}");
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    let busy = stats.get::<u64>("frames-dropped-busy").expect("counted");
    assert!(busy > 90, "{stats}");
    assert_eq!(sibling.load(Relaxed), 150);
}

#[test]
fn a_far_side_that_stalls_holds_nothing_back() {
    const STALL: Duration = Duration::from_secs(2);
    let service = service();
    let source = source("width=320,height=240", 180);
    let line = format!("{source} ! {SIBLING} ! overshootsink name=o");
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    let sibling = count_sibling(&pipeline);
    pipeline.play();
    service.wait("video", |seen| {
        seen.streams
            .first()
            .is_some_and(|stream| stream.frames.len() > 30)
    });
    let (before, start) = (sibling.load(Relaxed), Instant::now());
    assert!(service.control.stall_media(&service.stream().id, STALL));
    std::thread::sleep(STALL);
    let during = sibling.load(Relaxed) - before;
    assert!(
        during.abs_diff(60) < 8,
        "{during} frames beside it in two seconds"
    );
    pipeline.wait_for_eos(Duration::from_secs(20));
    assert_eq!(sibling.load(Relaxed), 180);
    assert_eq!(
        pipeline
            .states()
            .iter()
            .filter(|s| *s == "streaming")
            .count(),
        1
    );
    // What was sent meanwhile is old; after it comes what is new, without any delay left over.
    let late = start + STALL + Duration::from_secs(1);
    let delays = delays(&service.stream(), &clock);
    let mut after: Vec<_> = (delays.iter().filter(|(at, _)| *at > late))
        .map(|(_, delay)| *delay)
        .collect();
    assert!(after.len() > 20, "{} frames after the stall", after.len());
    let p50 = percentile(&mut after, 50);
    println!("after a stall of {STALL:?}: p50 {p50:?}");
    assert!(p50 < 2 * INTERVAL, "{p50:?}");
}

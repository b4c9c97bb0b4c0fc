// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Life after EOS: video that is played again, and EOS messages that come once for each end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::{Pipeline, Service};

/// The pipelines: raw video, and video that is passed through.
const LINES: [&str; 2] = [
    "decodebin ! overshootsink name=o",
    "qtdemux ! h264parse ! overshootsink name=o",
];

fn playing(service: &Service, end: &str) -> Pipeline {
    crate::common::init();
    let file = crate::common::video("carphone_pristine.mp4");
    let pipeline = Pipeline::new(
        service,
        &format!("filesrc location={} ! {end}", file.display()),
    );
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(20));
    pipeline
}

/// Plays the first second from its begin, by a flushing seek.
fn play_first_second(pipeline: &Pipeline) {
    let seconds = gst::ClockTime::from_seconds;
    pipeline
        .pipeline
        .seek(
            1.0,
            gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE,
            gst::SeekType::Set,
            seconds(0),
            gst::SeekType::Set,
            seconds(1),
        )
        .expect("a seek");
}

/// The number of EOS messages of the pipeline so far.
fn ends(pipeline: &Pipeline) -> usize {
    let is_end = |message: &gst::Message| {
        message.type_() == gst::MessageType::Eos
            && message.src().is_some_and(|src| src.is::<gst::Pipeline>())
    };
    let messages = pipeline.messages();
    messages
        .iter()
        .filter(|(_, message)| is_end(message))
        .count()
}

fn wait_for_end(pipeline: &Pipeline, number: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while ends(pipeline) < number {
        assert!(
            Instant::now() < deadline,
            "EOS {number} does not come; {:?}, {:?}",
            pipeline.states(),
            pipeline.failures()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(ends(pipeline), number);
}

/// Counts the EOS events that go into the element.
fn ends_in(pipeline: &Pipeline) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let pad = pipeline.sink.static_pad("sink").expect("a pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && event.type_() == gst::EventType::Eos
        {
            counted.fetch_add(1, SeqCst);
        }
        gst::PadProbeReturn::Ok
    });
    count
}

/// The service has made this many streams, and has seen and answered the last one.
fn assert_stream(service: &Service, pipeline: &Pipeline, number: usize) {
    let seen = service.control.snapshot();
    assert_eq!(seen.streams.len(), number);
    let frames = seen.streams[number - 1].frames.len();
    assert!(frames >= 5, "{frames} frames");
    let results = pipeline.results();
    let last = results.last().expect("answers");
    assert_eq!(last.structure.get("stream-epoch"), Ok(number as u64));
}

#[test]
fn a_file_that_is_played_again_after_eos_gets_answers_again() {
    for (line, api) in LINES.iter().zip(["v0.2", "v1"]) {
        println!("{line}");
        let service = Service::of(api, |_| {});
        let pipeline = playing(&service, line);
        play_first_second(&pipeline);
        wait_for_end(&pipeline, 1);
        play_first_second(&pipeline);
        wait_for_end(&pipeline, 2);
        assert_stream(&service, &pipeline, 2);
        // After EOS, a pipeline that plays again says once more that it has ended.
        for state in [gst::State::Paused, gst::State::Playing] {
            pipeline.pipeline.set_state(state).expect("the state");
        }
        wait_for_end(&pipeline, 3);
        assert!(pipeline.failures().iter().all(|failure| !failure.fatal));
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn a_seek_while_the_last_answers_are_awaited_begins_anew() {
    for line in LINES {
        println!("{line}");
        let latency = Duration::from_millis(700);
        let service = Service::with(|config| config.inference_latency = latency);
        let pipeline = playing(&service, line);
        let ends_in = ends_in(&pipeline);
        play_first_second(&pipeline);
        while ends_in.load(SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The last frame is shown, and then its answer is awaited.
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(ends(&pipeline), 0);
        play_first_second(&pipeline);
        wait_for_end(&pipeline, 1);
        assert_eq!(ends_in.load(SeqCst), 2);
        assert_stream(&service, &pipeline, 2);
        // In PAUSED, while the last answers are awaited, the end is not lost either.
        play_first_second(&pipeline);
        while ends_in.load(SeqCst) == 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        pipeline
            .pipeline
            .set_state(gst::State::Paused)
            .expect("PAUSED");
        service.wait("the end of the stream", |seen| {
            seen.streams.len() == 3 && seen.streams[2].ended.is_some()
        });
        pipeline.play();
        wait_for_end(&pipeline, 2);
    }
}

#[test]
fn each_end_comes_out_without_a_flush_too() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, "appsrc name=a ! overshootsink name=o");
    let unused = pipeline.pipeline.by_name("a").expect("a source");
    unused.unlink(&pipeline.sink);
    pipeline.pipeline.remove(&unused).expect("removed");
    let source = gst::Pad::new(gst::PadDirection::Src);
    let sink = pipeline.sink.static_pad("sink").expect("a pad");
    source.link(&sink).expect("linked");
    source.set_active(true).expect("active");
    pipeline.play();
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 160, 120)
        .fps(gst::Fraction::new(10, 1))
        .build()
        .expect("info");
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    for part in 0..3 {
        let id = format!("part{part}");
        let start = gst::event::StreamStart::builder(&id).group_id(gst::GroupId::next());
        source.push_event(start.build());
        source.push_event(gst::event::Caps::new(&info.to_caps().expect("caps")));
        segment.set_base(pipeline.pipeline.current_running_time());
        source.push_event(gst::event::Segment::new(&segment));
        for frame in 0..10 {
            let mut buffer = gst::Buffer::from_slice(vec![80u8; info.size()]);
            buffer
                .make_mut()
                .set_pts(gst::ClockTime::from_mseconds(100) * frame);
            source.push(buffer).expect("a frame");
        }
        source.push_event(gst::event::Eos::new());
    }
    wait_for_end(&pipeline, 3);
    assert_stream(&service, &pipeline, 3);
    pipeline.stop();
    service.assert_all_deleted();
}

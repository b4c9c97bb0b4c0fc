// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Files: no frame is lost at the start, playback follows the clock, and the last answers arrive before EOS.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::{Launch, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

/// Makes a copy of a test video in which each frame shows its number as a QR code. Returns the file and the numbers.
fn numbered(name: &str) -> (PathBuf, Vec<u64>) {
    crate::common::init();
    let source = crate::common::video(name);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("numbered-{name}"));
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! debugqroverlay name=number pixel-size=4 \
         ! videoconvert ! x264enc speed-preset=ultrafast quantizer=18 pass=quant ! mp4mux \
         ! filesink location={}",
        source.display(),
        copy.display()
    );
    let pipeline =
        gst::parse::launch(&crate::common::clock::with_codes(&line)).expect("a pipeline");
    pipeline
        .set_state(gst::State::Playing)
        .expect("the copy is made");
    let bus = pipeline.bus().expect("a bus");
    let end = bus.timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert_eq!(end.map(|m| m.type_()), Some(gst::MessageType::Eos));
    let numbers = numbers_in(&copy);
    (copy, numbers)
}

/// The frame numbers in the file, from 0 on.
fn numbers_in(file: &Path) -> Vec<u64> {
    let line = format!(
        "filesrc location={} ! qtdemux ! h264parse ! fakesink name=f signal-handoffs=true",
        file.display()
    );
    let pipeline = gst::parse::launch(&line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = count.clone();
    pipeline
        .by_name("f")
        .expect("the sink")
        .connect("handoff", false, move |_| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            None
        });
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let bus = pipeline.bus().expect("a bus");
    bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &[gst::MessageType::Eos])
        .expect("it ends");
    pipeline.set_state(gst::State::Null).expect("it stops");
    (0..count.load(std::sync::atomic::Ordering::Relaxed)).collect()
}

/// The number in a `debugqroverlay` code.
fn number(code: &str) -> u64 {
    let json: serde_json::Value = serde_json::from_str(code).expect("JSON");
    let count = &json["BUFFERCOUNT"];
    count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("no number in {code}"))
}

#[test]
fn a_file_played_by_gst_launch_loses_nothing() {
    let service = Service::with(|config| config.read_every_frame = true);
    let (file, numbers) = numbered("bikes.mp4");
    let answers = file.with_extension("jsonl");
    let _ = fs::remove_file(&answers);
    let start = Instant::now();
    let launch = Launch::start(
        &service,
        &format!(
            "filesrc location={} ! decodebin ! overshootsink name=o prompt='What do you see?' \
             o.json_src ! filesink location={}",
            file.display(),
            answers.display()
        ),
    );
    let finished = launch.finish(Duration::from_secs(60));
    let elapsed = start.elapsed();
    assert!(finished.status.success(), "{finished:?}");

    let stream = service.stream();
    let seen: Vec<u64> = stream
        .frames
        .iter()
        .map(|frame| number(frame.code.as_deref().expect("every code can be read")))
        .collect();
    println!(
        "{} frames in the file, {} decoded",
        numbers.len(),
        seen.len()
    );
    let first = seen.first().copied().expect("frames");
    let expected: Vec<u64> = numbers.iter().map(|n| n + first).collect();
    assert!(first <= 1, "starts with {first}");
    assert_eq!(seen, expected);

    // 10 s of video take 10 s, plus the time for starting and for the last answers.
    let length = Duration::from_secs_f64(numbers.len() as f64 / 25.0);
    println!("{length:?} of video took {elapsed:?}");
    assert!(
        elapsed > length && elapsed < length + Duration::from_secs(4),
        "{elapsed:?}"
    );

    // All answers were written before EOS closed the file, including the last one.
    let sent: Vec<_> = stream
        .answers
        .iter()
        .map(|a| a.text.clone() + "\n")
        .collect();
    assert_eq!(
        fs::read_to_string(&answers).expect("answers"),
        sent.concat()
    );
    assert!(sent.len() > 20, "{} answers", sent.len());
    service.assert_all_deleted();
}

#[test]
fn the_last_answers_come_before_eos() {
    // Each answer takes a second, so several are on their way when the video ends.
    let service = Service::with(|config| config.inference_latency = Duration::from_secs(1));
    let line = format!(
        "filesrc location={} ! decodebin ! overshootsink name=o",
        crate::common::video("carphone_pristine.mp4").display()
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    let stream = service.stream();
    let posted: Vec<_> = pipeline.results().iter().map(|r| r.json()).collect();
    let sent: Vec<_> = stream.answers.iter().map(|a| a.text.clone()).collect();
    assert_eq!(posted, sent);
    // The video is 4 s long, with an answer every 0.2 s. The last answers are about its end.
    assert!(posted.len() >= 17, "{} answers", posted.len());
    let ended = stream.ended.expect("it was deleted").0;
    assert!(stream.answers.iter().all(|answer| answer.at < ended));
    service.assert_all_deleted();
}

#[test]
fn live_video_that_ends_before_the_connection_causes_a_warning() {
    let service = Service::start();
    let line = "videotestsrc is-live=true num-buffers=1 ! video/x-raw,width=320,height=240,framerate=100/1 \
                ! overshootsink name=o";
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Once);
    let pipeline = Pipeline::new(&service, line);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(5));
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0]
            .text
            .contains("ended while there was no connection")
    );
}

#[test]
fn the_drain_takes_a_bounded_time() {
    let service = Service::with(|config| config.inference_latency = Duration::from_secs(30));
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc num-buffers=30 ! overshootsink name=o drain-timeout=1500000000",
    );
    pipeline.play();
    let start = Instant::now();
    pipeline.wait_for_eos(Duration::from_secs(10));
    let elapsed = start.elapsed();
    assert!(
        elapsed > Duration::from_millis(1500) && elapsed < Duration::from_secs(5),
        "{elapsed:?}"
    );
    service.assert_all_deleted();
}

#[test]
fn an_empty_stream_ends_and_is_deleted() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc num-buffers=0 ! overshootsink name=o",
    );
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(10));
    service.assert_all_deleted();
}

#[test]
fn any_format_size_and_rate_is_accepted() {
    let service = Service::start();
    for (caps, width, height) in [
        ("format=RGB,width=320,height=240,framerate=30/1", 320, 240),
        ("format=GRAY8,width=160,height=120,framerate=15/1", 160, 120),
        // A variable frame rate, as of many cameras and most web videos.
        (
            "format=YUY2,width=320,height=240,framerate=30/1 ! capssetter caps=video/x-raw,framerate=0/1",
            320,
            240,
        ),
        (
            "format=I422_10LE,width=320,height=240,framerate=60/1",
            320,
            240,
        ),
        (
            "format=NV12,width=1920,height=1080,framerate=5/1",
            1280,
            720,
        ),
        ("format=BGRA,width=321,height=243,framerate=25/1", 320, 242),
        (
            "format=I420,width=320,height=240,framerate=25/1,interlace-mode=interleaved",
            320,
            240,
        ),
        (
            "format=I420,width=720,height=576,framerate=25/1,pixel-aspect-ratio=16/15",
            720,
            540,
        ),
    ] {
        let before = service.control.snapshot().streams.len();
        let line =
            format!("videotestsrc num-buffers=15 ! video/x-raw,{caps} ! overshootsink name=o");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(20));
        let seen = service.control.snapshot();
        let frames = &seen.streams[before].frames;
        assert_eq!(frames.len(), 15, "{caps}");
        let sizes: Vec<_> = frames.iter().map(|f| (f.width, f.height)).collect();
        assert!(
            sizes.iter().all(|size| *size == (width, height)),
            "{caps}: {sizes:?}"
        );
    }
    service.assert_all_deleted();
}

#[test]
fn caps_can_change_while_streaming() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc name=s is-live=true ! capsfilter name=c \
         caps=video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! overshootsink name=o",
    );
    pipeline.play();
    let frames = |count: usize| {
        service.wait("frames", |seen| {
            seen.streams
                .first()
                .is_some_and(|s| s.frames.len() >= count)
        })
    };
    let count = frames(15).streams[0].frames.len();
    let filter = pipeline.pipeline.by_name("c").expect("the filter");
    let other = "video/x-raw,format=RGB,width=640,height=360,framerate=15/1";
    filter.set_property("caps", other.parse::<gst::Caps>().expect("caps"));
    let seen = frames(count + 20);
    let last = seen.streams[0].frames.last().expect("frames");
    assert_eq!((last.width, last.height), (640, 360));
    assert_eq!(seen.streams.len(), 1);
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn frames_that_the_service_does_not_sample_are_not_sent() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc num-buffers=90 ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5",
    );
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(20));
    // Every fourth frame of 3 s is sent. Every fifth frame would give exactly the six frames per second that the
    // service samples, and some of them would be late.
    let frames = service.stream().frames.len();
    assert!((22..=24).contains(&frames), "{frames} frames");
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    let dropped = stats.get::<u64>("frames-dropped-rate").expect("counted");
    assert_eq!(dropped as usize + frames, 90, "{stats}");
}

#[test]
fn a_seek_back_keeps_the_stream() {
    let service = Service::start();
    let line = format!(
        "filesrc location={} ! decodebin ! overshootsink name=o",
        crate::common::video("carphone_pristine.mp4").display()
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    service.wait("two seconds", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 60)
    });
    pipeline
        .pipeline
        .seek_simple(
            gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT,
            gst::ClockTime::ZERO,
        )
        .expect("it seeks");
    pipeline.wait_for_eos(Duration::from_secs(20));
    // 60 frames, and then the whole file from the start: the seek itself loses no frame.
    let all = numbers_in(&crate::common::video("carphone_pristine.mp4")).len();
    let frames = service.stream().frames.len();
    println!("{frames} frames: {all} of the file and those before the seek");
    assert!(frames >= all + 55, "{frames}");
    let posted = pipeline.results().len();
    assert_eq!(posted, service.stream().answers.len());
    service.assert_all_deleted();
}

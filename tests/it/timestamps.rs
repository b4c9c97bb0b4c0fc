// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Timestamps of the input: wrong ones do not stop the video, and right ones become RTP time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{EndReason, Stream};

/// Six samples per second.
const SAMPLED: &str = "overshootsink name=o target-fps=6 clip-length-seconds=0.5";
const SAMPLES_PER_SECOND: usize = 6;
const SMALL: &str = "video/x-raw,format=I420,width=160,height=120,framerate=30/1";
/// The ticks of RTP's clock from frame to frame at 30 frames per second, and those of a millisecond.
const FRAME_TICKS: u64 = 3_000;
const MS_TICKS: u64 = 90;

/// Changes the timestamps of the element `stamp`: `stamp` makes one from the frame's number.
fn restamp(pipeline: &Pipeline, stamp: impl Fn(u64) -> u64 + Send + Sync + 'static) {
    let number = AtomicU64::new(0);
    let element = pipeline.pipeline.by_name("stamp").expect("it is there");
    let pad = element.static_pad("src").expect("a source pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let pts = stamp(number.fetch_add(1, Relaxed));
            let buffer = buffer.make_mut();
            buffer.set_pts(gst::ClockTime::from_nseconds(pts));
            buffer.set_dts(None);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Asserts that each of the last samples found a new frame, and that not every frame was sent. `samples`: how many of
/// the last samples count.
fn assert_sampled_well(name: &str, stream: &Stream, samples: usize) {
    let newest = &stream.samples[stream.samples.len() - samples..];
    let repeats = newest.iter().filter(|sample| sample.repeat).count();
    let since = newest[0].at;
    let sent = stream
        .frames
        .iter()
        .filter(|frame| frame.at > since)
        .count();
    println!("{name}: {repeats} of {samples} samples are repeats, {sent} frames were sent");
    assert!(repeats <= samples / 12, "{name}: {repeats} repeats");
    assert!(sent < samples * 2, "{name}: {sent} frames");
}

#[test]
fn wrong_timestamps_do_not_stop_live_video() {
    type Stamp = (&'static str, fn(u64) -> u64);
    let rows: [Stamp; 5] = [
        ("always 0", |_| 0),
        ("constant", |_| 3_600_000_000_000),
        ("milliseconds as nanoseconds", |n| n * 33),
        ("half the speed", |n| n * 16_666_667),
        ("far too large", |n| n * 33_333_333_333),
    ];
    const SAMPLES: usize = 4 * SAMPLES_PER_SECOND;
    let line = format!(
        "videotestsrc is-live=true pattern=ball ! {SMALL} ! identity name=stamp ! {SAMPLED}"
    );
    let running = rows.map(|(name, stamp)| {
        let service = Service::start();
        let pipeline = Pipeline::new(&service, &line);
        restamp(&pipeline, stamp);
        pipeline.play();
        (name, service, pipeline)
    });
    for (name, service, pipeline) in running {
        let seen = service.wait(name, |seen| {
            (seen.streams.first()).is_some_and(|s| s.samples.len() > SAMPLES + SAMPLES_PER_SECOND)
        });
        assert_sampled_well(name, &seen.streams[0], SAMPLES);
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        // The remote peer gets the times of arrival.
        let frames = &seen.streams[0].frames;
        let sent = frames.last().expect("frames").rtp_time - frames[0].rtp_time;
        let passed = frames[frames.len() - 1].at - frames[0].at;
        let expected = passed.as_millis() as u64 * MS_TICKS;
        if name != "half the speed" {
            assert!(
                sent.abs_diff(expected) < 300 * MS_TICKS,
                "{name}: {sent}, not {expected}"
            );
        }
    }
}

#[test]
fn every_playback_speed_gives_each_sample_a_new_frame() {
    const SAMPLES: usize = 4 * SAMPLES_PER_SECOND;
    let rows = [("slow motion", 0.5), ("backwards", -1.0), ("fast", 2.0)];
    let running = rows.map(|(name, rate)| {
        let service = Service::start();
        let pipeline = Pipeline::new(
            &service,
            &format!("videotestsrc pattern=ball ! {SMALL} ! {SAMPLED}"),
        );
        pipeline.play();
        service.wait("a frame", |seen| {
            seen.streams.first().is_some_and(|s| !s.frames.is_empty())
        });
        let (start, stop) = (gst::ClockTime::ZERO, gst::ClockTime::from_seconds(60));
        pipeline
            .pipeline
            .seek(
                rate,
                gst::SeekFlags::FLUSH,
                gst::SeekType::Set,
                start,
                gst::SeekType::Set,
                stop,
            )
            .expect("it seeks");
        let before = service.stream().samples.len();
        (name, service, pipeline, before)
    });
    for (name, service, _pipeline, before) in running {
        let seen = service.wait(name, |seen| {
            seen.streams[0].samples.len() > before + SAMPLES + SAMPLES_PER_SECOND
        });
        assert_sampled_well(name, &seen.streams[0], SAMPLES);
    }
}

/// Asserts that RTP time has the distances of the source's frames, whatever was dropped between them.
fn assert_source_distances(name: &str, stream: &Stream) {
    let times: Vec<_> = stream.frames.iter().map(|frame| frame.rtp_time).collect();
    let wrong: Vec<_> = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|ticks| {
            let frames = (ticks + FRAME_TICKS / 2) / FRAME_TICKS;
            frames == 0 || ticks.abs_diff(frames * FRAME_TICKS) > 3 * MS_TICKS
        })
        .collect();
    println!("{name}: {} frames, wrong distances {wrong:?}", times.len());
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
}

#[test]
fn frames_older_than_the_connection_keep_their_distances() {
    // Each frame arrives 2 s after its capture, as behind the jitter buffer of a camera.
    let source = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=30/1";
    let delay =
        "queue min-threshold-time=2000000000 max-size-time=0 max-size-buffers=0 max-size-bytes=0";
    let h264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30";
    let rows = [
        ("raw", "v0.2", format!("{source} ! {delay}"), ""),
        (
            "encoded",
            "v0.2",
            format!("{source} ! {h264} ! {delay}"),
            "",
        ),
        (
            "raw in a room",
            "v0.2",
            format!("{source} ! {delay}"),
            "transport=livekit",
        ),
        (
            "encoded on API v1",
            "v1",
            format!("{source} ! {h264} ! {delay}"),
            "",
        ),
    ];
    let running = rows.map(|(name, api, source, properties)| {
        let service = Service::of(api, |_| {});
        let line = format!("{source} ! overshootsink name=o max-framerate=30/1 {properties}");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        (name, service, pipeline)
    });
    for (stream, why) in ["the first connection", "a reconnect"].iter().enumerate() {
        for (name, service, _) in &running {
            let seen = service.wait(name, |seen| {
                (seen.streams.get(stream)).is_some_and(|s| s.frames.len() > 75)
            });
            assert_source_distances(&format!("{name}, {why}"), &seen.streams[stream]);
            let id = &seen.streams[stream].id;
            assert!(service.control.end_stream(id, EndReason::LeaseExpired));
        }
    }
    for (name, _, pipeline) in &running {
        assert!(pipeline.stop() < Duration::from_secs(3), "{name}");
    }
}

#[test]
fn a_file_without_timestamps_is_played_at_a_sensible_rate() {
    const FRAMES: usize = 150;
    let file = crate::common::input("no_timing.h264");
    let set_rate = "capssetter caps=video/x-h264,framerate=50/1";
    let rows = [
        ("passed through", "identity", "", 25),
        ("decoded in front", "avdec_h264", "", 25),
        ("encoded again", "identity", "video-caps=video/x-vp8", 25),
        ("with a rate in the caps", set_rate, "", 50),
    ];
    let running = rows.map(|(name, front, properties, rate)| {
        let service = Service::start();
        let line = format!(
            "filesrc location={} ! h264parse ! {front} \
             ! overshootsink name=o max-framerate=60/1 {properties}",
            file.display()
        );
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        (name, service, pipeline, rate)
    });
    for (name, service, pipeline, rate) in running {
        pipeline.wait_for_eos(Duration::from_secs(30));
        let frames = service.stream().frames;
        assert_eq!(frames.len(), FRAMES, "{name}");
        let (first, last) = (&frames[0], &frames[FRAMES - 1]);
        let seconds = (last.rtp_time - first.rtp_time) as f64 / 90_000.0;
        let expected = (FRAMES - 1) as f64 / f64::from(rate);
        println!(
            "{name}: {seconds:.2} s in RTP time, arrived in {:?}",
            last.at - first.at
        );
        assert!((seconds - expected).abs() < 0.2, "{name}: {seconds}");
        let failures = pipeline.failures();
        let words = failures
            .iter()
            .filter(|f| f.text.contains("has no timestamps"));
        assert_eq!(
            words.count(),
            usize::from(rate == 25),
            "{name}: {failures:?}"
        );
    }
}

/// The numbers of the frames that the service got, by their codes, in all streams.
fn codes(service: &Service) -> Vec<Vec<u64>> {
    let streams = service.control.snapshot().streams;
    let number = |code: &str| {
        let json: serde_json::Value = serde_json::from_str(code).ok()?;
        let count = &json["BUFFERCOUNT"];
        count.as_u64().or_else(|| count.as_str()?.parse().ok())
    };
    streams
        .iter()
        .map(|stream| {
            let codes = stream.frames.iter().filter_map(|f| f.code.as_deref());
            codes.filter_map(number).collect()
        })
        .collect()
}

#[test]
fn a_file_waits_for_another_connection() {
    let source = "videotestsrc num-buffers=150 pattern=white \
        ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! debugqroverlay name=number pixel-size=4";
    let h264 = "videoconvert ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=75";
    let rows = [("raw", "identity"), ("encoded", h264)];
    let running = rows.map(|(name, encoder)| {
        let service = Service::with(|config| config.read_every_frame = true);
        let line = format!("{source} ! {encoder} ! overshootsink name=o max-framerate=30/1");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        (name, service, pipeline)
    });
    for (name, service, _) in &running {
        service.wait(name, |seen| {
            seen.streams.first().is_some_and(|s| s.frames.len() > 30)
        });
        let id = service.stream().id;
        assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    }
    for (name, service, pipeline) in &running {
        pipeline.wait_for_eos(Duration::from_secs(30));
        let seen = codes(service);
        assert_eq!(seen.len(), 2, "{name}");
        let (first, second) = (&seen[0], &seen[1]);
        let (before, after) = (first[first.len() - 1], second[0]);
        println!(
            "{name}: ends with {before}, goes on with {after}, {} frames",
            second.len()
        );
        // Frames on their way to the connection that is lost are lost with it.
        assert!(after <= before + 5, "{name}: {before}, then {after}");
        let gaps = second.windows(2).filter(|pair| pair[1] != pair[0] + 1);
        assert_eq!(gaps.count(), 0, "{name}: {second:?}");
        assert!(
            second[second.len() - 1] >= first[0] + 149,
            "{name}: {second:?}"
        );
        // The frames after the pause do not come all at once.
        let frames = &service.control.snapshot().streams[1].frames;
        let time = frames[frames.len() - 1].at - frames[frames.len() / 2].at;
        let expected = Duration::from_millis(33) * (frames.len() / 2) as u32;
        assert!(
            time > expected * 3 / 4,
            "{name}: {time:?}, not {expected:?}"
        );
    }
}

#[test]
fn the_last_frame_of_a_slow_source_is_sent_once_more() {
    let service = Service::with(|config| config.read_every_frame = true);
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate=1/2 \
         ! debugqroverlay name=number pixel-size=4 ! overshootsink name=o interval-seconds=0.5",
    );
    pipeline.play();
    let seen = service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 6)
    });
    let frames = &seen.streams[0].frames;
    let numbers = codes(&service).remove(0);
    println!("{numbers:?}");
    let pairs: Vec<_> = frames
        .chunks_exact(2)
        .zip(numbers.chunks_exact(2))
        .collect();
    for (frames, numbers) in &pairs[..3] {
        assert_eq!(numbers[0], numbers[1], "{numbers:?}");
        // A receiver that waits for the next frame has this one at once, and its time stays right.
        assert!(frames[1].at - frames[0].at < Duration::from_secs(1));
        assert_eq!(frames[1].rtp_time - frames[0].rtp_time, MS_TICKS);
    }
}

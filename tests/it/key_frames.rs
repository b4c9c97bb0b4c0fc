// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The remote peer's pictures have the source's colours from the first one on, wherever a decoder is inserted and
//! whatever the source's key frames are worth. Before a decoder has a key frame, it shows grey.

use std::time::Duration;

use crate::common::access_units::colours;
use crate::common::{AccessUnits, Pipeline, Service, input};
use overshoot_emulator::Snapshot;

const EOS_TIMEOUT: Duration = Duration::from_secs(40);
/// The mean colour of a picture changes by this much when it is encoded again.
const TOLERANCE: u8 = 8;
const APPSRC: &str = "appsrc name=src format=time";

/// Checks that each decoded picture looks like one of the source's, and that there are at least `count`.
fn assert_looks_like(what: &str, seen: &Snapshot, source: &[[u8; 3]], count: usize) {
    let alike =
        |a: [u8; 3], b: [u8; 3]| (0..3).all(|channel| a[channel].abs_diff(b[channel]) <= TOLERANCE);
    let frames = seen.streams.iter().flat_map(|stream| &stream.frames);
    let wrong: Vec<_> = frames
        .clone()
        .enumerate()
        .filter(|(_, frame)| !source.iter().any(|colour| alike(*colour, frame.rgb)))
        .map(|(n, frame)| (n, frame.rgb))
        .collect();
    let last = seen.streams.last().expect("a stream").frames.len();
    println!(
        "{what}: {} frames, {last} in the last stream",
        frames.count()
    );
    assert!(
        wrong.is_empty(),
        "{what}: not of {:?}: {wrong:?}",
        &source[..1]
    );
    assert!(last >= count, "{what}: {last} frames");
}

/// B-frames that are found only by looking at frames, because the stream does not declare them.
#[test]
fn a_decoder_that_is_inserted_later_begins_at_a_key_frame() {
    for (file, api) in [("smpte_novui.h264", "v0.2"), ("bframes_novui.h264", "v1")] {
        let path = input(file);
        let source = colours(&format!(
            "filesrc location={} ! h264parse ! avdec_h264",
            path.display()
        ));
        for live in [true, false] {
            let what = format!("{file}, {api}, live {live}");
            let service = Service::of(api, |_| {});
            let pipeline = Pipeline::new(
                &service,
                &format!("{APPSRC} is-live={live} block=true max-buffers=5 ! overshootsink name=o"),
            );
            let feeding = AccessUnits::of_file(file).feed(&pipeline);
            pipeline.play();
            pipeline.wait_for_eos(EOS_TIMEOUT);
            pipeline.stop();
            feeding.join().expect("fed");
            // The units' timestamps are in the order of sending: a picture may be too early for the rate limit. On v1,
            // as many pictures are sent as the service samples.
            let count = match (live, api) {
                (false, "v0.2") => source.len() - 3,
                _ => source.len() / 6,
            };
            assert_looks_like(&what, &service.control.snapshot(), &source, count);
            let failures = pipeline.failures();
            assert_eq!(failures.len(), 1, "{what}: {failures:?}");
            assert!(
                failures[0].text.contains("B-frames"),
                "{what}: {failures:?}"
            );
        }
    }
}

/// H.265 with B-frames, as phones and x265 make it. The stream declares them, so no connection is made for it first.
#[test]
fn h265_with_b_frames_is_decoded_from_the_start() {
    let path = input("hevc_b_one_key.mp4");
    let file = format!("filesrc location={}", path.display());
    let source = colours(&format!("{file} ! qtdemux ! h265parse ! avdec_h265"));
    // On v1, as many frames are sent as the service samples.
    for (demuxer, api, count) in [
        ("qtdemux", "v0.2", source.len()),
        ("qtdemux ! matroskamux ! matroskademux", "v1", 30),
    ] {
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(
            &service,
            &format!("{file} ! {demuxer} ! overshootsink name=o"),
        );
        pipeline.play();
        pipeline.wait_for_eos(EOS_TIMEOUT);
        pipeline.stop();
        let seen = service.control.snapshot();
        assert_looks_like(demuxer, &seen, &source, count);
        assert_eq!(seen.streams.len(), 1, "{demuxer}");
        let failures = pipeline.failures();
        assert_eq!(failures.len(), 1, "{demuxer}: {failures:?}");
        assert!(
            failures[0].text.contains("B-frames"),
            "{demuxer}: {failures:?}"
        );
    }
}

/// The frames that arrived before the answer refused their profile are decoded too.
#[test]
fn a_profile_that_the_answer_refuses_is_decoded_from_its_key_frame() {
    let path = input("high.mp4");
    let file = format!("filesrc location={} ! qtdemux", path.display());
    let source = colours(&format!("{file} ! h264parse ! avdec_h264"));
    for _ in 0..3 {
        let service = Service::with(|config| config.h264_baseline_only = true);
        let line = format!("{APPSRC} is-live=true ! overshootsink name=o");
        let pipeline = Pipeline::new(&service, &line);
        let feeding = AccessUnits::of(&file).feed(&pipeline);
        pipeline.play();
        let seen = service.wait("frames", |seen| {
            seen.streams
                .first()
                .is_some_and(|stream| stream.frames.len() > 20)
        });
        pipeline.stop();
        feeding.join().expect("fed");
        assert_looks_like("high", &seen, &source, 20);
    }
}

/// Cameras that refresh their picture slowly, or begin a group of pictures with an I picture that is no IDR. Who joins
/// later never gets an IDR. Their parameter sets are in the caps only.
#[test]
fn video_without_idr_pictures_is_decoded_here() {
    // A new colour each second makes x264 encode an I picture.
    let scenes = ["red", "blue"].repeat(5);
    let scenes: String = scenes
        .iter()
        .map(|colour| {
            format!("videotestsrc num-buffers=30 pattern={colour} ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! c. ")
        })
        .collect();
    for (what, api, encoder) in [
        (
            "gradual refresh",
            "v0.2",
            "tune=zerolatency intra-refresh=true key-int-max=30",
        ),
        (
            "I pictures",
            "v1",
            "bframes=0 key-int-max=1000 option-string=min-keyint=1000:scenecut=40",
        ),
    ] {
        let units = AccessUnits::of(&format!(
            "{scenes} concat name=c ! x264enc {encoder} bitrate=500 ! video/x-h264,profile=constrained-baseline"
        ));
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(
            &service,
            &format!("{APPSRC} is-live=true ! overshootsink name=o"),
        );
        let feeding = units.skip(10).feed(&pipeline);
        pipeline.play();
        pipeline.wait_for_eos(EOS_TIMEOUT);
        pipeline.stop();
        feeding.join().expect("fed");
        let failures = pipeline.failures();
        println!("{what}: {failures:?}");
        let source = [[254, 0, 0], [0, 0, 254]];
        assert_looks_like(what, &service.control.snapshot(), &source, 20);
    }
}

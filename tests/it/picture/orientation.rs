// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Video that says how it must be turned to be upright, as a phone's portrait video does.

use std::path::Path;
use std::time::Duration;

use super::{BT601, QUARTERS, Rgb, Show, watching_service};
use crate::common::{Pipeline, init};
use gst::prelude::*;

/// Each value of the tag, where its quarters are when it is upright, and whether width and height are exchanged.
/// Turning is clockwise; `flip` mirrors left and right first.
const VALUES: [(&str, [usize; 4], bool); 8] = [
    ("rotate-90", [2, 0, 3, 1], true),
    ("rotate-180", [3, 2, 1, 0], false),
    ("rotate-270", [1, 3, 0, 2], true),
    ("flip-rotate-0", [1, 0, 3, 2], false),
    ("flip-rotate-90", [3, 1, 2, 0], true),
    ("flip-rotate-180", [2, 3, 0, 1], false),
    ("flip-rotate-270", [0, 2, 1, 3], true),
    ("rotate-0", [0, 1, 2, 3], false),
];

fn quarters(order: [usize; 4]) -> [Rgb; 4] {
    order.map(|n| QUARTERS[n])
}

/// The tag comes after the first frames, and changes.
#[test]
fn raw_video_is_turned_upright() {
    for (api, properties, scope) in [
        ("v0.2", "", gst::TagScope::Stream),
        ("v1", "video-caps=video/x-vp8", gst::TagScope::Global),
    ] {
        let (service, seen) = watching_service(api);
        let show = Show::start(
            &service,
            seen,
            &format!("overshootsink name=o mode=frame {properties}"),
        );
        show.until(BT601, (320, 180), |seen| seen.shows(QUARTERS));
        for (value, order, sideways) in VALUES {
            show.tag(scope, value);
            let upright = quarters(order);
            let seen = show.until(BT601, (320, 180), |seen| seen.shows(upright));
            let size = if sideways { (180, 320) } else { (320, 180) };
            assert_eq!(seen.size, size, "{value}");
        }
        assert!(show.pipeline.failures().is_empty());
        show.pipeline.stop();
    }
}

/// A portrait picture gets as many pixels as a landscape one, however it is stored.
#[test]
fn portrait_video_gets_as_many_pixels() {
    let (service, seen) = watching_service("v0.2");
    let show = Show::start(
        &service,
        seen,
        "overshootsink name=o mode=frame max-width=320 max-height=180",
    );
    let landscape = show.until(BT601, (640, 360), |seen| seen.shows(QUARTERS));
    assert_eq!(landscape.size, (320, 180));
    let portrait = show.until(BT601, (360, 640), |seen| seen.size.0 < seen.size.1);
    assert_eq!(portrait.size, (180, 320));
    show.tag(gst::TagScope::Stream, "rotate-90");
    let upright = quarters([2, 0, 3, 1]);
    let turned = show.until(BT601, (640, 360), |seen| seen.shows(upright));
    assert_eq!(turned.size, (180, 320));
    show.pipeline.stop();
}

/// The tag comes while the video is passed through: from then on it is decoded, turned and encoded.
#[test]
fn encoded_video_is_turned_upright() {
    for (api, encoder) in [
        (
            "v0.2",
            "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15",
        ),
        ("v1", "vp8enc deadline=1 keyframe-max-dist=15"),
    ] {
        let (service, seen) = watching_service(api);
        let show = Show::start(
            &service,
            seen,
            &format!("{encoder} ! overshootsink name=o mode=frame"),
        );
        show.until(BT601, (320, 180), |seen| seen.shows(QUARTERS));
        assert!(show.pipeline.failures().is_empty());
        for (value, order) in [("rotate-90", [2, 0, 3, 1]), ("rotate-270", [1, 3, 0, 2])] {
            show.tag(gst::TagScope::Stream, value);
            let upright = quarters(order);
            let seen = show.until(BT601, (320, 180), |seen| seen.shows(upright));
            assert_eq!(seen.size, (180, 320), "{encoder}");
        }
        let failures = show.pipeline.failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(
            !failures[0].fatal && failures[0].text.contains("not upright"),
            "{failures:?}"
        );
        show.pipeline.stop();
    }
}

/// An MP4 file as phones record it: landscape, with a rotation in its track header.
fn phone_video() -> std::path::PathBuf {
    init();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("phone.mp4");
    let line = format!(
        "appsrc name=in format=time ! x264enc tune=zerolatency key-int-max=10 ! h264parse ! mp4mux ! filesink location={}",
        file.display()
    );
    let pipeline = gst::parse::launch(&line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let source = pipeline.by_name("in").and_downcast::<gst_app::AppSrc>();
    let source = source.expect("the source");
    let (caps, mut frame) = BT601.frame(320, 180);
    source.set_caps(Some(&caps));
    pipeline.set_state(gst::State::Playing).expect("it plays");
    for n in 0..30 {
        frame
            .make_mut()
            .set_pts(gst::ClockTime::from_mseconds(n * 33));
        source.push_buffer(frame.copy()).expect("taken");
    }
    source.end_of_stream().expect("it ends");
    let bus = pipeline.bus().expect("a bus");
    bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &[gst::MessageType::Eos])
        .expect("the end");
    pipeline.set_state(gst::State::Null).expect("it stops");
    // The muxer writes no rotation. The matrix is 44 bytes behind the name of the track header (ISO/IEC 14496-12).
    let mut bytes = std::fs::read(&file).expect("the file");
    let header = bytes
        .windows(4)
        .position(|name| name == b"tkhd")
        .expect("a header");
    let turned = [0, 1 << 16, 0, 0xffff_0000_u32, 0];
    let turned: Vec<u8> = turned.into_iter().flat_map(u32::to_be_bytes).collect();
    bytes[header + 44..][..turned.len()].copy_from_slice(&turned);
    std::fs::write(&file, bytes).expect("the file");
    file
}

#[test]
fn a_phones_portrait_video_is_upright_in_every_frame() {
    let file = phone_video();
    for (decode, warnings) in [
        ("qtdemux", 1),
        ("decodebin", 0),
        // Turned already: the tag is ignored.
        ("decodebin ! videoflip video-direction=auto", 0),
        ("decodebin ! videoflip method=clockwise", 0),
    ] {
        let (service, seen) = watching_service("v0.2");
        let pipeline = Pipeline::new(
            &service,
            &format!(
                "filesrc location={} ! {decode} ! overshootsink name=o",
                file.display()
            ),
        );
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(30));
        pipeline.stop();
        let upright = quarters([2, 0, 3, 1]);
        let seen: Vec<_> = seen.try_iter().collect();
        assert_eq!(seen.len(), 30, "{decode}");
        for picture in &seen {
            assert!(picture.shows(upright), "{decode}: {picture:?}");
            assert_eq!(picture.size, (180, 320), "{decode}");
        }
        let failures = pipeline.failures();
        assert_eq!(failures.len(), warnings, "{decode}: {failures:?}");
        let answers = pipeline.results();
        let answer = answers.last().expect("an answer").text();
        assert!(answer.starts_with("180x320"), "{answer}");
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Colours and shape: whatever the source has, the remote peer sees the same colours and square pixels.

use super::{BT601, BT709, FULL_BT601, FULL_BT709, Pixels, QUARTERS, Seen, Show, watching_service};

const SOURCES: [Pixels; 5] = [BT601, BT709, FULL_BT601, FULL_BT709, Pixels::Rgb];
/// The luma of the quarters.
pub const GRAY: [[u8; 3]; 4] = [[95; 3], [138; 3], [67; 3], [200; 3]];

/// Whether this picture says that its colours are what they are read as.
fn declares_bt601(seen: &Seen) -> bool {
    seen.colorimetry.as_deref() == Some("bt601")
}

#[test]
fn raw_video_keeps_its_colours() {
    for (api, codec) in [
        ("v0.2", "video/x-h264"),
        ("v0.2", "video/x-vp8"),
        ("v1", "video/x-h264"),
    ] {
        let (service, seen) = watching_service(api);
        let show = Show::start(
            &service,
            seen,
            &format!("overshootsink name=o mode=frame video-caps={codec}"),
        );
        // Each has a size of its own, so that its pictures are known.
        for (n, pixels) in SOURCES.into_iter().enumerate() {
            // The last ones are HD, where receivers may assume BT.709 if the stream does not say.
            let size = if n < 2 {
                (320 + 16 * n, 180)
            } else {
                (1280 - 16 * n, 720)
            };
            let wanted = (size.0 as u32, size.1 as u32);
            let seen = show.until(pixels, size, |seen| {
                seen.size == wanted && seen.shows(QUARTERS)
            });
            assert!(declares_bt601(&seen), "{codec} {pixels:?}: {seen:?}");
        }
        show.until(Pixels::Gray, (640, 360), |seen| seen.shows(GRAY));
        assert!(show.pipeline.failures().is_empty());
        show.pipeline.stop();
    }
}

/// The emulator says what it sees, as users see it.
#[test]
fn answers_are_about_the_right_colours() {
    let (service, seen) = watching_service("v0.2");
    let show = Show::start(
        &service,
        seen,
        "overshootsink name=o mode=frame video-caps=video/x-vp8",
    );
    show.until(FULL_BT709, (1280, 720), |seen| seen.shows(QUARTERS));
    let answer = show
        .pipeline
        .wait_for_element("overshoot-result", super::TIMEOUT);
    let answer = answer.get::<String>("result").expect("a text");
    // The mean of the quarters is #7D7D7D.
    let grey = answer.split_once("(#").map(|(_, rest)| &rest[..6]);
    let grey = u32::from_str_radix(grey.expect("a colour"), 16).expect("hex");
    for shift in [0, 8, 16] {
        let value = (grey >> shift) & 0xff;
        assert!(value.abs_diff(0x7d) <= 4, "{answer}");
    }
    show.pipeline.stop();
}

/// Input that must be encoded again, because the service takes another codec.
#[test]
fn video_that_is_encoded_again_keeps_its_colours() {
    const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15";
    for (source, pixels, size, codec) in [
        (H264, FULL_BT601, (320, 180), "video/x-vp8"),
        (H264, BT709, (320, 180), "video/x-vp8"),
        (H264, FULL_BT709, (1280, 720), "video/x-vp8"),
        // VP8 is BT.601 in any size.
        (
            "vp8enc deadline=1 keyframe-max-dist=15",
            BT601,
            (1280, 720),
            "video/x-h264",
        ),
    ] {
        let (service, seen) = watching_service("v0.2");
        let show = Show::start(
            &service,
            seen,
            &format!("{source} ! overshootsink name=o mode=frame video-caps={codec}"),
        );
        let seen = show.until(pixels, size, |seen| seen.shows(QUARTERS));
        assert!(declares_bt601(&seen), "{source} {pixels:?}: {seen:?}");
        show.pipeline.stop();
    }
}

/// Pixels that are not square.
#[test]
fn squeezed_video_is_encoded_square() {
    for encoder in [
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15",
        "vp8enc deadline=1 keyframe-max-dist=15",
    ] {
        for (par, size, warnings) in [
            ("4/3", (320, 136), 1),
            ("1/2", (160, 180), 1),
            ("200/201", (320, 180), 0),
        ] {
            let (service, seen) = watching_service("v0.2");
            let show = Show::start(
                &service,
                seen,
                &format!(
                    "capssetter caps=video/x-raw,pixel-aspect-ratio={par} ! {encoder} ! overshootsink name=o mode=frame"
                ),
            );
            let seen = show.until(BT601, (320, 180), |seen| seen.shows(QUARTERS));
            // 180 * 3 / 4 = 135 is odd.
            assert!(
                seen.size.0.abs_diff(size.0) <= 2 && seen.size.1.abs_diff(size.1) <= 2,
                "{par}: {seen:?}"
            );
            let failures = show.pipeline.failures();
            assert_eq!(failures.len(), warnings, "{encoder} {par}: {failures:?}");
            assert!(
                failures
                    .iter()
                    .all(|failure| !failure.fatal && failure.text.contains("not square")),
                "{failures:?}"
            );
            show.pipeline.stop();
        }
    }
}

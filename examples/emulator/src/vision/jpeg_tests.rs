// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::vision::measures::tests::sample;

/// Decodes to RGB, with the same crate.
fn decode(jpeg: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
    let rgb = decoder.decode().expect("a JPEG");
    let (width, height) = decoder.dimensions().expect("a size");
    (width, height, rgb)
}

#[test]
fn pictures_are_shrunk_and_look_the_same() {
    for (width, height, small) in [
        (320, 240, (320, 240)),
        (640, 360, (640, 360)),
        (642, 362, (321, 181)),
        (1_280, 720, (640, 360)),
        (1_920, 1_080, (640, 360)),
        (17, 9, (17, 9)),
        (1, 1, (1, 1)),
    ] {
        // Black on the left, white on the right, in limited range.
        let half = width as usize / 2;
        let picture = sample(width, height, |x, _| if x < half { 16 } else { 235 });
        let jpeg = encode(&picture, JpegPreset::SMALL).expect("a JPEG");
        let (w, h, rgb) = decode(&jpeg);
        assert_eq!((w, h), small, "{width}x{height}");
        let pixel = |x: usize| rgb[(h / 2 * w + x) * 3];
        assert!(pixel(w - 1) > 250, "{width}x{height}: {}", pixel(w - 1));
        if w > 1 {
            assert!(pixel(0) < 5, "{width}x{height}: {}", pixel(0));
        }
    }
}

#[test]
fn bad_jpegs_have_no_codes() {
    assert!(codes(b"").is_empty());
    assert!(codes(b"\xff\xd8\xff").is_empty());
    let flat = encode(&sample(64, 64, |_, _| 90), JpegPreset::SMALL).expect("a JPEG");
    assert!(codes(&flat).is_empty());
    assert!(codes(&flat[..flat.len() / 2]).is_empty());
}

/// Noise compresses worst. The limit of a history must hold more than a few such pictures.
#[test]
fn noise_stays_small() {
    let noise = |x: usize, y: usize| {
        let mixed = (x as u32 + 1).wrapping_mul(2_654_435_761_u32.wrapping_mul(y as u32 + 1));
        (mixed >> 24) as u8
    };
    let picture = sample(1_920, 1_080, noise);
    let jpeg = encode(&picture, JpegPreset::SMALL).expect("a JPEG");
    assert!(jpeg.len() < 200_000, "{} bytes", jpeg.len());
}

/// For a model, BT.709 and BT.601 must look the same.
#[test]
fn colours_are_kept_with_each_matrix() {
    gst::init().expect("GStreamer");
    for (matrix, colour, yuv) in [
        ("bt601", [200, 60, 30], [101.0, 94.0, 192.0]),
        ("bt709", [200, 60, 30], [91.0, 101.0, 191.0]),
    ] {
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 64, 64)
            .colorimetry(&matrix.parse().expect("a colorimetry"))
            .build()
            .expect("info");
        let planes = [64 * 64, 32 * 32, 32 * 32];
        let data: Vec<u8> = planes
            .iter()
            .zip(yuv)
            .flat_map(|(size, value)| vec![value as u8; *size])
            .collect();
        let picture = gst::Sample::builder()
            .caps(&info.to_caps().expect("caps"))
            .buffer(&gst::Buffer::from_slice(data))
            .build();
        let coding = measures::coding(&info);
        let meant = coding.rgb(yuv);
        assert!(
            meant.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 6),
            "{meant:?}"
        );
        let (_, _, rgb) = decode(&encode(&picture, JpegPreset::READABLE).expect("a JPEG"));
        let shown = &rgb[..3];
        let off = shown.iter().zip(meant).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off < Some(5), "{matrix}: {shown:?} is not {meant:?}");
    }
}

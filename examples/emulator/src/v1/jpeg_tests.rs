use std::time::Instant;

use super::*;
use crate::look::tests::sample;

/// Decodes with the same crate, to RGB.
fn decode(jpeg: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
    let rgb = decoder.decode().expect("a JPEG");
    let (width, height) = decoder.dimensions().expect("a size");
    (width, height, rgb)
}

#[test]
fn pictures_are_small_and_look_alike() {
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
        let jpeg = encode(&picture).expect("a JPEG");
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
fn what_is_no_picture_does_no_harm() {
    assert!(codes(b"").is_empty());
    assert!(codes(b"\xff\xd8\xff").is_empty());
    let flat = encode(&sample(64, 64, |_, _| 90)).expect("a JPEG");
    assert!(codes(&flat).is_empty());
    assert!(codes(&flat[..flat.len() / 2]).is_empty());
}

/// Says what one costs; a bound would only measure the machine.
#[test]
fn the_cost_is_told() {
    let noise = |x: usize, y: usize| (16 + (x * 7919 + y * 104_729) % 97 + x / 8) as u8;
    let picture = sample(1_280, 720, noise);
    let (runs, before) = (50, Instant::now());
    let mut bytes = 0;
    for _ in 0..runs {
        bytes = encode(&picture).expect("a JPEG").len();
    }
    let encoding = before.elapsed() / runs;
    let jpeg = encode(&picture).expect("a JPEG");
    let before = Instant::now();
    for _ in 0..runs {
        codes(&jpeg);
    }
    let reading = before.elapsed() / runs;
    println!("1280x720: {encoding:?} to encode, {bytes} bytes, {reading:?} to look for codes");
    assert!(bytes > 0);
}

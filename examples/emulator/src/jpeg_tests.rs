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
        let jpeg = encode(&picture, Grade::SMALL).expect("a JPEG");
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
    let flat = encode(&sample(64, 64, |_, _| 90), Grade::SMALL).expect("a JPEG");
    assert!(codes(&flat).is_empty());
    assert!(codes(&flat[..flat.len() / 2]).is_empty());
}

/// What compresses worst: a history's bound must hold more than a few of them.
#[test]
fn noise_stays_small() {
    let noise = |x: usize, y: usize| {
        let mixed = (x as u32 + 1).wrapping_mul(2_654_435_761_u32.wrapping_mul(y as u32 + 1));
        (mixed >> 24) as u8
    };
    let picture = sample(1_920, 1_080, noise);
    let jpeg = encode(&picture, Grade::SMALL).expect("a JPEG");
    assert!(jpeg.len() < 200_000, "{} bytes", jpeg.len());
}

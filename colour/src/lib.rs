// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Converts pictures with 4:2:0 chroma, 8 bits and limited range from BT.709 to BT.601, and to full range.
//!
//! GStreamer's videoconvertscale does the same with pictures of 4:4:4 in between. For 1280 × 720 it takes 2.8 ms, more than
//! an encoder for real time; this takes 0.2 to 0.3 ms (1.22, measured on one core). It is a crate of its own so
//! that it can be optimised in debug builds.

/// A plane: its bytes, of which those of a row are `stride` after those of the row before.
pub struct Plane<Bytes> {
    pub data: Bytes,
    pub stride: usize,
}

/// A picture. The planes of its chroma have half its width and half its height, rounded up.
pub enum Picture<Bytes> {
    I420([Plane<Bytes>; 3]),
    /// The second plane has U and V in turn.
    Nv12([Plane<Bytes>; 2]),
}

/// The weights of red and blue in luma (ITU-R BT.709-6, 3; BT.601-7, 2.5.1).
const BT709: (f64, f64) = (0.2126, 0.0722);
const BT601: (f64, f64) = (0.299, 0.114);

/// What is added to each component, for each step of U and V above their zero.
struct Matrix {
    y_of_u: i16,
    y_of_v: i16,
    u_of_u: i16,
    u_of_v: i16,
    v_of_u: i16,
    v_of_v: i16,
}

/// RGB lies between the two: Y, U and V of one are computed from those of the other through it.
const MATRIX: Matrix = {
    let (kr, kb) = BT709;
    let kg = 1.0 - kr - kb;
    let (to_kr, to_kb) = BT601;
    let to_kg = 1.0 - to_kr - to_kb;
    // R = Y + r_of_v V, B = Y + b_of_u U, G = Y - (kr r_of_v V + kb b_of_u U) / kg.
    let (r_of_v, b_of_u) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    let y_of_v = to_kr * r_of_v - to_kg * kr * r_of_v / kg;
    let y_of_u = to_kb * b_of_u - to_kg * kb * b_of_u / kg;
    let (to_u, to_v) = (2.0 * (1.0 - to_kb), 2.0 * (1.0 - to_kr));
    // In limited range, luma has 219 steps and chroma 224.
    Matrix {
        y_of_u: fixed(y_of_u * 219.0 / 224.0),
        y_of_v: fixed(y_of_v * 219.0 / 224.0),
        u_of_u: fixed((b_of_u - y_of_u) / to_u - 1.0),
        u_of_v: fixed(-y_of_v / to_u),
        v_of_u: fixed(-y_of_u / to_v),
        v_of_v: fixed((r_of_v - y_of_v) / to_v - 1.0),
    }
};

/// Fixed-point numbers. All products fit 16 bits, of which every processor multiplies eight at a time.
const CHROMA_BITS: u32 = 7;
const MATRIX_BITS: u32 = 13;
const SUM_BITS: u32 = CHROMA_BITS + MATRIX_BITS - 16;

const fn fixed(value: f64) -> i16 {
    // Otherwise the sum of two products could overflow.
    assert!(value > -0.25 && value < 0.25);
    let half = if value < 0.0 { -0.5 } else { 0.5 };
    (value * (1 << MATRIX_BITS) as f64 + half) as i16
}

/// Converts the chroma of a pixel. Returns it, and what its luma changes by.
#[inline(always)]
fn convert(u: u8, v: u8) -> (u8, u8, i16) {
    let (u_steps, v_steps) = (i16::from(u) - 128, i16::from(v) - 128);
    let product =
        |steps: i16, of: i16| ((i32::from(steps << CHROMA_BITS) * i32::from(of)) >> 16) as i16;
    let sum = |of_u: i16, of_v: i16| {
        let sum = product(u_steps, of_u) + product(v_steps, of_v);
        (sum + (1 << (SUM_BITS - 1))) >> SUM_BITS
    };
    (
        add(u, sum(MATRIX.u_of_u, MATRIX.u_of_v)),
        add(v, sum(MATRIX.v_of_u, MATRIX.v_of_v)),
        sum(MATRIX.y_of_u, MATRIX.y_of_v),
    )
}

#[inline(always)]
fn add(value: u8, change: i16) -> u8 {
    (i16::from(value) + change).clamp(0, 255) as u8
}

/// Converts a picture that is `width` pixels wide. Pixels that a plane lacks are no error. Two pictures of different
/// formats are none either: nothing is done.
pub fn bt709_to_bt601(width: usize, from: &Picture<&[u8]>, to: &mut Picture<&mut [u8]>) {
    let half = width.div_ceil(2);
    // What luma changes by, for each column of the chroma and of the luma.
    let (mut halves, mut change) = (vec![0; half], vec![0; 2 * half]);
    match (from, to) {
        (Picture::I420([from_y, from_u, from_v]), Picture::I420([to_y, to_u, to_v])) => {
            let from_rows = rows(from_u).zip(rows(from_v));
            let to_rows = rows_mut(to_u).zip(rows_mut(to_v));
            let mut luma = rows(from_y).zip(rows_mut(to_y));
            for ((from_u, from_v), (to_u, to_v)) in from_rows.zip(to_rows) {
                let from = from_u.iter().zip(from_v);
                let to = to_u.iter_mut().zip(to_v);
                for (((u, v), to), half) in from.zip(to).zip(&mut halves) {
                    (*to.0, *to.1, *half) = convert(*u, *v);
                }
                convert_luma(width, &halves, &mut change, &mut luma);
            }
        }
        (Picture::Nv12([from_y, from_uv]), Picture::Nv12([to_y, to_uv])) => {
            let mut luma = rows(from_y).zip(rows_mut(to_y));
            for (from, to) in rows(from_uv).zip(rows_mut(to_uv)) {
                let (from, to) = (from.as_chunks().0, to.as_chunks_mut().0);
                for (([u, v], [to_u, to_v]), half) in from.iter().zip(to).zip(&mut halves) {
                    (*to_u, *to_v, *half) = convert(*u, *v);
                }
                convert_luma(width, &halves, &mut change, &mut luma);
            }
        }
        _ => {}
    }
}

/// Converts luma from limited to full range (ITU-T T.871, 7: what JPEG pictures have). videoconvert (1.22, tested) leaves
/// the range of I420 as it is.
pub fn luma_to_full_range(bytes: &mut [u8]) {
    for byte in bytes {
        let scaled = (i32::from(*byte) - 16) * (65536 * 255 / 219) + 32768;
        *byte = (scaled >> 16).clamp(0, 255) as u8;
    }
}

/// The same for chroma.
pub fn chroma_to_full_range(bytes: &mut [u8]) {
    for byte in bytes {
        let scaled = (i32::from(*byte) - 128) * (65536 * 255 / 224) + 32768;
        *byte = ((scaled >> 16) + 128).clamp(0, 255) as u8;
    }
}

fn rows<'a>(plane: &Plane<&'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    plane.data.chunks(plane.stride.max(1))
}

fn rows_mut<'a>(plane: &'a mut Plane<&mut [u8]>) -> impl Iterator<Item = &'a mut [u8]> {
    plane.data.chunks_mut(plane.stride.max(1))
}

/// Converts the two rows of luma that belong to a row of chroma.
#[inline(always)]
fn convert_luma<'a>(
    width: usize,
    halves: &[i16],
    change: &mut [i16],
    rows: &mut impl Iterator<Item = (&'a [u8], &'a mut [u8])>,
) {
    for (pair, half) in change.chunks_exact_mut(2).zip(halves) {
        pair.fill(*half);
    }
    for (from, to) in rows.by_ref().take(2) {
        for ((from, to), change) in from.iter().zip(to).zip(&*change).take(width) {
            *to = add(*from, *change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by way of RGB, without rounding in between.
    fn reference([y, u, v]: [u8; 3]) -> [f64; 3] {
        let (kr, kb) = BT709;
        let y = (f64::from(y) - 16.0) / 219.0;
        let [u, v] = [u, v].map(|value| (f64::from(value) - 128.0) / 224.0);
        let (r, b) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        let (kr, kb) = BT601;
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let (u, v) = ((b - y) / (2.0 - 2.0 * kb), (r - y) / (2.0 - 2.0 * kr));
        [y * 219.0 + 16.0, u * 224.0 + 128.0, v * 224.0 + 128.0]
    }

    const STRIDE: usize = 8;

    /// The bytes of planes of 3 × 3 pixels of one colour, with bytes behind each row that are no pixels.
    fn planes([y, u, v]: [u8; 3], interleaved: bool) -> Vec<Vec<u8>> {
        let rows = |pixels: &[u8], count| {
            [pixels, &[7; STRIDE][pixels.len()..]]
                .concat()
                .repeat(count)
        };
        let mut planes = vec![rows(&[y; 3], 3)];
        match interleaved {
            true => planes.push(rows(&[u, v, u, v], 2)),
            false => planes.extend([u, v].map(|value| rows(&[value; 2], 2))),
        }
        planes
    }

    fn picture<Bytes>(planes: impl IntoIterator<Item = Bytes>) -> Picture<Bytes> {
        let plane = |data| Plane {
            data,
            stride: STRIDE,
        };
        let planes: Vec<_> = planes.into_iter().map(plane).collect();
        match planes.try_into() {
            Ok(planes) => Picture::I420(planes),
            Err(planes) => Picture::Nv12(planes.try_into().ok().expect("two planes")),
        }
    }

    fn converted(colour: [u8; 3], interleaved: bool) -> [u8; 3] {
        let from = planes(colour, interleaved);
        let mut to = planes([0; 3], interleaved);
        let from = picture(from.iter().map(Vec::as_slice));
        bt709_to_bt601(3, &from, &mut picture(to.iter_mut().map(Vec::as_mut_slice)));
        let colour = match interleaved {
            true => [to[0][0], to[1][0], to[1][1]],
            false => [to[0][0], to[1][0], to[2][0]],
        };
        assert_eq!(to, planes(colour, interleaved));
        colour
    }

    #[test]
    fn full_range_begins_at_black_and_ends_at_white() {
        let mut luma = [0, 15, 16, 17, 126, 234, 235, 236, 255];
        luma_to_full_range(&mut luma);
        assert_eq!(luma, [0, 0, 0, 1, 128, 254, 255, 255, 255]);
        let mut chroma = [0, 16, 127, 128, 129, 240, 255];
        chroma_to_full_range(&mut chroma);
        assert_eq!(chroma, [0, 1, 127, 128, 129, 255, 255]);
    }

    #[test]
    fn every_colour_is_right_within_a_level() {
        for y in (16..=235).step_by(3) {
            for u in (16..=240).step_by(7) {
                for v in (16..=240).step_by(7) {
                    let right = reference([y, u, v]).map(|value| value.clamp(0.0, 255.0));
                    for interleaved in [false, true] {
                        let is = converted([y, u, v], interleaved);
                        let mut both = is.iter().zip(right);
                        let close = both.all(|(is, right)| (f64::from(*is) - right).abs() <= 0.6);
                        assert!(close, "{:?}: {is:?} instead of {right:?}", [y, u, v]);
                    }
                }
            }
        }
    }

    #[test]
    fn grey_stays_the_same() {
        for y in 0..=255 {
            assert_eq!(converted([y, 128, 128], false), [y, 128, 128]);
        }
    }

    #[test]
    fn missing_rows_are_no_panic() {
        let from = picture([&[][..], &[1, 2, 3]]);
        let (mut luma, mut chroma) = ([0; 9], [0; 2]);
        let mut to = picture([&mut luma[..], &mut chroma]);
        bt709_to_bt601(4, &from, &mut to);
        let planar = picture([&[][..], &[], &[]]);
        bt709_to_bt601(4, &planar, &mut to);
    }
}

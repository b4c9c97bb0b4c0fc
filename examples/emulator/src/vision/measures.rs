// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Measures of one picture, taken on a grid of its pixels, and its QR codes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gst_video::prelude::*;

use crate::vision::colour::Coding;

/// The grid for the means has at least this many columns and rows, if the picture has.
const SAMPLE_GRID: (usize, usize) = (160, 90);
/// The columns and rows of the cells that motion is measured in.
const MOTION_CELLS: (usize, usize) = (32, 18);
/// QR codes are searched in a picture of at most this width.
const MAX_QR_WIDTH: usize = 640;
/// The maximum number of QR codes of one picture.
const MAX_QR_CODES: usize = 8;

/// The measures of one picture.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    pub width: u32,
    pub height: u32,
    /// The mean Y, U and V, as encoded.
    pub yuv: [f32; 3],
    pub coding: Coding,
    /// The mean luma of each cell.
    pub cells: Box<[u8]>,
}

type Picture<'a> = gst_video::VideoFrameRef<&'a gst::BufferRef>;

/// The format and the buffer of a picture of the decoder (I420).
fn map(sample: &gst::Sample) -> Option<(gst_video::VideoInfo, &gst::BufferRef)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    Some((info, sample.buffer()?))
}

/// Measures a picture.
pub(crate) fn measure(sample: &gst::Sample) -> Option<Measures> {
    let (info, buffer) = map(sample)?;
    let picture = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let (y, cells) = luma(&picture)?;
    let [u, v] = [plane_mean(&picture, 1)?, plane_mean(&picture, 2)?];
    Some(Measures {
        width: info.width(),
        height: info.height(),
        yuv: [y, u, v],
        coding: coding(&info),
        cells,
    })
}

/// How a picture was encoded.
pub(crate) fn coding(info: &gst_video::VideoInfo) -> Coding {
    let coding = match info.colorimetry().matrix() {
        gst_video::VideoColorMatrix::Bt709 => Coding::BT709,
        _ => Coding::BT601,
    };
    Coding {
        // Black is 0, not 16.
        full_range: info.colorimetry().range() == gst_video::VideoColorRange::Range0_255,
        ..coding
    }
}

/// The rows of a plane, without padding.
fn rows<'a>(picture: &'a Picture, plane: u32) -> Option<impl Iterator<Item = &'a [u8]>> {
    let (mut width, mut height) = (picture.width() as usize, picture.height() as usize);
    if plane > 0 {
        (width, height) = (width.div_ceil(2), height.div_ceil(2));
    }
    let stride = usize::try_from(*picture.plane_stride().get(plane as usize)?).ok()?;
    let data = picture.plane_data(plane).ok()?;
    (stride >= width && width > 0).then(|| {
        data.chunks(stride)
            .take(height)
            .filter_map(move |row| row.get(..width))
    })
}

fn luma(picture: &Picture) -> Option<(f32, Box<[u8]>)> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let step = (
        (width / SAMPLE_GRID.0).max(1),
        (height / SAMPLE_GRID.1).max(1),
    );
    let mut cells = vec![(0_u32, 0_u32); MOTION_CELLS.0 * MOTION_CELLS.1];
    for (y, row) in rows(picture, 0)?.enumerate().step_by(step.1) {
        let first = (y * MOTION_CELLS.1 / height) * MOTION_CELLS.0;
        for (x, luma) in row.iter().enumerate().step_by(step.0) {
            if let Some((sum, count)) = cells.get_mut(first + x * MOTION_CELLS.0 / width) {
                *sum += u32::from(*luma);
                *count += 1;
            }
        }
    }
    let (sum, count) = cells.iter().fold((0_u64, 0_u64), |(sum, count), (s, c)| {
        (sum + u64::from(*s), count + u64::from(*c))
    });
    let means = cells
        .iter()
        .map(|(sum, count)| (sum / (*count).max(1)) as u8)
        .collect();
    Some((sum as f32 / count.max(1) as f32, means))
}

fn plane_mean(picture: &Picture, plane: u32) -> Option<f32> {
    let (width, height) = (picture.width() as usize / 2, picture.height() as usize / 2);
    let step = (
        (width / SAMPLE_GRID.0).max(1),
        (height / SAMPLE_GRID.1).max(1),
    );
    let (mut sum, mut count) = (0_u64, 0_u64);
    for row in rows(picture, plane)?.step_by(step.1) {
        for value in row.iter().step_by(step.0) {
            sum += u64::from(*value);
            count += 1;
        }
    }
    Some(sum as f32 / count.max(1) as f32)
}

/// The difference of two pictures, from 0 to 1. Compares the cells, so their sizes may differ.
pub(crate) fn motion(one: &Measures, other: &Measures) -> f64 {
    let sum: u32 = one
        .cells
        .iter()
        .zip(&other.cells)
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum();
    f64::from(sum) / (255.0 * one.cells.len().max(1) as f64)
}

/// Where the brighter part of the picture is, by its centre: up or down, and left or right. `None`: the
/// brightness is even.
pub(crate) fn position(picture: &Measures) -> Option<&'static str> {
    let count = picture.cells.len().max(1) as u64;
    let mean = picture
        .cells
        .iter()
        .map(|cell| u64::from(*cell))
        .sum::<u64>()
        / count;
    let (mut sum, mut right, mut down) = (0_u64, 0_u64, 0_u64);
    for (at, cell) in picture.cells.iter().enumerate() {
        let light = u64::from(*cell).saturating_sub(mean);
        sum += light;
        right += light * (2 * (at % MOTION_CELLS.0) + 1) as u64;
        down += light * (2 * (at / MOTION_CELLS.0) + 1) as u64;
    }
    // Less than this is noise.
    (sum > count).then(|| {
        match (
            down > sum * MOTION_CELLS.1 as u64,
            right > sum * MOTION_CELLS.0 as u64,
        ) {
            (false, false) => "up left",
            (false, true) => "up right",
            (true, false) => "down left",
            (true, true) => "down right",
        }
    })
}

/// The texts of the QR codes in a picture.
pub(crate) fn codes(sample: &gst::Sample) -> Vec<String> {
    let Some((width, height, grey)) = shrink(sample) else {
        return Vec::new();
    };
    read_codes(width, height, &grey)
}

/// The luma plane, shrunk by a whole factor.
fn shrink(sample: &gst::Sample) -> Option<(usize, usize, Vec<u8>)> {
    let (info, buffer) = map(sample)?;
    let picture = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let by = (info.width() as usize).div_ceil(MAX_QR_WIDTH).max(1);
    let (width, height) = (info.width() as usize / by, info.height() as usize / by);
    let mut grey = Vec::with_capacity(width * height);
    let mut sums = vec![0_u32; width];
    let area = (by * by) as u32;
    for (y, row) in rows(&picture, 0)?.take(height * by).enumerate() {
        for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(by)) {
            *sum += pixels.iter().map(|luma| u32::from(*luma)).sum::<u32>();
        }
        if y % by == by - 1 {
            grey.extend(
                sums.iter_mut()
                    .map(|sum| (std::mem::take(sum) / area) as u8),
            );
        }
    }
    (grey.len() == width * height).then_some((width, height, grey))
}

pub(crate) fn read_codes(width: usize, height: usize, grey: &[u8]) -> Vec<String> {
    // If the QR reader panics over a picture, the stream goes on.
    catch_unwind(AssertUnwindSafe(|| {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            grey.get(y * width + x).copied().unwrap_or(255)
        });
        image
            .detect_grids()
            .iter()
            .take(MAX_QR_CODES)
            .filter_map(|grid| grid.decode().ok())
            .map(|(_, text)| text)
            .collect()
    }))
    .unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample(
        width: u32,
        height: u32,
        fill: impl Fn(usize, usize) -> u8,
    ) -> gst::Sample {
        gst::init().expect("GStreamer");
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
            .build()
            .expect("info");
        let mut data = vec![128_u8; info.size()];
        let stride = info.stride()[0] as usize;
        for y in 0..height as usize {
            for x in 0..width as usize {
                data[y * stride + x] = fill(x, y);
            }
        }
        gst::Sample::builder()
            .caps(&info.to_caps().expect("caps"))
            .buffer(&gst::Buffer::from_slice(data))
            .build()
    }

    #[test]
    fn a_picture_is_measured() {
        let grey = measure(&sample(322, 182, |_, _| 100)).expect("measures");
        assert_eq!((grey.width, grey.height), (322, 182));
        assert!((grey.yuv[0] - 100.0).abs() < 0.01);
        assert!((grey.yuv[2] - 128.0).abs() < 0.01);
        let half =
            measure(&sample(322, 182, |x, _| if x < 161 { 100 } else { 200 })).expect("measures");
        assert!((half.yuv[0] - 150.0).abs() < 1.0);
        let moved = motion(&grey, &half);
        assert!((moved - 50.0 / 255.0).abs() < 0.01, "{moved}");
        assert_eq!(motion(&half, &half), 0.0);
    }

    #[test]
    fn the_position_of_the_bright_part_is_found() {
        let square = |left: usize, top: usize| {
            let lit = move |x, y| (left..left + 20).contains(&x) && (top..top + 20).contains(&y);
            let picture = sample(320, 180, |x, y| if lit(x, y) { 235 } else { 16 });
            position(&measure(&picture).expect("measures"))
        };
        assert_eq!(square(10, 10), Some("up left"));
        assert_eq!(square(290, 10), Some("up right"));
        assert_eq!(square(10, 150), Some("down left"));
        assert_eq!(square(290, 150), Some("down right"));
        let grey = measure(&sample(320, 180, |_, _| 100)).expect("measures");
        assert_eq!(position(&grey), None);
    }

    #[test]
    fn tiny_pictures_are_measured() {
        for (width, height) in [(1, 1), (2, 1), (3, 3), (16, 2)] {
            let tiny = sample(width, height, |_, _| 50);
            assert!(measure(&tiny).is_some());
            assert!(codes(&tiny).is_empty());
        }
    }
}

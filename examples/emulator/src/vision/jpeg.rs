// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! JPEGs of decoded pictures, with a limited width.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use gst_video::prelude::*;
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::vision::colour::Coding;
use crate::vision::measures;

/// An encoded picture.
pub(crate) type Jpeg = Arc<[u8]>;

/// The size and quality of a JPEG, by its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JpegPreset {
    /// Wider pictures are shrunk by a whole factor.
    width: usize,
    quality: u8,
}

impl JpegPreset {
    /// Good enough to find QR codes.
    pub(crate) const SMALL: JpegPreset = JpegPreset {
        width: 640,
        quality: 75,
    };
    /// Good enough for a model, and for small print.
    pub(crate) const READABLE: JpegPreset = JpegPreset {
        width: 1_920,
        quality: 85,
    };
}

type Picture<'a> = gst_video::VideoFrameRef<&'a gst::BufferRef>;

/// Encodes a picture of the decoder (I420). `None`: JPEG cannot represent it.
pub(crate) fn encode(sample: &gst::Sample, jpeg_preset: JpegPreset) -> Option<Vec<u8>> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let picture =
        gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let small = Small::of(&picture, jpeg_preset.width)?;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, jpeg_preset.quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(small).ok()?;
    Some(bytes)
}

/// The texts of the QR codes in one of these JPEGs.
pub(crate) fn codes(jpeg: &[u8]) -> Vec<String> {
    let grey = grey(jpeg);
    grey.map_or_else(Vec::new, |(width, height, grey)| {
        measures::read_codes(width, height, &grey)
    })
}

/// Width, height and luma of one of these JPEGs.
pub(crate) fn grey(jpeg: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    // If the JPEG decoder panics, nothing is found, and the stream goes on.
    catch_unwind(AssertUnwindSafe(|| {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let grey = decoder.decode().ok()?;
        let (width, height) = decoder.dimensions()?;
        (grey.len() == width * height).then_some((width, height, grey))
    }))
    .ok()
    .flatten()
}

/// A picture that is shrunk while the encoder reads it.
struct Small<'a> {
    planes: [Plane<'a>; 3],
    width: u16,
    height: u16,
    by: usize,
    /// From the encoded values to those of JPEG, which uses the full range.
    luma: [u8; 256],
    chroma: [u8; 256],
    /// `None`: the matrix is that of BT.601, as in JPEG.
    matrix: Option<Matrix>,
}

/// From the values of another matrix to those of BT.601, in units of 1/65536.
#[derive(Clone, Copy)]
struct Matrix {
    /// What the two chroma values add to luma.
    luma: [i32; 2],
    /// What each chroma value becomes, from the two.
    chroma: [[i32; 2]; 2],
}

impl Matrix {
    fn from(coding: Coding) -> Option<Self> {
        let Coding { kr, kb, .. } = coding;
        let (r, g, b) = (
            Coding::BT601.kr,
            1.0 - Coding::BT601.kr - Coding::BT601.kb,
            Coding::BT601.kb,
        );
        if (kr, kb) == (r, b) {
            return None;
        }
        let kg = 1.0 - kr - kb;
        // How the two chroma values add to blue, green and red, besides luma.
        let (blue, red) = (2.0 * (1.0 - kb), 2.0 * (1.0 - kr));
        let green = [-blue * kb / kg, -red * kr / kg];
        let luma = [g * green[0] + b * blue, g * green[1] + r * red];
        let fixed = |value: f32| (value * 65_536.0).round() as i32;
        let (spans_b, spans_r) = (2.0 * (1.0 - b), 2.0 * (1.0 - r));
        Some(Matrix {
            luma: luma.map(fixed),
            chroma: [
                [(blue - luma[0]) / spans_b, -luma[1] / spans_b].map(fixed),
                [-luma[0] / spans_r, (red - luma[1]) / spans_r].map(fixed),
            ],
        })
    }
}

/// A value, plus what the two chroma values add to it.
fn added(value: u8, weights: [i32; 2], chroma: [u8; 2]) -> u8 {
    let [u, v] = chroma.map(|value| i32::from(value) - 128);
    let more = (weights[0] * u + weights[1] * v + 32_768) >> 16;
    (i32::from(value) + more).clamp(0, 255) as u8
}

#[derive(Clone, Copy)]
struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
}

impl<'a> Small<'a> {
    fn of(picture: &'a Picture, most: usize) -> Option<Self> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let by = width.div_ceil(most).max(1);
        let plane = |n: u32| {
            Some(Plane {
                data: picture.plane_data(n).ok()?,
                stride: usize::try_from(*picture.plane_stride().get(n as usize)?).ok()?,
            })
        };
        let coding = measures::coding(picture.info());
        let table = |black: i32, span: i32| {
            std::array::from_fn(|coded| {
                let coded = coded as i32;
                let value = if coding.full_range {
                    coded
                } else {
                    ((coded - black) * 255 + span / 2) / span + if black == 128 { 128 } else { 0 }
                };
                value.clamp(0, 255) as u8
            })
        };
        let small = Small {
            planes: [plane(0)?, plane(1)?, plane(2)?],
            width: u16::try_from(width / by).ok()?,
            height: u16::try_from(height / by).ok()?,
            by,
            luma: table(16, 219),
            chroma: table(128, 224),
            matrix: Matrix::from(coding),
        };
        (small.width > 0 && small.height > 0).then_some(small)
    }

    /// The mean of each square of `by` pixels in row `y`.
    fn luma_row(&self, y: u16, row: &mut Vec<u8>) {
        let by = self.by;
        let area = (by * by) as u32;
        let mut sums = vec![0_u32; usize::from(self.width)];
        for line in 0..by {
            let from = (usize::from(y) * by + line) * self.planes[0].stride;
            let pixels = self.planes[0].data.get(from..).unwrap_or_default();
            for (sum, square) in sums.iter_mut().zip(pixels.chunks_exact(by)) {
                *sum += square.iter().map(|luma| u32::from(*luma)).sum::<u32>();
            }
        }
        let mapped = sums
            .iter()
            .map(|sum| self.luma[(sum / area) as usize & 0xff]);
        match self.matrix {
            None => row.extend(mapped),
            Some(matrix) => {
                let chroma = self.chroma_row(1, y).zip(self.chroma_row(2, y));
                row.extend(
                    mapped
                        .zip(chroma)
                        .map(|(luma, (u, v))| added(luma, matrix.luma, [u, v])),
                );
            }
        }
    }

    /// The chroma planes are coarser: one pixel for each square is enough.
    fn chroma_row(&self, plane: usize, y: u16) -> impl Iterator<Item = u8> {
        let plane = self.planes[plane];
        let from = (usize::from(y) * self.by / 2) * plane.stride;
        let pixels = plane.data.get(from..).unwrap_or_default();
        (0..usize::from(self.width)).map(move |x| {
            let coded = pixels.get(x * self.by / 2).copied().unwrap_or(128);
            self.chroma[usize::from(coded)]
        })
    }

    fn chroma_rows(&self, y: u16, blue: &mut Vec<u8>, red: &mut Vec<u8>) {
        let Some(matrix) = self.matrix else {
            blue.extend(self.chroma_row(1, y));
            red.extend(self.chroma_row(2, y));
            return;
        };
        let [of_blue, of_red] = matrix.chroma;
        for chroma in self.chroma_row(1, y).zip(self.chroma_row(2, y)) {
            let chroma = [chroma.0, chroma.1];
            blue.push(added(128, of_blue, chroma));
            red.push(added(128, of_red, chroma));
        }
    }
}

impl ImageBuffer for Small<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let [luma, u, v, _] = buffers;
        self.luma_row(y, luma);
        self.chroma_rows(y, u, v);
    }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;

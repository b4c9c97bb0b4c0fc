//! The small pictures of a history: JPEG, at most so wide.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gst_video::prelude::*;
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::look;

/// Wider ones are shrunk by a whole factor.
const WIDTH: usize = 640;
const QUALITY: u8 = 75;

type Picture<'a> = gst_video::VideoFrameRef<&'a gst::BufferRef>;

/// Encodes a sample of the decoder, I420. `None`: it is no picture that JPEG can hold.
pub(crate) fn encode(sample: &gst::Sample) -> Option<Vec<u8>> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let picture =
        gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let small = Small::of(&picture)?;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(small).ok()?;
    Some(bytes)
}

/// The texts of the QR codes in one of these pictures.
pub(crate) fn codes(jpeg: &[u8]) -> Vec<String> {
    // A slip of the decoder's finds nothing; it must not end the stream.
    catch_unwind(AssertUnwindSafe(|| {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let grey = decoder.decode().ok()?;
        let (width, height) = decoder.dimensions()?;
        Some(look::read_codes(width, height, &grey))
    }))
    .ok()
    .flatten()
    .unwrap_or_default()
}

/// A picture that is shrunk while the encoder reads it.
struct Small<'a> {
    planes: [Plane<'a>; 3],
    width: u16,
    height: u16,
    by: usize,
    /// From the values as coded to those of JPEG, which uses the full range. The matrix stays: the
    /// hues of BT.709 are a little off then.
    luma: [u8; 256],
    chroma: [u8; 256],
}

#[derive(Clone, Copy)]
struct Plane<'a> {
    data: &'a [u8],
    stride: usize,
}

impl<'a> Small<'a> {
    fn of(picture: &'a Picture) -> Option<Self> {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let by = width.div_ceil(WIDTH).max(1);
        let plane = |n: u32| {
            Some(Plane {
                data: picture.plane_data(n).ok()?,
                stride: usize::try_from(*picture.plane_stride().get(n as usize)?).ok()?,
            })
        };
        let full = look::full_range(picture.info());
        let table = |black: i32, span: i32| {
            std::array::from_fn(|coded| {
                let coded = coded as i32;
                let value = if full {
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
        row.extend(mapped);
    }

    /// Of the coarser planes one pixel a square is enough.
    fn chroma_row(&self, plane: Plane, y: u16, row: &mut Vec<u8>) {
        let from = (usize::from(y) * self.by / 2) * plane.stride;
        let pixels = plane.data.get(from..).unwrap_or_default();
        row.extend((0..usize::from(self.width)).map(|x| {
            let coded = pixels.get(x * self.by / 2).copied().unwrap_or(128);
            self.chroma[usize::from(coded)]
        }));
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
        self.chroma_row(self.planes[1], y, u);
        self.chroma_row(self.planes[2], y, v);
    }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;

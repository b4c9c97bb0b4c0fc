// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decodes single pictures that a client sends: JPEG and PNG.

use std::time::Instant;

use gst::prelude::*;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::vision::jpeg::{self, JpegPreset};
use crate::vision::lazy::{LazyCodes, LazyJpeg};
use crate::vision::measures;
use crate::vision::observation::MeasuredFrame;

/// The maximum width and height. A larger picture can be a bomb: few bytes that become many pixels.
const MAX_SIDE: usize = 8_192;
/// How long the decoder may take.
const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// Decodes and measures a picture. The error says what is wrong with it. Takes some milliseconds.
pub(crate) fn measure(picture: Vec<u8>) -> Result<MeasuredFrame, String> {
    let (decoder, width, height) = inspect(&picture)?;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(format!("its size is {width}x{height}"));
    }
    let sample = decode(decoder, picture)?;
    let measures = measures::measure(&sample).ok_or("it has no pixels")?;
    let for_codes = sample.clone();
    Ok(MeasuredFrame {
        rtp_time: 0,
        arrived: Instant::now(),
        measures,
        codes: Some(LazyCodes::new(move || measures::codes(&for_codes))),
        picture: Some(LazyJpeg::new(move || {
            let jpeg = jpeg::encode(&sample, JpegPreset::READABLE);
            jpeg.unwrap_or_default().into()
        })),
    })
}

/// The elements that decode a picture, and its size, by its first bytes.
fn inspect(picture: &[u8]) -> Result<(&'static str, usize, usize), String> {
    if picture.starts_with(b"\x89PNG\r\n\x1a\n") {
        // The header chunk comes first (W3C PNG, 5.6): its length and name, then two 32-bit numbers.
        let number = |at: usize| {
            let bytes: [u8; 4] = picture.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(bytes)).ok()
        };
        let size = number(16).zip(number(20));
        let (width, height) = size.ok_or("its header is cut")?;
        return Ok(("caps=image/png ! pngdec", width, height));
    }
    if picture.starts_with(b"\xff\xd8\xff") {
        let mut decoder = JpegDecoder::new(ZCursor::new(picture));
        decoder
            .decode_headers()
            .map_err(|error| error.to_string())?;
        let (width, height) = decoder.dimensions().ok_or("its header is cut")?;
        return Ok(("caps=image/jpeg ! jpegdec", width, height));
    }
    Err("it is neither a JPEG nor a PNG".to_owned())
}

/// The picture as I420.
fn decode(decoder: &str, picture: Vec<u8>) -> Result<gst::Sample, String> {
    let description = format!(
        "appsrc name=in {decoder} ! videoconvert ! video/x-raw,format=I420 ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&description)
        .map_err(|error| error.to_string())?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "not a pipeline".to_owned())?;
    let decoded = run(&pipeline, picture);
    // Whatever happened; there is nothing to do if this fails.
    let _ = pipeline.set_state(gst::State::Null);
    decoded
}

fn run(pipeline: &gst::Pipeline, picture: Vec<u8>) -> Result<gst::Sample, String> {
    let source = pipeline.by_name("in");
    let source = source.and_then(|source| source.downcast::<gst_app::AppSrc>().ok());
    let sink = pipeline.by_name("out");
    let sink = sink.and_then(|sink| sink.downcast::<gst_app::AppSink>().ok());
    let (source, sink) = source.zip(sink).ok_or("not the elements")?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|error| error.to_string())?;
    source
        .push_buffer(gst::Buffer::from_slice(picture))
        .and_then(|_| source.end_of_stream())
        .map_err(|error| error.to_string())?;
    // Without a picture, this is the end of the stream, an error or the timeout.
    sink.try_pull_sample(TIMEOUT).ok_or_else(|| {
        let bus = pipeline.bus();
        let error = bus.and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        match error.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => error.error().to_string(),
            _ => "it cannot be decoded".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::measures::tests::sample;

    #[test]
    fn a_jpeg_is_decoded_and_anything_else_is_not() {
        let grey = sample(64, 48, |_, _| 126);
        let jpeg = jpeg::encode(&grey, JpegPreset::READABLE).expect("a JPEG");
        let frame = measure(jpeg.clone()).expect("a picture");
        assert_eq!((frame.measures.width, frame.measures.height), (64, 48));
        let brightness = frame.measures.coding.brightness(frame.measures.yuv[0]);
        assert!((brightness - 0.5).abs() < 0.02, "{brightness}");
        let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bomb.extend([0, 1, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 0]);
        for (bytes, why) in [
            (Vec::new(), "neither"),
            (b"GIF89a".to_vec(), "neither"),
            (bomb, "65536x65536"),
            (b"\x89PNG\r\n\x1a\n\0\0".to_vec(), "cut"),
            (jpeg.get(..20).expect("longer").to_vec(), ""),
        ] {
            let error = measure(bytes).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}

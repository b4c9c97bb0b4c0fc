// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The test of a device whose frames go straight to an encoder: its driver scales, turns and converts them, and nobody
//! looks at the result before the remote peer does. So one picture goes this way first, is decoded, and must have the
//! right colours at the right places.

use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo, VideoOrientationMethod as Method};

use super::device_route::Route;
use super::device_scaler::DeviceScaler;
use super::probe_chain::{ProbeChain, make};
use super::video_codec::Codec;

/// The size of the picture, before it is turned. It is scaled to half of it.
const SIZE: (u32, u32) = (640, 480);
/// An encoder changes plain colours by less. Those of BT.601 and BT.709, or of full and limited range, differ by more.
const TOLERANCE: u8 = 10;

/// Y, Cb and Cr of red, green, blue and white: the quarters of the picture, row by row. By ITU-R BT.709 and BT.601,
/// limited range.
const BT709: [[u8; 3]; 4] = [
    [63, 102, 240],
    [173, 42, 26],
    [32, 240, 118],
    [235, 128, 128],
];
const BT601: [[u8; 3]; 4] = [
    [81, 90, 240],
    [145, 54, 34],
    [41, 240, 110],
    [235, 128, 128],
];
/// The index of the quarter at each place after a turn to the right.
const TURNED: [usize; 4] = [2, 0, 3, 1];

/// The chain from the picture to the decoder.
///
/// # Errors
/// Why the device cannot be tested.
pub fn chain(route: &Route, codec: Codec) -> Result<ProbeChain, String> {
    let scaler = DeviceScaler::new(route).ok_or("elements are missing, or cannot turn pictures")?;
    let sideways = (SIZE.1 / 2, SIZE.0 / 2);
    scaler.settings.apply(Method::_90r, sideways);
    let upload: Result<Vec<_>, _> = route.upload.iter().map(|name| make(name)).collect();
    let mut before = upload?;
    before.extend(scaler.elements);
    let mut after: Vec<_> = codec.parser().map(make).transpose()?.into_iter().collect();
    after.push(software_decoder(codec)?);
    Ok(ProbeChain {
        picture: picture().map_err(|error| error.to_string())?,
        before,
        after,
        decoded: gst::Caps::builder("video/x-raw")
            .field("format", gst::List::new(["I420", "NV12"]))
            .build(),
    })
}

/// The best decoder that uses no device: that of the same driver could have the same error.
fn software_decoder(codec: Codec) -> Result<gst::Element, String> {
    let kinds = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
    // Decoders of video with transparency need it.
    let mut caps = codec.encoded_caps();
    caps.make_mut().set("codec-alpha", false);
    let factories = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL);
    let is_software = |factory: &&gst::ElementFactory| {
        let class = factory.metadata("klass").unwrap_or_default();
        !class.contains("Hardware") && factory.can_sink_any_caps(&caps)
    };
    let factory = factories.iter().find(is_software);
    let factory = factory.ok_or_else(|| format!("nothing here decodes {}", codec.title()))?;
    factory.create().build().map_err(|error| error.to_string())
}

fn picture() -> Result<gst::Sample, gst::glib::BoolError> {
    let info = VideoInfo::builder(VideoFormat::I420, SIZE.0, SIZE.1)
        .fps(gst::Fraction::new(30, 1))
        .colorimetry(&"bt709".parse()?)
        .build()?;
    let mut bytes = Vec::with_capacity(info.size());
    for (component, scale) in [(0, 1), (1, 2), (2, 2)] {
        let (width, height) = (SIZE.0 / scale, SIZE.1 / scale);
        for row in 0..height {
            for column in 0..width {
                let quarter = 2 * (2 * row / height) + 2 * column / width;
                bytes.push(BT709[quarter as usize][component]);
            }
        }
    }
    let mut buffer = gst::Buffer::from_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::ZERO);
        buffer.set_duration(gst::ClockTime::from_mseconds(33));
    }
    let sample = gst::Sample::builder().buffer(&buffer);
    Ok(sample.caps(&info.to_caps()?).build())
}

/// Checks the picture that was decoded.
///
/// # Errors
/// How it differs from the right one.
pub fn check(decoded: &gst::SampleRef) -> Result<(), String> {
    let colours = colours(decoded).ok_or("the decoded picture cannot be read")?;
    let right = TURNED.map(|quarter| BT601[quarter]);
    let is_right = |(is, right): (&[u8; 3], &[u8; 3])| {
        let mut both = is.iter().zip(right);
        both.all(|(is, right)| is.abs_diff(*right) <= TOLERANCE)
    };
    match colours.iter().zip(&right).all(is_right) {
        true => Ok(()),
        false => Err(format!(
            "a picture has other colours (Y, Cb, Cr) or is turned otherwise: {colours:?} instead of {right:?}"
        )),
    }
}

/// Y, Cb and Cr in the middle of each quarter.
fn colours(sample: &gst::SampleRef) -> Option<[[u8; 3]; 4]> {
    let info = VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let value = |component: u32, x: u32, y: u32| {
        let row = y * frame.comp_height(component) / 4;
        let column = x * frame.comp_width(component) / 4;
        let stride = u32::try_from(frame.comp_stride(component)).ok()?;
        let step = u32::try_from(frame.comp_pstride(component)).ok()?;
        let data = frame.comp_data(component).ok()?;
        data.get((row * stride + column * step) as usize).copied()
    };
    let colour = |x, y| Some([value(0, x, y)?, value(1, x, y)?, value(2, x, y)?]);
    Some([colour(1, 1)?, colour(3, 1)?, colour(1, 3)?, colour(3, 3)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(turned: bool, colorimetry: &str) -> Result<(), String> {
        gst::init().expect("GStreamer");
        let direction = if turned { "90r" } else { "identity" };
        let size = if turned { (240, 320) } else { (320, 240) };
        let line = format!(
            "appsrc name=in format=time ! videoconvertscale ! videoflip video-direction={direction} ! videoconvertscale \
             ! video/x-raw,format=NV12,width={},height={},colorimetry={colorimetry} ! appsink name=out",
            size.0, size.1
        );
        let pipeline = gst::parse::launch(&line).expect(&line);
        let bin = pipeline.downcast_ref::<gst::Bin>().expect("a bin");
        let input = bin.by_name("in").and_downcast::<gst_app::AppSrc>();
        let picture = picture().expect("a picture");
        input.expect("there").push_sample(&picture).expect("taken");
        pipeline
            .set_state(gst::State::Playing)
            .expect("it can play");
        let output = bin.by_name("out").and_downcast::<gst_app::AppSink>();
        let sample = output.expect("there").pull_sample().expect("a picture");
        pipeline.set_state(gst::State::Null).expect("NULL");
        check(&sample)
    }

    #[test]
    fn wrong_colours_and_places_are_found() {
        assert_eq!(decoded(true, "bt601"), Ok(()));
        for (turned, colorimetry) in [(false, "bt601"), (true, "bt709"), (true, "1:4:0:0")] {
            decoded(turned, colorimetry).expect_err(colorimetry);
        }
    }
}

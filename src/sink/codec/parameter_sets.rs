// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Puts the parameter sets of H.264 and H.265 in front of each frame that a decoder can begin at.
//!
//! With `config-interval=-1`, rtph264pay (1.22 to 1.28, read) puts them in front of each IDR slice. In a picture of several
//! slices they then stand between its slices. There a new picture begins (ITU-T H.264, 7.4.1.2.3), so OpenH264 decodes no such
//! picture (tested with openh264dec). x264enc makes slices for its threads, and many cameras do. rtph265pay puts them in front
//! of each IDR picture, once. Neither puts any in front of I pictures and recovery points.

use std::sync::Mutex;

use gst::prelude::*;

use super::nal_units::{
    NalUnits, codec_data, is_parameter_set, is_slice, length_size, parameter_sets,
    split_byte_stream,
};
use super::random_access::RandomAccess;
use super::video_codec::Codec;
use crate::lock::lock;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Watches the input of a payloader.
pub fn put_in_front(input: &gst::Pad, codec: Codec) {
    if !matches!(codec, Codec::H264 | Codec::H265) {
        return;
    }
    let is_for_payloader = move |caps: &gst::CapsRef, frame: &gst::BufferRef| {
        codec == Codec::H265
            && RandomAccess::of(Some(codec), Some(caps), frame) == RandomAccess::Full
    };
    // Of a byte stream, whose caps have none.
    let newest = Mutex::new(Vec::new());
    input.add_probe(gst::PadProbeType::BUFFER, move |input, info| {
        if let Some(buffer) = info.buffer_mut()
            && !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
            && let Some(caps) = input.current_caps()
            && !is_for_payloader(&caps, buffer)
        {
            let joined = match codec_data(&caps) {
                Some(record) => with_record(codec, &record, buffer),
                None => with_newest(codec, &mut lock(&newest), buffer),
            };
            if let Some(joined) = joined {
                *buffer = joined;
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// The frame with the parameter sets of the record in its caps. `None` if it has its own, or if they can't be read.
fn with_record(
    codec: Codec,
    record: &gst::BufferRef,
    frame: &gst::BufferRef,
) -> Option<gst::Buffer> {
    let record = record.map_readable().ok()?;
    let length_size = length_size(codec, &record)?;
    {
        let frame = frame.map_readable().ok()?;
        if NalUnits::new(&frame, length_size).any(|nal| is_parameter_set(codec, nal)) {
            return None;
        }
    }
    let mut sets = Vec::new();
    for set in parameter_sets(codec, &record)? {
        // The record has 16 bits for a length.
        let length = u32::try_from(set.len()).ok()?.to_be_bytes();
        sets.extend_from_slice(length.get(length.len() - length_size..)?);
        sets.extend_from_slice(set);
    }
    join(sets, frame)
}

/// The frame of a byte stream with the newest parameter sets. `None` if it has its own, which are the newest then.
fn with_newest(codec: Codec, newest: &mut Vec<u8>, frame: &gst::BufferRef) -> Option<gst::Buffer> {
    {
        let frame = frame.map_readable().ok()?;
        let own: Vec<_> = split_byte_stream(&frame)
            .take_while(|nal| !is_slice(codec, nal))
            .filter(|nal| is_parameter_set(codec, nal))
            .flat_map(|set| [&START_CODE, set])
            .collect();
        if !own.is_empty() {
            *newest = own.concat();
            return None;
        }
    }
    join(newest.clone(), frame)
}

fn join(sets: Vec<u8>, frame: &gst::BufferRef) -> Option<gst::Buffer> {
    if sets.is_empty() {
        return None;
    }
    let mut joined = gst::Buffer::from_mut_slice(sets);
    frame
        .copy_into(joined.make_mut(), gst::BUFFER_COPY_ALL, ..)
        .ok()?;
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::codec::nal_units::nal_type;

    /// The frames that come out of a payloader: the NAL units of each.
    fn sent(encoder: &str, format: &str) -> Vec<Vec<Vec<u8>>> {
        gst::init().expect("GStreamer");
        let line = format!(
            "videotestsrc num-buffers=20 ! video/x-raw,width=640,height=480,framerate=30/1 ! {encoder} \
             ! video/x-h264,stream-format={format},alignment=au ! identity name=in \
             rtph264depay name=depay ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
        );
        let pipeline = gst::parse::launch(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
        let [input, depay, out] =
            ["in", "depay", "out"].map(|name| pipeline.by_name(name).expect("named"));
        let payloader = Codec::H264.make_payloader(96, 1).expect("a payloader");
        pipeline.add(&payloader).expect("added");
        gst::Element::link_many([&input, &payloader, &depay]).expect("linked");
        let out = out.downcast::<gst_app::AppSink>().expect("an appsink");
        pipeline.set_state(gst::State::Playing).expect("it plays");
        let frames = std::iter::from_fn(|| {
            let sample = out.try_pull_sample(gst::ClockTime::from_seconds(20))?;
            let frame = sample.buffer()?.map_readable().ok()?;
            Some(split_byte_stream(&frame).map(<[u8]>::to_vec).collect())
        });
        let frames = frames.collect();
        assert!(out.is_eos(), "{line}");
        pipeline.set_state(gst::State::Null).expect("it stops");
        frames
    }

    #[test]
    fn parameter_sets_are_in_front_of_the_slices_of_each_key_frame() {
        let x264 = "x264enc tune=zerolatency threads=4 sliced-threads=true key-int-max=5";
        let codec = Codec::H264;
        for format in ["avc", "byte-stream"] {
            let frames = sent(x264, format);
            assert_eq!(frames.len(), 20, "{format}");
            let mut keys = 0;
            for (number, frame) in frames.iter().enumerate() {
                let count = |what: fn(Codec, &[u8]) -> bool, nals: &[Vec<u8>]| {
                    nals.iter().filter(|nal| what(codec, nal)).count()
                };
                assert!(count(is_slice, frame) > 1, "{format}: {number}");
                let first = frame.iter().position(|nal| is_slice(codec, nal));
                let (front, _) = frame.split_at(first.expect("a slice"));
                let sets = count(is_parameter_set, frame);
                let in_front = count(is_parameter_set, front);
                assert_eq!(sets, in_front, "{format}: {number}");
                let is_key = count(|codec, nal| nal_type(codec, nal) == 5, frame) > 0;
                // The depayloader puts those of its caps in front of the first frame, too.
                let expected = match (is_key, number) {
                    (true, 0) => 4,
                    (true, _) => 2,
                    (false, _) => 0,
                };
                assert_eq!(sets, expected, "{format}: {number}");
                keys += usize::from(is_key);
            }
            assert!(keys >= 4, "{format}: {keys}");
        }
    }

    #[test]
    fn those_of_the_record_are_put_in_front_once() {
        gst::init().expect("GStreamer");
        let record = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];
        let record = gst::Buffer::from_slice(record);
        // No IDR: an I picture at which a decoder can begin.
        let picture = [0, 0, 0, 2, 0x61, 0x88];
        let mut frame = gst::Buffer::from_slice(picture);
        frame.make_mut().set_pts(gst::ClockTime::from_mseconds(40));
        let joined = with_record(Codec::H264, &record, &frame).expect("joined");
        assert_eq!(joined.pts(), frame.pts());
        let sets = [0, 0, 0, 2, 0x67, 1, 0, 0, 0, 1, 0x68];
        assert_eq!(
            joined.map_readable().expect("mapped").as_slice(),
            [&sets[..], &picture].concat()
        );
        assert!(with_record(Codec::H264, &record, &joined).is_none());
    }

    #[test]
    fn a_byte_stream_repeats_its_newest_parameter_sets() {
        gst::init().expect("GStreamer");
        let mut newest = Vec::new();
        let mut send = |frame: &[u8]| {
            let frame = gst::Buffer::from_slice(frame.to_vec());
            let joined = with_newest(Codec::H264, &mut newest, &frame)?;
            Some(joined.map_readable().expect("readable").to_vec())
        };
        let idr = [0, 0, 1, 0x65, 9];
        assert_eq!(send(&idr), None, "there are none yet");
        for set in [1, 2] {
            let own = [&[0, 0, 1, 0x67, set, 0, 0, 1, 0x68, set][..], &idr].concat();
            assert_eq!(send(&own), None, "it has its own");
            let sets = [0, 0, 0, 1, 0x67, set, 0, 0, 0, 1, 0x68, set];
            assert_eq!(send(&idr), Some([&sets[..], &idr].concat()));
        }
    }
}

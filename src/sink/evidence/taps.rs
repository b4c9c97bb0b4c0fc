// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Where the video comes from: the frames in front of an encoder, which are as the remote peer sees them (upright, in the
//! sent size, in system memory), and encoded frames, of the source or of the encoder.

use std::sync::{Arc, Mutex};

use gst::ClockTime;
use gst::prelude::*;

use super::clip::Packets;
use super::jpeg_encoder::JpegEncoder;
use super::packet_ring::Packet;
use crate::lock::lock;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;
use crate::sink::frames::stamps::Stamps;

/// How often the encoder makes a key frame for clips: they can begin only there.
const KEY_FRAME_INTERVAL: ClockTime = ClockTime::from_seconds(2);
/// The least time from one frame to the next.
const MIN_STEP: ClockTime = ClockTime::MSECOND;

/// Makes a picture of each frame in front of an encoder. `stamps`: the timestamps of its chain.
pub fn watch_raw(pad: &gst::Pad, jpeg: Arc<JpegEncoder>, stamps: Arc<Stamps>) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(frame) = info.buffer().cloned()
            && let Some(time) = time_in_chain(pad, &frame).and_then(|pts| stamps.running_time(pts))
            && let Some(caps) = pad.current_caps()
        {
            jpeg.push(&frame, &caps, time);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Keeps the frames that an encoder outputs, while `is_wanted`.
pub fn watch_encoded(
    pad: &gst::Pad,
    packets: Arc<Packets>,
    stamps: Arc<Stamps>,
    is_wanted: impl Fn() -> bool + Send + Sync + 'static,
) {
    let newest = Mutex::new(None);
    let key_frame = Mutex::new(None);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if is_wanted()
            && let Some(frame) = info.buffer().cloned()
            && let Some(time) = time_in_chain(pad, &frame).and_then(|pts| stamps.running_time(pts))
            && let Some(caps) = pad.current_caps()
        {
            // A frame that is sent once more gets a time of its own.
            let time = match *lock(&newest) {
                Some(newest) if time <= newest && newest - time <= MIN_STEP => newest + MIN_STEP,
                _ => time,
            };
            *lock(&newest) = Some(time);
            let packet = packet(frame, time, caps);
            let is_due = {
                let mut key_frame = lock(&key_frame);
                if packet.is_key() || key_frame.is_none_or(|at| time < at) {
                    *key_frame = Some(time);
                }
                let is_due = key_frame.is_some_and(|at| time - at >= KEY_FRAME_INTERVAL);
                // Asked for once in that time.
                if is_due {
                    *key_frame = Some(time);
                }
                is_due
            };
            packets.push(packet);
            if is_due {
                // An encoder that makes none on request makes clips begin earlier.
                let _ = pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().build());
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// A frame of the source that leaves `pad`.
pub fn source_packet(pad: &gst::Pad, frame: &gst::Buffer) -> Option<Packet> {
    let caps = pad.current_caps()?;
    let time = time_in_chain(pad, frame)?;
    Some(packet(frame.clone(), time, caps))
}

fn packet(mut buffer: gst::Buffer, time: ClockTime, caps: gst::Caps) -> Packet {
    let access = RandomAccess::of(Codec::of_caps(&caps), Some(&caps), &buffer);
    let writable = buffer.make_mut();
    writable.set_pts(time);
    writable.set_dts(None);
    Packet {
        buffer,
        caps,
        time,
        access,
    }
}

/// The running time of a frame at a pad.
fn time_in_chain(pad: &gst::Pad, frame: &gst::BufferRef) -> Option<ClockTime> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<ClockTime>()?;
    segment.to_running_time(frame.pts().or(frame.dts())?)
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Files without timestamps, such as raw H.264: their frames get some, or all of them would be sent at once.

use std::sync::Mutex;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::answers::messages;

/// The frame rate if nothing says another one, in frames per second.
const DEFAULT_RATE: i32 = 25;
/// No caps can make the frames wait longer for each other.
const MAX_FRAME_TIME: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// The timestamps of the frames at the appsink.
#[derive(Default)]
struct Untimed {
    /// Whether the input is live. `None` until a frame without a timestamp has arrived.
    live: Option<bool>,
    /// The time of the last frame.
    last: Option<gst::ClockTime>,
}

impl OvershootSink {
    /// Gives timestamps to frames that have none, unless they are live: live frames are sent when they arrive.
    pub(super) fn stamp_untimed_frames(&self) {
        let (weak, untimed) = (self.downgrade(), Mutex::new(Untimed::default()));
        let pad = self.appsink.static_pad("sink").expect("a sink has a pad");
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(kinds, move |pad, info| {
            match &mut info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    if let Some(this) = weak.upgrade() {
                        this.stamp(pad, buffer, &untimed);
                    }
                }
                Some(gst::PadProbeData::Event(event)) => match event.view() {
                    gst::EventView::StreamStart(_) => *lock(&untimed) = Untimed::default(),
                    gst::EventView::Segment(_) => lock(&untimed).last = None,
                    _ => {}
                },
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn stamp(&self, pad: &gst::Pad, buffer: &mut gst::Buffer, untimed: &Mutex<Untimed>) {
        if let Some(time) = buffer.pts().or(buffer.dts()) {
            lock(untimed).last = Some(time);
            return;
        }
        let known = lock(untimed).live;
        let live = known.unwrap_or_else(|| {
            let mut query = gst::query::Latency::new();
            pad.peer_query(&mut query) && query.result().0
        });
        let stated = self.stated_rate(pad);
        let frame_time = frame_time(stated.unwrap_or_else(|| gst::Fraction::new(DEFAULT_RATE, 1)));
        let (pts, first) = {
            let mut untimed = lock(untimed);
            let first = untimed.live.replace(live).is_none();
            let next = untimed.last.map(|last| last.saturating_add(frame_time));
            let pts = next.or_else(|| segment_start(pad)).unwrap_or_default();
            untimed.last = Some(pts);
            (pts, first)
        };
        if live {
            return;
        }
        buffer.make_mut().set_pts(pts);
        if first && stated.is_none() {
            messages::post_failure(&self.obj(), &no_timestamps(), false, false);
        }
    }

    /// The frame rate by the caps, or else by the property `fps`.
    fn stated_rate(&self, pad: &gst::Pad) -> Option<gst::Fraction> {
        let caps = pad.current_caps();
        let rate = caps.and_then(|caps| caps.structure(0)?.get::<gst::Fraction>("framerate").ok());
        let fps = i32::try_from(self.settings().fps).unwrap_or_default();
        [rate, Some(gst::Fraction::new(fps, 1))]
            .into_iter()
            .flatten()
            .find(|rate| rate.numer() > 0)
    }
}

fn frame_time(rate: gst::Fraction) -> gst::ClockTime {
    let time = gst::ClockTime::SECOND.mul_div_floor(
        rate.denom().unsigned_abs().into(),
        rate.numer().unsigned_abs().into(),
    );
    time.unwrap_or(MAX_FRAME_TIME).min(MAX_FRAME_TIME)
}

fn segment_start(pad: &gst::Pad) -> Option<gst::ClockTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    segment.segment().downcast_ref::<gst::ClockTime>()?.start()
}

fn no_timestamps() -> Error {
    Error::new(
        Kind::InvalidSettings,
        Stage::Media,
        "The video has no timestamps and its caps have no frame rate, so it is played at 25 frames per second. If it has another frame rate, put it into the caps in front of overshootsink, for example: capssetter caps=video/x-h264,framerate=30/1.",
    )
}

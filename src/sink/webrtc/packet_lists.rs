// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the packets of a frame together on their way through webrtcbin, so that libnice sends them by few system calls.
//!
//! Two things would take them apart. Payloaders push a list for each NAL unit, and single packets for small ones. And
//! before its `rtpfunnel`, webrtcbin (1.22 to 1.28, tested) has `rtpulpfecenc ! rtpredenc`, which push each packet alone,
//! even if no forward error correction (FEC) is negotiated. So the packets of a frame are joined, and go around these two.
//! Only very large frames are sent in several parts ([`pacing`]).

use std::sync::Mutex;
use std::time::Duration;

use gst::prelude::*;

use super::{congestion, pacing};
use crate::lock::lock;

/// A frame without a marker is not held back for more packets than this (2.4 MB). Frames are not that large: each part
/// would take the time of a whole frame ([`pacing::push_spread`]).
const MAX_PACKETS: usize = 2048;

/// Where the marker and the timestamp stand in an RTP header (RFC 3550, 5.1).
const MARKER: (usize, u8) = (1, 0x80);
const TIMESTAMP: std::ops::Range<usize> = 4..8;

/// Joins the packets that leave this `clocksync` of webrtcbin, and hands them to its `rtpfunnel`.
pub fn keep_together(clocksync: &gst::Element) {
    let Some(pad) = clocksync.static_pad("src") else {
        return;
    };
    let path = Mutex::new(Path::default());
    let kinds = gst::PadProbeType::BUFFER
        | gst::PadProbeType::BUFFER_LIST
        | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |pad, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data {
            let rest = lock(&path).interrupt(event);
            if let Some((funnel, list)) = rest {
                // If this fails, so does what comes next, and that is noticed.
                let _ = funnel.chain_list(list);
            }
            return gst::PadProbeReturn::Ok;
        }
        let Some(funnel) = lock(&path).funnel(pad) else {
            return gst::PadProbeReturn::Ok;
        };
        let packets = match info.data.take() {
            Some(gst::PadProbeData::Buffer(packet)) => packet.into(),
            Some(gst::PadProbeData::BufferList(packets)) => packets,
            _ => gst::BufferList::new(),
        };
        let (complete, time) = {
            let frame = &mut lock(&path).frame;
            (frame.add(packets), frame.time)
        };
        let mut lists = complete.into_iter().flatten();
        info.flow_res = lists.try_fold(gst::FlowSuccess::Ok, |_, list| {
            pacing::push_spread(&funnel, list, time)
        });
        gst::PadProbeReturn::Handled
    });
}

/// The way of the packets.
#[derive(Default)]
struct Path {
    route: Route,
    frame: Frame,
}

#[derive(Default)]
enum Route {
    /// Chosen for the packets after the next: rtpredenc passes new caps on together with a packet.
    #[default]
    Undecided,
    ThroughFec,
    /// To this pad of the `rtpfunnel`.
    Around(gst::Pad),
}

impl Path {
    /// Where the next packets go, if not through the FEC elements. `pad` is the one before these.
    fn funnel(&mut self, pad: &gst::Pad) -> Option<gst::Pad> {
        match &self.route {
            Route::Undecided => {
                self.route = match way_around_fec(pad) {
                    Some(funnel) => Route::Around(funnel),
                    None => Route::ThroughFec,
                };
                None
            }
            Route::ThroughFec => None,
            Route::Around(funnel) => Some(funnel.clone()),
        }
    }

    /// The packets that must leave before the event.
    fn interrupt(&mut self, event: &gst::Event) -> Option<(gst::Pad, gst::BufferList)> {
        if !event.is_serialized() {
            return None;
        }
        let rest = match &self.route {
            Route::Around(funnel) => self.frame.take().map(|list| (funnel.clone(), list)),
            Route::Undecided | Route::ThroughFec => None,
        };
        if event.type_() == gst::EventType::Caps {
            self.route = Route::Undecided;
        }
        rest
    }
}

/// The pad behind the FEC elements that follow `pad`, if these do nothing and lists are right for what follows.
fn way_around_fec(pad: &gst::Pad) -> Option<gst::Pad> {
    // rtpgccbwe decides when each packet is sent, and before 1.24 rtpfunnel does not number the packets of lists.
    if congestion::is_numbered(pad.current_caps()?.as_ref()) {
        return None;
    }
    let bin = pad.peer()?.parent_element()?.downcast::<gst::Bin>().ok()?;
    let is_idle = |element: &gst::Element| match element.factory()?.name().as_str() {
        "rtpulpfecenc" => Some(element.property::<u32>("pt") == NO_ULPFEC),
        "rtpredenc" => Some(element.property::<i32>("pt") == NO_RED),
        _ => None,
    };
    let elements = bin.iterate_elements().into_iter().flatten();
    elements
        .map(|element| is_idle(&element))
        .all(|is_idle| is_idle == Some(true))
        .then(|| bin.static_pad("src")?.peer())?
}

/// What webrtcbin sets as payload types if FEC is not negotiated.
const NO_ULPFEC: u32 = 255;
const NO_RED: i32 = 0;

/// RTP's clock for video (RFC 6184, 8.2.1, and all other video codecs), in Hz.
const CLOCK_RATE: f64 = 90_000.0;
/// Upper bound for the time of a frame: slow sources need not wait for the next one.
const MAX_FRAME_TIME: Duration = Duration::from_millis(40);

/// The packets of a frame that is not complete yet.
#[derive(Default)]
struct Frame {
    packets: Option<gst::BufferList>,
    timestamp: u32,
    /// The time from the frame before to this one, and so probably to the next one.
    time: Duration,
}

impl Frame {
    /// Adds packets of one frame. Returns the lists to push now.
    fn add(&mut self, packets: gst::BufferList) -> [Option<gst::BufferList>; 2] {
        // What is not RTP is passed on at once.
        let (timestamp, is_last) = last_header(&packets).unwrap_or((self.timestamp, true));
        let mut previous = None;
        if timestamp != self.timestamp {
            previous = self.take();
            let ticks = timestamp.wrapping_sub(self.timestamp);
            self.time = Duration::from_secs_f64(f64::from(ticks) / CLOCK_RATE).min(MAX_FRAME_TIME);
            self.timestamp = timestamp;
        }
        let packets = match self.take() {
            None => packets,
            Some(mut joined) => {
                joined.make_mut().extend(packets.iter_owned());
                joined
            }
        };
        if is_last || packets.len() >= MAX_PACKETS {
            return [previous, Some(packets)];
        }
        self.packets = Some(packets);
        [previous, None]
    }

    fn take(&mut self) -> Option<gst::BufferList> {
        self.packets.take()
    }
}

/// The timestamp, and whether the frame ends with these packets.
fn last_header(packets: &gst::BufferListRef) -> Option<(u32, bool)> {
    let packet = packets.get(packets.len().checked_sub(1)?)?;
    // Payloaders keep the header in memory of its own. Mapping the whole packet would copy it.
    let header = packet.peek_memory(0).map_readable().ok()?;
    let timestamp = u32::from_be_bytes(header.get(TIMESTAMP)?.try_into().ok()?);
    Some((timestamp, header.get(MARKER.0)? & MARKER.1 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(timestamp: u32, marker: bool) -> gst::Buffer {
        let mut header = vec![0x80, if marker { 0xe0 } else { 0x60 }, 0, 0];
        header.extend(timestamp.to_be_bytes());
        header.extend([0; 4]);
        gst::Buffer::from_mut_slice(header)
    }

    /// Adds packets, and returns how many are in each list that is pushed.
    fn add(frame: &mut Frame, packets: impl IntoIterator<Item = gst::Buffer>) -> Vec<usize> {
        let lists = frame.add(packets.into_iter().collect());
        lists.iter().flatten().map(|list| list.len()).collect()
    }

    const NONE: [usize; 0] = [];

    #[test]
    fn packets_of_a_frame_are_joined() {
        gst::init().expect("GStreamer");
        let mut frame = Frame::default();
        // Parameter sets, then a slice.
        assert_eq!(add(&mut frame, [packet(1, false)]), NONE);
        assert_eq!(add(&mut frame, [packet(1, false), packet(1, true)]), [3]);
        assert_eq!(add(&mut frame, [packet(2, true)]), [1]);
        // A frame without a marker ends where the next begins.
        assert_eq!(add(&mut frame, [packet(3, false), packet(3, false)]), NONE);
        assert_eq!(add(&mut frame, [packet(4, true)]), [2, 1]);
        // What is not RTP waits for nothing.
        assert_eq!(add(&mut frame, [packet(5, false)]), NONE);
        assert_eq!(add(&mut frame, [gst::Buffer::from_mut_slice([0; 3])]), [2]);
        assert!(frame.take().is_none());
    }

    #[test]
    fn a_frame_without_an_end_is_pushed_in_parts() {
        gst::init().expect("GStreamer");
        let mut frame = Frame::default();
        let pushed: Vec<_> = (0..2 * MAX_PACKETS + 1)
            .flat_map(|_| add(&mut frame, [packet(7, false)]))
            .collect();
        assert_eq!(pushed, [MAX_PACKETS; 2]);
        assert_eq!(frame.take().map(|list| list.len()), Some(1));
    }
}

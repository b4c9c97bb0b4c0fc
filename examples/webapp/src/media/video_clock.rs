// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Where in a file a frame is, from its running time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

/// Answers about older segments get no place. A file that is repeated has one for each round.
const MAX_SEGMENTS: usize = 64;

/// Remembers the segments that have passed a pad.
#[derive(Clone, Default)]
pub(crate) struct VideoClock {
    segments: Arc<Mutex<VecDeque<gst::FormattedSegment<gst::ClockTime>>>>,
}

impl VideoClock {
    pub(crate) fn watch(pad: &gst::Pad) -> Self {
        let clock = Self::default();
        let segments = clock.segments.clone();
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(event) = info.event()
                && let gst::EventView::Segment(segment) = event.view()
                && let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>()
            {
                let mut segments = segments.lock().unwrap_or_else(PoisonError::into_inner);
                if segments.len() == MAX_SEGMENTS {
                    segments.pop_front();
                }
                segments.push_back(segment.clone());
            }
            gst::PadProbeReturn::Ok
        });
        clock
    }

    /// The place in the file, in seconds, of what has this running time.
    pub(crate) fn seconds_at(&self, running_time: gst::ClockTime) -> Option<f64> {
        let segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        segments.iter().rev().find_map(|segment| {
            let position = segment.position_from_running_time(running_time)?;
            let place = segment.to_stream_time(position)?;
            Some(place.nseconds() as f64 / 1e9)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_follows_seeks_and_repeats() {
        gst::init().expect("GStreamer starts");
        let pad = gst::Pad::new(gst::PadDirection::Sink);
        pad.set_active(true).expect("it can be");
        let clock = VideoClock::watch(&pad);
        let seconds = gst::ClockTime::from_seconds;
        for (start, base) in [(30, 0), (0, 10)] {
            let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
            segment.set_start(seconds(start));
            segment.set_stop(seconds(40));
            segment.set_time(seconds(start));
            segment.set_base(seconds(base));
            pad.send_event(gst::event::StreamStart::new("it"));
            pad.send_event(gst::event::Segment::new(&segment));
        }
        for (running, place) in [(0, 30.0), (9, 39.0), (10, 0.0), (12, 2.0)] {
            assert_eq!(clock.seconds_at(seconds(running)), Some(place), "{running}");
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which frame has which timestamp in a chain: the frames get new timestamps there ([`Timeline`](super::timeline)).

use std::collections::VecDeque;
use std::sync::Mutex;

use gst::ClockTime;

use super::timeline::MIN_STEP;
use crate::lock::lock;

/// More frames than ever wait in a chain: encoded ones that were cached, and those behind them.
const MAX_STAMPS: usize = 1024;

/// The timestamps of the frames in one chain.
#[derive(Debug, Default)]
pub struct Stamps(Mutex<VecDeque<(ClockTime, ClockTime)>>);

impl Stamps {
    /// A frame of this running time has the timestamp `pts` in the chain. They arrive in order.
    pub fn add(&self, pts: ClockTime, running_time: ClockTime) {
        let mut stamps = lock(&self.0);
        if stamps.len() == MAX_STAMPS {
            stamps.pop_front();
        }
        stamps.push_back((pts, running_time));
    }

    /// The running time of the frame with this timestamp. One that is sent once more, a little later, is the same frame.
    pub fn running_time(&self, pts: ClockTime) -> Option<ClockTime> {
        let stamps = lock(&self.0);
        let (found, running_time) = *stamps.iter().rev().find(|(stamp, _)| *stamp <= pts)?;
        (pts - found <= MIN_STEP).then_some(running_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_frame_is_the_same_frame() {
        let ms = ClockTime::from_mseconds;
        let stamps = Stamps::default();
        assert_eq!(stamps.running_time(ms(5)), None);
        stamps.add(ms(7_000), ms(40));
        stamps.add(ms(7_040), ms(80));
        for (pts, found) in [
            (6_999, None),
            (7_000, Some(40)),
            (7_001, Some(40)),
            (7_002, None),
            (7_040, Some(80)),
        ] {
            assert_eq!(stamps.running_time(ms(pts)), found.map(ms), "{pts}");
        }
        (0..2_000).for_each(|n| stamps.add(ms(8_000 + n), ms(n)));
        assert_eq!(lock(&stamps.0).len(), MAX_STAMPS);
    }
}

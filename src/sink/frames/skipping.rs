// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which encoded frames need not be decoded: those to which no other frame refers, if the others are close enough to each
//! other for the rate limit.

use std::collections::VecDeque;

use gst::ClockTime;

/// So many frames show how far apart they are, also if they are in another order than they are displayed.
const REMEMBERED: usize = 8;

/// The newest frames that must be decoded.
#[derive(Default)]
pub struct Skipping(VecDeque<ClockTime>);

impl Skipping {
    /// Whether to skip a frame. `time`: its running time. `longest_gap`: the rate limit's time between two frames.
    pub fn skips(
        &mut self,
        disposable: bool,
        time: Option<ClockTime>,
        longest_gap: Option<ClockTime>,
    ) -> bool {
        let (Some(time), Some(longest_gap)) = (time, longest_gap) else {
            self.0.clear();
            return false;
        };
        if !disposable {
            if self.0.len() == REMEMBERED {
                self.0.pop_front();
            }
            self.0.push_back(time);
            return false;
        }
        self.longest_distance()
            .is_some_and(|distance| distance <= longest_gap)
    }

    /// The longest time from one frame to the next, once enough are known.
    fn longest_distance(&self) -> Option<ClockTime> {
        let mut times: Vec<_> = self.0.iter().copied().collect();
        times.sort_unstable();
        let distances = times.windows(2).map(|pair| pair[1] - pair[0]);
        distances.max().filter(|_| times.len() == REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the disposable frames are skipped. `frames` gives for each frame the number of its place in the order of
    /// display, and whether it is disposable; 40 ms each.
    fn skipped(frames: impl IntoIterator<Item = (u64, bool)>, longest_gap_ms: u64) -> usize {
        let mut skipping = Skipping::default();
        frames
            .into_iter()
            .filter(|(place, disposable)| {
                let time = ClockTime::from_mseconds(place * 40);
                let gap = ClockTime::from_mseconds(longest_gap_ms);
                skipping.skips(*disposable, Some(time), Some(gap))
            })
            .count()
    }

    /// P4 B2 b1 b3 P8 …: half of the frames are disposable.
    fn pyramid(groups: u64) -> impl Iterator<Item = (u64, bool)> {
        (0..groups).flat_map(|n| {
            [(4, false), (2, false), (1, true), (3, true)].map(|(place, d)| (4 * n + place, d))
        })
    }

    #[test]
    fn frames_are_skipped_if_the_others_are_close_enough() {
        // The first four groups show the distance.
        assert_eq!(skipped(pyramid(100), 100), 2 * 100 - 2 * 4 + 2);
        assert_eq!(skipped(pyramid(100), 80), 2 * 100 - 2 * 4 + 2);
        assert_eq!(skipped(pyramid(100), 79), 0);
        // A pause is a long distance, until it is forgotten.
        let paused = pyramid(10).chain(pyramid(10).map(|(place, d)| (place + 1_000, d)));
        assert!(skipped(paused, 100) < skipped(pyramid(20), 100));
    }

    #[test]
    fn without_times_or_a_limit_nothing_is_skipped() {
        let mut skipping = Skipping::default();
        let (time, gap) = (Some(ClockTime::ZERO), Some(ClockTime::SECOND));
        for _ in 0..20 {
            assert!(!skipping.skips(false, time, gap));
        }
        assert!(skipping.skips(true, time, gap));
        assert!(!skipping.skips(true, time, None));
        assert!(!skipping.skips(true, time, gap), "it begins anew");
        assert!(!skipping.skips(true, None, gap));
    }
}

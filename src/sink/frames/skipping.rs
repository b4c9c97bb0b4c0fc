// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which encoded frames need not be decoded, because the rate limit would drop them and no other frame needs them.

use std::collections::VecDeque;
use std::time::Instant;

use gst::ClockTime;

use super::rate_limit::{Limit, RateLimit};

/// So many frames show how far apart they are, also if they are in another order than they are displayed.
const REMEMBERED: usize = 8;
/// After so many key frames in a row, the source is taken to have no others.
const MANY_KEY_FRAMES: u32 = 30;

/// What a frame means to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependence {
    /// It stands alone. Later frames may refer to it.
    Key,
    /// Other frames may refer to it, and it refers to others.
    Reference,
    /// No other frame refers to it.
    Disposable,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Decode,
    Skip,
    /// The key frame that it refers to was skipped.
    AwaitKeyFrame,
}

/// Decides for one source.
#[derive(Default)]
pub struct Skipping {
    /// The running times of the newest frames that must be decoded.
    needed: VecDeque<ClockTime>,
    key_frames_in_a_row: u32,
    key_frame_skipped: bool,
    /// The limit on sources that have only key frames.
    key_frames: Option<(Limit, RateLimit)>,
}

impl Skipping {
    /// Whether to decode a frame with this running time. `limit`: of the frames that are sent.
    pub fn decide(
        &mut self,
        frame: Dependence,
        time: Option<ClockTime>,
        live: bool,
        limit: Limit,
    ) -> Decision {
        let skips = match frame {
            Dependence::Key => {
                self.remember(time);
                self.key_frames_in_a_row = self.key_frames_in_a_row.saturating_add(1);
                self.key_frame_skipped = self.key_frames_in_a_row > MANY_KEY_FRAMES
                    && !self.admits_key_frame(time, live, limit);
                self.key_frame_skipped
            }
            Dependence::Reference | Dependence::Disposable => {
                self.key_frames_in_a_row = 0;
                self.key_frames = None;
                if std::mem::take(&mut self.key_frame_skipped) {
                    return Decision::AwaitKeyFrame;
                }
                if frame == Dependence::Reference {
                    self.remember(time);
                }
                let suffice = self.longest_distance() <= limit.longest_gap();
                frame == Dependence::Disposable && time.is_some() && suffice
            }
        };
        match skips {
            true => Decision::Skip,
            false => Decision::Decode,
        }
    }

    fn remember(&mut self, time: Option<ClockTime>) {
        let Some(time) = time else {
            return self.needed.clear();
        };
        if self.needed.len() == REMEMBERED {
            self.needed.pop_front();
        }
        self.needed.push_back(time);
    }

    /// The longest time from one frame that must be decoded to the next; endless until enough are known.
    fn longest_distance(&self) -> ClockTime {
        let mut times: Vec<_> = self.needed.iter().copied().collect();
        times.sort_unstable();
        let distances = times.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = distances.max().filter(|_| times.len() == REMEMBERED);
        longest.unwrap_or(ClockTime::MAX)
    }

    fn admits_key_frame(&mut self, time: Option<ClockTime>, live: bool, limit: Limit) -> bool {
        let current = self.key_frames.take().filter(|(of, _)| *of == limit);
        let (_, rate_limit) = self
            .key_frames
            .insert(current.unwrap_or_else(|| (limit, RateLimit::new(limit))));
        rate_limit.admit(time, Instant::now(), live)
    }
}

#[cfg(test)]
mod tests {
    use super::Dependence::{Disposable, Key, Reference};
    use super::*;

    fn gap(ms: u64) -> Limit {
        Limit::Gap(ClockTime::from_mseconds(ms))
    }

    /// How many frames are skipped. `frames` gives for each frame its place in the order of display; 40 ms each.
    fn skipped(frames: impl IntoIterator<Item = (u64, Dependence)>, limit: Limit) -> usize {
        let mut skipping = Skipping::default();
        frames
            .into_iter()
            .map(|(place, frame)| {
                let time = ClockTime::from_mseconds(place * 40);
                skipping.decide(frame, Some(time), false, limit)
            })
            .filter(|decision| *decision == Decision::Skip)
            .count()
    }

    /// P4 B2 b1 b3 P8 …: half of the frames are disposable.
    fn pyramid(groups: u64) -> impl Iterator<Item = (u64, Dependence)> {
        let group = [
            (4, Reference),
            (2, Reference),
            (1, Disposable),
            (3, Disposable),
        ];
        (0..groups).flat_map(move |n| group.map(|(place, frame)| (4 * n + place, frame)))
    }

    #[test]
    fn disposable_frames_are_skipped_if_the_others_are_close_enough() {
        // The first four groups show the distance.
        assert_eq!(skipped(pyramid(100), gap(100)), 2 * 100 - 2 * 3);
        assert_eq!(skipped(pyramid(100), gap(80)), 2 * 100 - 2 * 3);
        assert_eq!(skipped(pyramid(100), gap(79)), 0);
        assert_eq!(
            skipped(pyramid(100), Limit::Rate(gst::Fraction::new(0, 1))),
            0
        );
        assert_eq!(
            skipped(pyramid(100), Limit::Rate(gst::Fraction::new(10, 1))),
            2 * 100 - 2 * 3
        );
        // A pause is a long distance, until it is forgotten.
        let paused = pyramid(10).chain(pyramid(10).map(|(place, frame)| (place + 1_000, frame)));
        assert!(skipped(paused, gap(100)) < skipped(pyramid(20), gap(100)));
    }

    #[test]
    fn of_key_frames_alone_the_limit_chooses() {
        let only_key_frames = || (0..130).map(|place| (place, Key));
        // Every fifth frame of the last hundred.
        let skips = skipped(only_key_frames(), gap(200));
        assert!((75..=82).contains(&skips), "{skips}");
        // One in ten is common: not even that one may be skipped.
        let common = (0..130).map(|place| match place % 10 {
            0 => (place, Key),
            _ => (place, Reference),
        });
        assert_eq!(skipped(common, gap(200)), 0);
    }

    #[test]
    fn a_frame_behind_a_skipped_key_frame_is_not_decoded() {
        let mut skipping = Skipping::default();
        let mut decide = |place: u64, frame| {
            let time = ClockTime::from_mseconds(place * 40);
            skipping.decide(frame, Some(time), true, gap(10_000))
        };
        let last = (0..100).map(|place| decide(place, Key)).last();
        assert_eq!(last, Some(Decision::Skip));
        assert_eq!(decide(100, Reference), Decision::AwaitKeyFrame);
        assert_eq!(decide(101, Key), Decision::Decode);
        assert_eq!(decide(102, Reference), Decision::Decode);
    }

    #[test]
    fn without_times_nothing_is_skipped() {
        let mut skipping = Skipping::default();
        for frame in [Reference, Disposable].repeat(20) {
            assert_eq!(
                skipping.decide(frame, None, true, gap(100)),
                Decision::Decode
            );
        }
    }
}

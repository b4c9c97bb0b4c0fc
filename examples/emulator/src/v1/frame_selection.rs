// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Selects the frames of a history that an `ovs://` URL stands for. Pure arithmetic.

use std::collections::VecDeque;

use crate::v1::error::{Code, V1Error};
use crate::v1::ovs_url::{Anchor, Direction, Image, Video};

/// By how much the last frame of a segment may be early for its tick.
const MAX_JITTER_MS: f64 = 20.0;

/// The arrival times of the frames in a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameTimes {
    /// The lifetime index of the oldest frame, or of the next one if there is none.
    first: u64,
    /// In milliseconds since the stream's first frame; never decreasing.
    times: VecDeque<u64>,
}

impl FrameTimes {
    /// Adds a frame. Returns its index and its time, which is never before the previous frame's.
    pub(crate) fn push(&mut self, time_ms: u64) -> (u64, u64) {
        let time = time_ms.max(self.newest_time().unwrap_or_default());
        self.times.push_back(time);
        (self.first + self.times.len() as u64 - 1, time)
    }

    /// Removes the oldest frame.
    pub(crate) fn evict(&mut self) {
        if self.times.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The lifetime index of the oldest frame.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number of frames.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn oldest_time(&self) -> Option<u64> {
        self.times.front().copied()
    }

    pub(crate) fn newest_time(&self) -> Option<u64> {
        self.times.back().copied()
    }

    /// How many frames arrived at or after this time.
    pub(crate) fn since(&self, time_ms: u64) -> usize {
        self.times.len() - self.times.partition_point(|time| *time < time_ms)
    }

    /// The frame that an image query stands for, as its position in the history.
    pub(crate) fn image(&self, image: &Image) -> Result<usize, V1Error> {
        let time = match image.at {
            Anchor::Index(index) => return self.exactly(index),
            Anchor::Time(time) => i128::from(time),
            Anchor::Offset(offset) => self.at_offset(offset).ok_or_else(|| self.nothing())?,
        };
        let after = self.before(time);
        let tolerance = i128::from(image.tolerance_ms);
        let distance = |place: &usize| {
            let frame_time = self.times.get(*place).copied().unwrap_or_default();
            (i128::from(frame_time) - time).abs()
        };
        let forward = Some(after).filter(|place| *place < self.times.len());
        // A frame at exactly that time is a match for `backward` too.
        let backward = match forward {
            Some(place) if distance(&place) == 0 => Some(place),
            _ => after.checked_sub(1),
        };
        let found = match image.direction {
            Direction::Forward => forward,
            Direction::Backward => backward,
            Direction::Nearest => [backward, forward]
                .into_iter()
                .flatten()
                .min_by_key(distance),
        };
        found
            .filter(|place| distance(place) <= tolerance)
            .ok_or_else(|| {
                let message = format!("No retained frame is within {tolerance} ms of that time");
                V1Error::chat(Code::SegmentEmpty, message)
            })
    }

    /// The frames that a video query stands for, as their positions in the history.
    pub(crate) fn video(&self, video: &Video) -> Result<Vec<usize>, V1Error> {
        let start = self.bound(video.start)?;
        if let Bound::Index(index) = start
            && index > self.newest_index()
        {
            return Err(self.not_yet(index));
        }
        let end = match video.end {
            // Until now: this includes the newest frame.
            None | Some(Anchor::Offset(0)) => None,
            Some(end) => Some(self.bound(end)?),
        };
        let from = self.place(start);
        let to = end.map_or(self.times.len(), |end| self.place(end));
        let backwards = match (start, end) {
            (_, None) => false,
            (Bound::Index(start), Some(Bound::Index(end))) => end <= start,
            (Bound::Time(start), Some(Bound::Time(end))) => end <= start,
            (_, Some(_)) => to < from,
        };
        if backwards {
            return Err(V1Error::chat(
                Code::SegmentInvalid,
                "The end of the segment is at or before its start",
            ));
        }
        if from >= to {
            return Err(self.nothing());
        }
        Ok(self.thinned(from, to, video.max_fps))
    }

    fn exactly(&self, index: i64) -> Result<usize, V1Error> {
        let index = self.lifetime(index);
        if index < 0 {
            // There never was such a frame.
            return Err(self.nothing());
        }
        if index > self.newest_index() {
            return Err(self.not_yet(index));
        }
        usize::try_from(index - i128::from(self.first)).map_err(|_| {
            let first = self.first;
            let message = format!("Frame {index} has been evicted: the oldest is {first}");
            V1Error::chat(Code::FrameEvicted, message)
        })
    }

    fn lifetime(&self, index: i64) -> i128 {
        let index = i128::from(index);
        if index < 0 {
            self.newest_index() + 1 + index
        } else {
            index
        }
    }

    /// -1 if there was no frame yet.
    fn newest_index(&self) -> i128 {
        i128::from(self.first) + self.times.len() as i128 - 1
    }

    fn at_offset(&self, offset: i64) -> Option<i128> {
        let from = if offset < 0 {
            self.newest_time()
        } else {
            self.oldest_time()
        };
        Some(i128::from(from?) + i128::from(offset))
    }

    fn bound(&self, anchor: Anchor) -> Result<Bound, V1Error> {
        Ok(match anchor {
            Anchor::Index(index) => Bound::Index(self.lifetime(index)),
            Anchor::Time(time) => Bound::Time(time.into()),
            Anchor::Offset(offset) => {
                Bound::Time(self.at_offset(offset).ok_or_else(|| self.nothing())?)
            }
        })
    }

    /// The position of the first frame that is not before the bound.
    fn place(&self, bound: Bound) -> usize {
        match bound {
            Bound::Time(time) => self.before(time),
            Bound::Index(index) => {
                let place = (index - i128::from(self.first)).max(0);
                usize::try_from(place).map_or(self.times.len(), |p| p.min(self.times.len()))
            }
        }
    }

    /// How many frames are before this time.
    fn before(&self, time: i128) -> usize {
        self.times.partition_point(|of| i128::from(*of) < time)
    }

    /// Selects at most `max_fps` frames a second: those that are nearest to the ticks of a clock that starts
    /// with the first frame. If the stream has just this rate, all frames stay, however irregular their times
    /// are.
    fn thinned(&self, from: usize, to: usize, max_fps: f64) -> Vec<usize> {
        let time = |place: usize| self.times.get(place).copied().unwrap_or_default() as f64;
        let period = 1_000.0 / max_fps;
        // Times are whole milliseconds.
        if period <= 1.0 {
            return (from..to).collect();
        }
        let mut kept = Vec::new();
        let (start, last) = (time(from), time(to - 1));
        let (mut place, mut tick) = (from, start);
        let slack = (period / 2.0).min(MAX_JITTER_MS);
        while tick <= last + slack {
            while place + 1 < to && (time(place + 1) - tick).abs() < (time(place) - tick).abs() {
                place += 1;
            }
            let near = (time(place) - tick).abs() <= period / 2.0;
            if near && kept.last() != Some(&place) {
                kept.push(place);
            }
            tick += period;
        }
        kept
    }

    fn nothing(&self) -> V1Error {
        V1Error::chat(
            Code::SegmentEmpty,
            "No retained frames matched the media URL",
        )
    }

    fn not_yet(&self, index: i128) -> V1Error {
        let message = format!("Frame {index} has not arrived yet");
        V1Error::chat(Code::FrameNotYetProduced, message)
    }
}

#[derive(Clone, Copy)]
enum Bound {
    Index(i128),
    Time(i128),
}

#[cfg(test)]
#[path = "frame_selection_tests.rs"]
mod tests;

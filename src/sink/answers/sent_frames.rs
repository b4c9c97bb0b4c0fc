// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The frames that were sent of late, and which of them an answer is about. The service does not name the frame, so the
//! answer is about one of those that may have been its newest one at that time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::ClockTime;

/// Frames that are kept: more than a minute at 30 frames per second. Most answers come within some seconds.
const MAX_FRAMES: usize = 2048;
/// The longest time, besides the way through the network, that the service may need until it has a frame: its jitter
/// buffer and its decoder, and a LiveKit server on the way. It is estimated.
const MAX_SERVICE_DELAY: Duration = Duration::from_millis(150);
/// The round trip while it is not measured: longer than most.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(200);

/// A measured round trip may be too long by this: on a busy machine, reports wait.
const ROUND_TRIP_ERROR: Duration = Duration::from_millis(30);

/// A frame that was sent.
#[derive(Debug, Clone, Copy)]
pub struct FrameTimes {
    /// When its first packet was sent.
    pub begun: Instant,
    /// When its last packet was sent.
    pub sent: Instant,
    /// When it was captured.
    pub captured: Instant,
    /// Its timestamp in the application's running time, if it had one.
    pub running_time: Option<ClockTime>,
}

/// What is known about the moment that an answer is about.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The service took the newest frame that it had at this time, or this much before: see [`Taken`].
    pub taken: Taken,
    /// The time from the end of what the answer is about to that frame.
    pub end_offset: Duration,
    /// The last frame that the model saw may be so much older than that.
    pub thinned_by: Duration,
    /// Of the connection, if it is measured.
    pub round_trip: Option<Duration>,
}

/// When the service took a frame.
#[derive(Debug, Clone, Copy)]
pub enum Taken {
    /// The service says how old the frame was when the answer left. So this is too late by a round trip: by the time that
    /// the answer needed, and the frame before.
    Reported(Instant),
    /// The element requested the answer at this time, and then the request needed half a round trip.
    Requested {
        asked: Instant,
        /// How long before the request the newest frame had been sent that the service surely had, if the network is
        /// as fast for frames as for requests.
        frame_arrival: Duration,
    },
}

/// The running time of the frame that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTime {
    pub time: ClockTime,
    /// How far the other frames are that it may be about. Zero: there is no other.
    pub accuracy: ClockTime,
}

/// The newest frames.
#[derive(Debug, Default)]
pub struct SentFrames(VecDeque<FrameTimes>);

impl SentFrames {
    pub fn add(&mut self, frame: FrameTimes) {
        if self.0.len() == MAX_FRAMES {
            self.0.pop_front();
        }
        self.0.push_back(frame);
    }

    /// The newest frame that was sent at or before `then`.
    pub fn sent_by(&self, then: Instant) -> Option<&FrameTimes> {
        self.0.iter().rev().find(|frame| frame.sent <= then)
    }

    /// The frame that an answer is about. `None`: no frame of that time is known, or it had no timestamp.
    pub fn of_answer(&self, moment: &Moment) -> Option<CaptureTime> {
        let round_trip = moment.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP);
        let measured = moment.round_trip.unwrap_or_default();
        let (newest, likely, latest) = match moment.taken {
            Taken::Reported(at) => {
                let likely = at.checked_sub(measured.saturating_sub(ROUND_TRIP_ERROR))?;
                // The service may count from the first packet of the frame.
                let begun = |frame: &&FrameTimes| frame.begun <= likely;
                (self.0.iter().rev().find(begun), likely, at)
            }
            Taken::Requested {
                asked,
                frame_arrival,
            } => {
                let likely = asked.checked_sub(frame_arrival)?;
                (self.sent_by(likely), likely, asked + round_trip)
            }
        };
        let earliest = likely.checked_sub(round_trip + MAX_SERVICE_DELAY)?;
        let surely_there = self.sent_by(earliest);
        let between = |frame: &&FrameTimes| frame.sent > earliest && frame.begun <= latest;
        let candidates = || {
            surely_there
                .into_iter()
                .chain(self.0.iter().filter(between))
        };
        let newest = newest.or_else(|| candidates().next())?;
        let shown = self.shown(newest, moment.end_offset)?;
        let time = shown.running_time?;
        let distance = |frame: &FrameTimes| {
            let last = self.shown(frame, moment.end_offset)?;
            let oldest = self.oldest_within(last, moment.thinned_by);
            let distances =
                [last.running_time?, oldest.running_time?].map(|other| other.absdiff(time));
            distances.into_iter().max()
        };
        let accuracy = candidates().filter_map(distance).max();
        Some(CaptureTime {
            time,
            accuracy: accuracy.unwrap_or_default(),
        })
    }

    /// The oldest frame that was captured at most this long before a frame.
    fn oldest_within<'a>(&'a self, last: &'a FrameTimes, time: Duration) -> &'a FrameTimes {
        let is_within = |frame: &&FrameTimes| frame.captured + time >= last.captured;
        let is_before = |frame: &&FrameTimes| frame.captured <= last.captured;
        self.0
            .iter()
            .filter(is_before)
            .find(is_within)
            .unwrap_or(last)
    }

    /// The last frame of a clip that ends this long before a frame.
    fn shown(&self, newest: &FrameTimes, end_offset: Duration) -> Option<&FrameTimes> {
        let end = newest.captured.checked_sub(end_offset)?;
        let distance = |frame: &&FrameTimes| {
            let later = frame.captured.saturating_duration_since(end);
            later.max(end.saturating_duration_since(frame.captured))
        };
        self.0.iter().rev().min_by_key(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Frames each `interval` ms, which are sent 10 ms after their capture, up to 10 s.
    fn frames(start: Instant, interval: u64) -> SentFrames {
        let mut frames = SentFrames::default();
        for at in (0..10_000).step_by(interval as usize) {
            frames.add(FrameTimes {
                begun: start + MS(at + 10),
                sent: start + MS(at + 10),
                captured: start + MS(at),
                running_time: Some(ClockTime::from_mseconds(5_000 + at)),
            });
        }
        frames
    }

    fn found(frames: &SentFrames, taken: Taken, end_offset: u64, trip: Option<u64>) -> (u64, u64) {
        let moment = Moment {
            taken,
            end_offset: MS(end_offset),
            thinned_by: Duration::ZERO,
            round_trip: trip.map(MS),
        };
        let CaptureTime { time, accuracy } = frames.of_answer(&moment).expect("a frame");
        (time.mseconds() - 5_000, accuracy.mseconds())
    }

    #[test]
    fn a_frame_with_no_other_near_it_is_known_exactly() {
        let start = Instant::now();
        let frames = frames(start, 1_000);
        let reported = |ms| Taken::Reported(start + MS(ms));
        assert_eq!(found(&frames, reported(3_400), 0, Some(20)), (3_000, 0));
        // The frame of second 3 was sent just before, and the service may not have had it.
        assert_eq!(found(&frames, reported(3_030), 0, Some(20)), (3_000, 1_000));
        // The first frame of all.
        assert_eq!(found(&frames, reported(15), 0, Some(20)), (0, 0));
        let requested = |ms| Taken::Requested {
            asked: start + MS(ms),
            frame_arrival: MS(20),
        };
        assert_eq!(found(&frames, requested(3_400), 0, Some(20)), (3_000, 0));
        assert_eq!(
            found(&frames, requested(3_995), 0, Some(20)),
            (3_000, 1_000)
        );
        // What the answer is about ended two seconds before the newest frame.
        assert_eq!(found(&frames, requested(5_400), 2_000, Some(1)), (3_000, 0));
    }

    #[test]
    fn the_accuracy_grows_with_the_round_trip() {
        let start = Instant::now();
        let frames = frames(start, 40);
        // Sent at 4050, and the answer needed 25 ms.
        let taken = Taken::Reported(start + MS(4_080));
        assert_eq!(found(&frames, taken, 0, Some(0)), (4_040, 120));
        assert_eq!(found(&frames, taken, 0, Some(50)), (4_040, 200));
        // The round trip is not known.
        assert_eq!(found(&frames, taken, 0, None), (4_040, 320));
    }

    #[test]
    fn a_clip_may_have_been_thinned_out() {
        let start = Instant::now();
        let frames = frames(start, 200);
        let moment = |thinned_by| Moment {
            taken: Taken::Reported(start + MS(4_190)),
            end_offset: Duration::ZERO,
            thinned_by: MS(thinned_by),
            round_trip: Some(Duration::ZERO),
        };
        let accuracy = |thinned_by| {
            let found = frames.of_answer(&moment(thinned_by)).expect("a frame");
            assert_eq!(found.time.mseconds(), 9_000);
            found.accuracy.mseconds()
        };
        assert_eq!([accuracy(0), accuracy(150), accuracy(450)], [0, 0, 400]);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let start = Instant::now();
        let moment = |ms| Moment {
            taken: Taken::Reported(start + MS(ms)),
            end_offset: Duration::ZERO,
            thinned_by: Duration::ZERO,
            round_trip: Some(MS(5)),
        };
        assert_eq!(SentFrames::default().of_answer(&moment(100)), None);
        let mut untimed = SentFrames::default();
        untimed.add(FrameTimes {
            begun: start,
            sent: start,
            captured: start,
            running_time: None,
        });
        assert_eq!(untimed.of_answer(&moment(100)), None);
        let mut many = frames(start, 1);
        assert!(many.0.len() <= MAX_FRAMES);
        // Before the frames that are kept.
        many.0.drain(..100);
        assert_eq!(many.of_answer(&moment(1)), None);
    }
}

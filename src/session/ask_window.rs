// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The time in which questions are asked that wait for events: from an event until a while after the last one. Nothing
//! here reads the clock.

use std::time::{Duration, Instant};

/// Something that is to be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Counted from 1.
    pub number: u64,
    pub at: Instant,
    /// The first question about it covers the video from this time on.
    pub since: Instant,
}

/// The events of a run.
#[derive(Debug, Clone, Default)]
pub struct AskWindow {
    newest: Option<Event>,
    /// When the window was opened, and when it ends.
    open: Option<(Instant, Instant)>,
    /// The number of the newest event about which an answer has come.
    answered: u64,
}

impl AskWindow {
    /// An event opens the window, or extends it. `before`: how far back the first question about it reaches.
    pub fn add_event(&mut self, at: Instant, before: Duration, after: Duration) {
        let number = self.newest.map_or(0, |newest| newest.number) + 1;
        let since = at.checked_sub(before).unwrap_or(at);
        self.newest = Some(Event { number, at, since });
        let (opened, end) = match self.open.filter(|(_, end)| at <= *end) {
            Some((opened, end)) => (opened, end.max(at + after)),
            None => (at, at + after),
        };
        self.open = Some((opened, end));
    }

    /// Something goes on that is asked about: it is an event if the window is closed, and extends it else. Returns whether
    /// it is an event.
    pub fn goes_on(&mut self, at: Instant, after: Duration) -> bool {
        match &mut self.open {
            Some((_, end)) if at <= *end => {
                *end = (*end).max(at + after);
                false
            }
            _ => {
                self.add_event(at, Duration::ZERO, after);
                true
            }
        }
    }

    /// The newest event.
    pub fn newest(&self) -> Option<Event> {
        self.newest
    }

    pub fn is_open(&self, now: Instant) -> bool {
        self.open.is_some_and(|(_, end)| now <= end)
    }

    /// When the window opened that is open now, or was at last, and when it ends.
    pub fn times(&self) -> Option<(Instant, Instant)> {
        self.open
    }

    /// An answer has come about the event with this number.
    pub fn answered(&mut self, number: u64) {
        self.answered = self.answered.max(number);
    }

    /// The number of the newest event with an answer; 0: there is none.
    pub fn newest_answered(&self) -> u64 {
        self.answered
    }

    /// Whether an event has no answer so far.
    pub fn is_answer_missing(&self) -> bool {
        self.newest
            .is_some_and(|newest| newest.number > self.answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn events_open_the_window_and_extend_it() {
        let start = Instant::now() + MS(60_000);
        let at = |ms| start + MS(ms);
        let mut window = AskWindow::default();
        assert!(!window.is_open(start) && !window.is_answer_missing());
        window.add_event(at(0), MS(2000), MS(5000));
        let newest = window.newest().expect("an event");
        assert_eq!((newest.number, newest.since), (1, start - MS(2000)));
        assert_eq!(window.times(), Some((start, at(5000))));
        assert!(window.is_open(at(5000)) && !window.is_open(at(5001)));
        // One that comes meanwhile extends it, one that comes later opens another.
        window.add_event(at(4000), MS(0), MS(5000));
        assert_eq!(window.times(), Some((start, at(9000))));
        window.add_event(at(9500), MS(0), MS(5000));
        assert_eq!(window.times(), Some((at(9500), at(14_500))));
        // What goes on is one event.
        assert!(!window.goes_on(at(14_000), MS(1000)));
        assert!(!window.goes_on(at(15_000), MS(1000)));
        assert!(window.goes_on(at(16_001), MS(1000)));
        assert_eq!(window.newest().expect("an event").number, 4);
        assert!(window.is_answer_missing());
        window.answered(4);
        window.answered(1);
        assert_eq!(window.newest_answered(), 4);
        assert!(!window.is_answer_missing());
    }
}

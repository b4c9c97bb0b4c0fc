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

/// The times of a window.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// From here on, video is asked about.
    since: Instant,
    opened: Instant,
    end: Instant,
}

/// The events of a run.
#[derive(Debug, Clone, Default)]
pub struct AskWindow {
    newest: Option<Event>,
    /// The window that is open now, or was at last.
    open: Option<Times>,
    /// The window before it. Answers about it may come later.
    previous: Option<Times>,
    /// The number of the newest event about which an answer has come.
    answered: u64,
}

impl AskWindow {
    /// An event opens the window, or extends it. `before`: how far back the first question about it reaches.
    pub fn add_event(&mut self, at: Instant, before: Duration, after: Duration) {
        let number = self.newest.map_or(0, |newest| newest.number) + 1;
        let since = at.checked_sub(before).unwrap_or(at);
        self.newest = Some(Event { number, at, since });
        match &mut self.open {
            Some(open) if at <= open.end => open.end = open.end.max(at + after),
            open => {
                let end = at + after;
                let opened = at;
                self.previous = open.replace(Times { since, opened, end });
            }
        }
    }

    /// Something goes on that is asked about: it is an event if the window is closed, and extends it else. Returns whether
    /// it is an event.
    pub fn goes_on(&mut self, at: Instant, after: Duration) -> bool {
        match &mut self.open {
            Some(open) if at <= open.end => {
                open.end = open.end.max(at + after);
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
        self.open.is_some_and(|open| now <= open.end)
    }

    /// When the window opened that is open now, or was at last, and when it ends.
    pub fn times(&self) -> Option<(Instant, Instant)> {
        self.open.map(|open| (open.opened, open.end))
    }

    /// Whether an answer is wanted that shows video up to this time. The first one that shows an event always is.
    pub fn wants(&self, captured: Instant) -> bool {
        let is_in = |times: &Times| (times.since..=times.end).contains(&captured);
        [self.open, self.previous].iter().flatten().any(is_in) || self.is_shown_first(captured)
    }

    /// Whether this is the first answer that shows the newest event.
    pub fn is_shown_first(&self, captured: Instant) -> bool {
        self.is_answer_missing() && self.newest.is_some_and(|newest| captured >= newest.at)
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

    #[test]
    fn answers_are_wanted_about_the_windows_and_about_each_event_once() {
        let start = Instant::now() + MS(60_000);
        let at = |ms| start + MS(ms);
        let mut window = AskWindow::default();
        assert!(!window.wants(start));
        window.add_event(at(0), MS(2000), MS(5000));
        assert!(!window.wants(start - MS(2001)) && window.wants(start - MS(2000)));
        assert!(!window.is_shown_first(start - MS(1)) && window.is_shown_first(at(0)));
        window.answered(1);
        assert!(window.wants(at(5000)) && !window.wants(at(5001)));
        // An answer about the window before may come later.
        window.add_event(at(9000), MS(1000), MS(0));
        assert!(window.wants(at(5000)) && window.wants(at(8000)) && !window.wants(at(7999)));
        // One at least shows the event.
        assert!(window.wants(at(20_000)));
        window.answered(2);
        assert!(!window.wants(at(20_000)));
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a question has to ask about events: each is asked about once at least. In a closed window an event is asked
//! about at once. In an open window the next tick asks about it, or the end of the window if that is earlier, so that
//! many events do not cause many requests. Nothing here reads the clock.

use std::time::{Duration, Instant};

use crate::session::ask_window::{AskWindow, Event};

/// An event is asked about once a frame was sent that was captured after it, or after this time if the source has
/// stalled.
const FRAME_WAIT: Duration = Duration::from_secs(1);
/// How often to look whether there is such a frame.
const FRAME_POLL: Duration = Duration::from_millis(20);

/// Why a question is asked, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The window is closed: nothing is asked.
    None,
    /// The frame that shows the event is awaited.
    AwaitsFrame,
    /// The window is open.
    Tick,
    /// An event is asked about for the first time. The question covers the video from this time on.
    Event(Instant),
}

/// The events of one question.
#[derive(Debug, Default)]
pub struct AwaitedEvents {
    /// The number of the newest event that is known here.
    known: u64,
    /// Events since the last request.
    waiting: Option<Waiting>,
    /// The event that the request under way is about.
    asked: Option<Event>,
    asked_at: Option<Instant>,
}

/// Events that are asked about together: the time of the first one's video, and the number of the newest one.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    event: Event,
    /// When to ask at the latest. `None`: at the next tick.
    ask_by: Option<Instant>,
    /// Since when the frame that shows them is awaited, and when to look for it again.
    awaits_frame: Option<(Instant, Instant)>,
}

impl AwaitedEvents {
    /// For a question that does not wait for the events up to the one with this number.
    pub fn after(number: u64) -> Self {
        Self {
            known: number,
            ..Self::default()
        }
    }

    /// Follows new events.
    pub fn follow(&mut self, window: &AskWindow) {
        let (Some(newest), Some((opened, end))) = (window.newest(), window.times()) else {
            return;
        };
        if newest.number <= self.known {
            return;
        }
        self.known = newest.number;
        let is_asked_already = self.asked_at.is_some_and(|at| at >= opened);
        let ask_by = match is_asked_already {
            true => end,
            false => newest.at,
        };
        let first = self.waiting.map_or(newest, |waiting| waiting.event);
        self.waiting = Some(Waiting {
            event: Event {
                since: first.since.min(newest.since),
                ..newest
            },
            ask_by: Some(ask_by),
            // Events that come faster than frames do not hold the question up.
            awaits_frame: self.waiting.and_then(|waiting| waiting.awaits_frame),
        });
    }

    /// When the question is due, if its schedule names this time.
    pub fn due(&self, tick: Instant) -> Instant {
        let Some(waiting) = self.waiting else {
            return tick;
        };
        let due = waiting.ask_by.map_or(tick, |ask_by| ask_by.min(tick));
        let look_at = waiting.awaits_frame.map(|(_, look_at)| look_at);
        look_at.map_or(due, |look_at| look_at.max(due))
    }

    /// Whether to ask now, the question being due. `newest`: when the newest frame that was sent was captured.
    pub fn reason(&mut self, window: &AskWindow, newest: Option<Instant>, now: Instant) -> Reason {
        let Some(waiting) = &mut self.waiting else {
            return match window.is_open(now) {
                true => Reason::Tick,
                false => Reason::None,
            };
        };
        let event = waiting.event;
        let since = waiting.awaits_frame.map_or(now, |(since, _)| since);
        if newest.is_none_or(|newest| newest < event.at) && now < since + FRAME_WAIT {
            waiting.awaits_frame = Some((since, now + FRAME_POLL));
            return Reason::AwaitsFrame;
        }
        Reason::Event(event.since)
    }

    /// Whether an event has not been asked about.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The schedule alone says when to ask: the stream has just begun, or a request has failed.
    pub fn wait_for_tick(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.ask_by = None;
        }
    }

    /// A request is under way.
    pub fn asked(&mut self, now: Instant) {
        self.asked = self.waiting.take().map(|waiting| waiting.event);
        self.asked_at = Some(now);
    }

    /// The answer has come. Returns the number of the event that it is about.
    pub fn answered(&mut self) -> Option<u64> {
        self.asked.take().map(|event| event.number)
    }

    /// The request failed: its event is asked about again. Returns whether an event waits for that.
    pub fn failed(&mut self) -> bool {
        if let Some(asked) = self.asked.take() {
            let newest = self.waiting.map_or(asked, |waiting| waiting.event);
            self.waiting = Some(Waiting {
                event: Event {
                    since: asked.since.min(newest.since),
                    ..newest
                },
                ask_by: None,
                awaits_frame: None,
            });
        }
        self.wait_for_tick();
        self.is_waiting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const BEFORE: Duration = Duration::from_millis(2000);
    const AFTER: Duration = Duration::from_millis(5000);

    struct Bed {
        start: Instant,
        window: AskWindow,
        events: AwaitedEvents,
    }

    impl Bed {
        fn new() -> Self {
            Self {
                start: Instant::now() + MS(60_000),
                window: AskWindow::default(),
                events: AwaitedEvents::default(),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + MS(ms)
        }

        fn event(&mut self, ms: u64) {
            self.window.add_event(self.at(ms), BEFORE, AFTER);
            self.events.follow(&self.window);
        }

        /// The reason at this time, with a frame of this time.
        fn reason(&mut self, ms: u64) -> Reason {
            let now = self.at(ms);
            self.events.reason(&self.window, Some(now), now)
        }

        /// When a question with a tick at this time is due.
        fn due(&self, tick: u64) -> u64 {
            let due = self.events.due(self.at(tick)) - self.start;
            due.as_millis() as u64
        }
    }

    #[test]
    fn an_event_is_asked_about_at_once_and_the_window_has_an_end() {
        let mut bed = Bed::new();
        assert_eq!(bed.reason(0), Reason::None);
        assert_eq!(bed.due(60_000), 60_000);
        bed.event(10_000);
        assert_eq!(bed.due(60_000), 10_000);
        let since = bed.at(8000);
        assert_eq!(bed.reason(10_000), Reason::Event(since));
        bed.events.asked(bed.at(10_000));
        assert_eq!(bed.events.answered(), Some(1));
        assert_eq!(bed.reason(11_000), Reason::Tick);
        assert_eq!(bed.reason(15_001), Reason::None);
    }

    #[test]
    fn events_in_an_open_window_are_asked_about_together_at_its_end() {
        let mut bed = Bed::new();
        bed.event(10_000);
        bed.events.asked(bed.at(10_000));
        // Also while an answer is awaited.
        bed.event(12_000);
        bed.events.answered();
        bed.event(13_000);
        assert_eq!(bed.due(11_000), 11_000);
        assert_eq!(bed.due(60_000), 18_000);
        let since = bed.at(10_000);
        assert_eq!(bed.reason(18_001), Reason::Event(since));
        bed.events.asked(bed.at(18_001));
        assert_eq!(bed.events.answered(), Some(3));
        assert_eq!(bed.reason(18_002), Reason::None);
    }

    #[test]
    fn the_frame_that_shows_the_event_is_awaited() {
        let mut bed = Bed::new();
        bed.event(10_000);
        let (now, since) = (bed.at(10_000), bed.at(8000));
        for newest in [None, Some(bed.at(9999))] {
            let reason = bed.events.reason(&bed.window, newest, now);
            assert_eq!(reason, Reason::AwaitsFrame);
        }
        // The tick has passed, but there is no frame yet.
        assert_eq!(bed.due(9000), 10_020);
        let newest = Some(bed.at(9999));
        let reason = bed.events.reason(&bed.window, newest, now + FRAME_WAIT);
        assert_eq!(reason, Reason::Event(since));
    }

    #[test]
    fn a_failed_request_is_repeated_by_the_schedule() {
        let mut bed = Bed::new();
        bed.event(10_000);
        bed.events.asked(bed.at(10_000));
        bed.event(11_000);
        bed.events.failed();
        // After a pause, although the window ends before.
        assert_eq!(bed.due(20_000), 20_000);
        let since = bed.at(8000);
        assert_eq!(bed.reason(20_000), Reason::Event(since));
        bed.events.asked(bed.at(20_000));
        assert_eq!(bed.events.answered(), Some(2));
    }

    #[test]
    fn a_new_stream_asks_about_what_has_no_answer() {
        let mut bed = Bed::new();
        bed.event(10_000);
        bed.events = AwaitedEvents::after(bed.window.newest_answered());
        bed.events.follow(&bed.window);
        assert!(bed.events.is_waiting());
        bed.window.answered(1);
        bed.events = AwaitedEvents::after(bed.window.newest_answered());
        bed.events.follow(&bed.window);
        assert!(!bed.events.is_waiting());
    }
}

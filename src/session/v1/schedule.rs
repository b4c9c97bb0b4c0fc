// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! When a question is asked next. Nothing here reads the clock: the caller passes the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::awaited_event::AwaitedEvents;
use crate::session::protocol::Processing;
use crate::session::question::{Moment, Question};
use crate::session::retry::Backoff;

/// The shortest time between two requests: `delay-seconds=0` asks as fast as answers come.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Pauses of 0.5, 1, 2, 4, 8 s after failures in a row.
const FAILURE_PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));

/// A question that is asked again and again.
#[derive(Debug)]
pub struct ScheduledQuestion {
    /// Its number in this stream. The element's own question has 0.
    id: usize,
    question: Arc<Question>,
    /// `None` before the first picture, and after a refusal that ends the question.
    schedule: Option<Schedule>,
    /// What the last request was about.
    subject: Option<Subject>,
    /// Whether the last request was answered.
    answered: bool,
    /// The events that it waits for, if it waits for any.
    pub events: AwaitedEvents,
}

/// What a request is about. Two requests about the same subject get the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub prompt: String,
    /// What is to be seen in the newest frame; `None` before the first frame.
    pub scene: Option<Instant>,
}

impl ScheduledQuestion {
    pub fn new(id: usize, question: Arc<Question>) -> Self {
        Self {
            id,
            question,
            schedule: None,
            subject: None,
            answered: false,
            events: AwaitedEvents::default(),
        }
    }

    pub fn id(&self) -> usize {
        self.id
    }

    pub fn question(&self) -> &Arc<Question> {
        &self.question
    }

    /// Changes the question: it is asked at once, or after the answer that is awaited.
    pub fn change(&mut self, question: &Arc<Question>, now: Instant) {
        if Arc::ptr_eq(&self.question, question) {
            return;
        }
        self.question = question.clone();
        self.subject = None;
        if let Some(schedule) = &mut self.schedule {
            schedule.change(&question.processing, now);
        }
    }

    /// Starts the schedule of a stream whose first picture came now.
    pub fn start(&mut self, now: Instant) {
        self.schedule = Some(Schedule::new(&self.question.processing, now));
        self.events.wait_for_tick();
    }

    /// Never asks this question again.
    pub fn stop(&mut self) {
        self.schedule = None;
    }

    /// When the question is due; `None` while a request is under way.
    pub fn due(&self) -> Option<Instant> {
        let tick = self.schedule.as_ref()?.due()?;
        Some(self.events.due(tick))
    }

    /// Does not ask now: waits for the next tick.
    pub fn skip(&mut self, now: Instant) {
        if let Some(schedule) = &mut self.schedule {
            schedule.skip(now);
        }
    }

    /// Whether to send a request about this subject now, the question being due. A request that repeats
    /// an answered one would cost as much and bring nothing new (the source stands still or has
    /// ended, or the scene does not change): then the question waits for its next tick.
    pub fn ask(&mut self, subject: Subject, now: Instant) -> bool {
        let Some(schedule) = &mut self.schedule else {
            return false;
        };
        let repeats = subject.scene.is_some() && self.subject.as_ref() == Some(&subject);
        let is_event = self.events.is_waiting();
        if self.answered && repeats && !is_event {
            schedule.skip(now);
            return false;
        }
        if is_event {
            schedule.tick = now;
        }
        schedule.asked();
        self.events.asked(now);
        self.subject = Some(subject);
        self.answered = false;
        true
    }

    /// The answer has come. Returns the number of the event that it is about, if any.
    pub fn answered(&mut self, now: Instant) -> Option<u64> {
        self.answered = true;
        if let Some(schedule) = &mut self.schedule {
            schedule.answered(now);
        }
        self.events.answered()
    }

    /// The request failed. `asked`: the pause that the service asks for, or zero. Returns the number of failures
    /// in a row and the time to the next request; `None` when the question is not asked any more.
    pub fn failed(&mut self, now: Instant, asked: Duration) -> Option<(u32, Duration)> {
        let is_urgent = self.events.failed();
        let schedule = self.schedule.as_mut()?;
        let failures = schedule.failed(now, asked);
        if is_urgent {
            schedule.due = Some(schedule.not_before);
        }
        let wait = schedule.due().map_or(Duration::ZERO, |due| due - now);
        Some((failures, wait))
    }
}

/// Ticks, and one request at a time. A slow answer skips ticks.
#[derive(Debug)]
struct Schedule {
    interval: Duration,
    /// `None` while a request is under way.
    due: Option<Instant>,
    tick: Instant,
    /// The end of the pause after the last failure.
    not_before: Instant,
    failures: u32,
    /// The question has changed since the request that is under way.
    has_changed: bool,
}

impl Schedule {
    /// For a stream whose first picture came now. A clip is asked about once it is full.
    fn new(processing: &Processing, now: Instant) -> Self {
        let interval = Duration::try_from_secs_f64(processing.interval_seconds());
        let first = now + Moment::of(processing).window;
        Self {
            interval: interval.unwrap_or_default().max(MIN_INTERVAL),
            due: Some(first),
            tick: first,
            not_before: first,
            failures: 0,
            has_changed: false,
        }
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Changes the interval. The pictures of a clip are there already.
    fn change(&mut self, processing: &Processing, now: Instant) {
        let changed = Self::new(processing, now);
        *self = Self {
            due: self.due.map(|_| now),
            has_changed: self.due.is_none(),
            tick: now,
            ..changed
        };
    }

    /// A request is under way.
    fn asked(&mut self) {
        self.due = None;
    }

    /// The answer has come: the next request is due at the next tick, or now if the question has changed meanwhile.
    fn answered(&mut self, now: Instant) {
        self.failures = 0;
        self.skip(now);
    }

    fn skip(&mut self, now: Instant) {
        self.due = Some(self.next_tick(now));
    }

    /// The request failed: the next one is due at the next tick, and not before the pause of [`FAILURE_PAUSES`]
    /// and the one that the service asks for. Returns the number of failures in a row.
    fn failed(&mut self, now: Instant, asked: Duration) -> u32 {
        self.not_before = now + FAILURE_PAUSES.pause(self.failures).max(asked);
        self.failures += 1;
        self.due = Some(self.next_tick(now).max(self.not_before));
        self.failures
    }

    fn next_tick(&mut self, now: Instant) -> Instant {
        if std::mem::take(&mut self.has_changed) {
            self.tick = now;
            return now;
        }
        let passed = now.saturating_duration_since(self.tick).as_nanos() / self.interval.as_nanos();
        let ticks = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
        self.tick += self.interval.saturating_mul(ticks);
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ask_window::AskWindow;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn frame(interval_seconds: f64) -> Processing {
        Processing::Frame { interval_seconds }
    }

    fn asked(interval_seconds: f64) -> Arc<Question> {
        Arc::new(Question {
            name: None,
            prompt: None,
            processing: frame(interval_seconds),
            models: Vec::new(),
            schema: None,
            max_output_tokens: None,
        })
    }

    #[test]
    fn a_changed_question_is_asked_at_once() {
        let start = Instant::now();
        let mut question = ScheduledQuestion::new(0, asked(60.0));
        question.change(&asked(50.0), start);
        assert_eq!(question.due(), None);
        question.start(start);
        let subject = Subject {
            prompt: "What?".to_owned(),
            scene: Some(start),
        };
        assert!(question.ask(subject.clone(), start));
        question.change(&asked(40.0), start + MS(1000));
        // An answer is awaited.
        assert_eq!(question.due(), None);
        question.answered(start + MS(1500));
        assert_eq!(question.due(), Some(start + MS(1500)));
        assert!(question.ask(subject.clone(), start + MS(1500)));
        question.answered(start + MS(1600));
        assert_eq!(question.due(), Some(start + MS(41_500)));
        let changed = asked(2.0);
        question.change(&changed, start + MS(2000));
        assert_eq!(question.due(), Some(start + MS(2000)));
        // The same frame, but another question.
        assert!(question.ask(subject, start + MS(2000)));
        question.answered(start + MS(2100));
        question.change(&changed, start + MS(2200));
        assert_eq!(question.due(), Some(start + MS(4000)));
    }

    #[test]
    fn an_event_is_asked_about_again_after_the_pause_and_not_at_the_next_tick() {
        let start = Instant::now() + MS(60_000);
        let mut question = ScheduledQuestion::new(0, asked(60.0));
        question.start(start);
        let subject = Subject {
            prompt: "What?".to_owned(),
            scene: None,
        };
        assert!(question.ask(subject.clone(), start));
        question.failed(start, Duration::ZERO);
        assert_eq!(question.due(), Some(start + MS(60_000)));
        let mut window = AskWindow::default();
        window.add_event(start + MS(1000), MS(0), MS(0));
        question.events.follow(&window);
        assert_eq!(question.due(), Some(start + MS(1000)));
        assert!(question.ask(subject.clone(), start + MS(1000)));
        question.failed(start + MS(1100), Duration::ZERO);
        // The second failure in a row.
        assert_eq!(question.due(), Some(start + MS(2100)));
        assert!(question.ask(subject, start + MS(2100)));
        assert_eq!(question.answered(start + MS(2200)), Some(1));
    }

    #[test]
    fn a_slow_answer_skips_ticks() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&frame(1.0), start);
        assert_eq!(schedule.due(), Some(start));
        schedule.asked();
        assert_eq!(schedule.due(), None);
        schedule.answered(start + MS(300));
        assert_eq!(schedule.due(), Some(start + MS(1000)));
        schedule.asked();
        schedule.answered(start + MS(3400));
        assert_eq!(schedule.due(), Some(start + MS(4000)));
        // The next tick follows an answer that comes exactly at a tick.
        schedule.answered(start + MS(5000));
        assert_eq!(schedule.due(), Some(start + MS(6000)));
    }

    #[test]
    fn failures_wait_longer_and_longer() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&frame(0.1), start);
        let mut now = start;
        let mut waits = Vec::new();
        for nth in 1..=6 {
            assert_eq!(schedule.failed(now, Duration::ZERO), nth);
            let due = schedule.due().expect("it is asked again");
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000]);
        schedule.answered(now);
        schedule.failed(now, MS(2500));
        assert_eq!(schedule.due(), Some(now + MS(2500)));
    }

    #[test]
    fn clips_are_asked_about_once_full_and_zero_is_no_interval() {
        let start = Instant::now();
        let mut schedule = Schedule::new(
            &Processing::Target {
                target_fps: 6,
                clip_length_seconds: 2.0,
                delay_seconds: 0.0,
            },
            start,
        );
        assert_eq!(schedule.due(), Some(start + MS(2000)));
        schedule.answered(start + MS(2010));
        assert_eq!(schedule.due(), Some(start + MS(2100)));
    }

    #[test]
    fn an_answered_subject_is_not_asked_about_again() {
        let start = Instant::now();
        let mut question = ScheduledQuestion::new(0, asked(1.0));
        let subject = |scene| Subject {
            prompt: "What?".to_owned(),
            scene,
        };
        assert!(!question.ask(subject(None), start));
        question.start(start);
        // While the time of the newest frame is unknown, the pictures may differ.
        assert!(question.ask(subject(None), start));
        question.answered(start);
        assert!(question.ask(subject(None), start));
        question.answered(start);
        assert!(question.ask(subject(Some(start)), start));
        // The first request was not answered.
        question.failed(start, Duration::ZERO);
        assert!(question.ask(subject(Some(start)), start));
        question.answered(start);
        assert!(!question.ask(subject(Some(start)), start));
        assert!(question.due().is_some());
        assert!(question.ask(subject(Some(start + MS(1))), start));
    }
}

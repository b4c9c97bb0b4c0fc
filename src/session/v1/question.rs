//! What is asked about which pictures, and when next. Pure: the clock is the caller's.

use std::time::{Duration, Instant};

use crate::session::protocol::{Mode, Processing};
use crate::session::schema::Schema;

/// Asked again at the soonest: `delay-seconds=0` asks as fast as answers come.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// A question that is asked again and again.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which one it is, where there are several; none: the element's own prompt.
    pub name: Option<String>,
    /// None: the element's own, as it changes.
    pub prompt: Option<String>,
    pub processing: Processing,
    /// Tried in order; none: the stream's.
    pub models: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
}

/// A question that is asked once.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Told by the answer.
    pub serial: u64,
    pub prompt: String,
    pub moment: Moment,
}

/// Which pictures a question is about, from the newest one back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// How far back the newest of them is.
    pub end_offset: Duration,
    /// How long before that the oldest is; zero: one picture.
    pub window: Duration,
    /// Frames a second that are looked at.
    pub max_fps: u32,
}

/// How far from the moment asked for a picture may be: sources are slow, or few frames are sent.
const TOLERANCE: Duration = Duration::from_secs(5);

impl Moment {
    /// The newest that there is, as the schedule has it.
    pub fn of(processing: &Processing) -> Self {
        let (window, max_fps) = match *processing {
            Processing::Frame { .. } => (0.0, 1),
            Processing::Target {
                target_fps,
                clip_length_seconds,
                ..
            } => (clip_length_seconds, target_fps),
            Processing::Sampled {
                fps,
                sampling_ratio,
                clip_length_seconds,
                ..
            } => (
                clip_length_seconds,
                (f64::from(fps) * sampling_ratio + 1e-9).floor().max(1.0) as u32,
            ),
        };
        Self {
            end_offset: Duration::ZERO,
            window: Duration::try_from_secs_f64(window).unwrap_or_default(),
            max_fps,
        }
    }

    pub fn mode(&self) -> Mode {
        match self.window.is_zero() {
            true => Mode::Frame,
            false => Mode::Clip,
        }
    }

    /// The URL of it (protocol, section 2).
    pub fn url(&self, stream_id: &str) -> String {
        let end = self.end_offset.as_millis();
        let what = match (self.window.is_zero(), end) {
            (true, 0) => "frame_index=-1".to_owned(),
            (true, end) => format!(
                "offset_ms=-{end}&tolerance_ms={}&direction=nearest",
                TOLERANCE.as_millis()
            ),
            (false, end) => {
                let start = end + self.window.as_millis();
                let until = match end {
                    0 => String::new(),
                    end => format!("&end_offset_ms=-{end}"),
                };
                format!("start_offset_ms=-{start}{until}&max_fps={}", self.max_fps)
            }
        };
        format!("ovs://streams/{stream_id}?{what}")
    }
}

/// When a question is asked: at ticks, one request at a time. A slow answer skips ticks.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    /// None while it is being asked.
    due: Option<Instant>,
    tick: Instant,
    failures: u32,
}

impl Schedule {
    /// Of a stream whose first picture came now. A clip is asked about once it is full.
    pub fn new(processing: &Processing, now: Instant) -> Self {
        let interval = Duration::try_from_secs_f64(processing.interval_seconds());
        let first = now + Moment::of(processing).window;
        Self {
            interval: interval.unwrap_or_default().max(SHORTEST_INTERVAL),
            due: Some(first),
            tick: first,
            failures: 0,
        }
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is being asked.
    pub fn asked(&mut self) {
        self.due = None;
    }

    /// It was answered: the next tick that is still to come.
    pub fn answered(&mut self, now: Instant) {
        self.failures = 0;
        self.due = Some(self.next_tick(now));
    }

    /// It was not: at the next tick, and not before the pause that the service asks for. Without one
    /// the pauses grow: 0.5, 1, 2, 4, 8 s. Returns how often it has failed in a row.
    pub fn failed(&mut self, now: Instant, pause: Option<Duration>) -> u32 {
        let own = Duration::from_millis(500 << self.failures.min(4));
        self.failures += 1;
        let not_before = now + pause.unwrap_or(own);
        self.due = Some(self.next_tick(now).max(not_before));
        self.failures
    }

    fn next_tick(&mut self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.tick).as_nanos() / self.interval.as_nanos();
        let ticks = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
        self.tick += self.interval.saturating_mul(ticks);
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn frame(interval_seconds: f64) -> Processing {
        Processing::Frame { interval_seconds }
    }

    #[test]
    fn urls_name_the_pictures() {
        let clip = Processing::Target {
            target_fps: 6,
            clip_length_seconds: 0.5,
            delay_seconds: 1.0,
        };
        let ask = |end_ms, window_ms| Moment {
            end_offset: MS(end_ms),
            window: MS(window_ms),
            max_fps: 4,
        };
        for (moment, query) in [
            (Moment::of(&frame(1.0)), "frame_index=-1"),
            (Moment::of(&clip), "start_offset_ms=-500&max_fps=6"),
            (ask(0, 0), "frame_index=-1"),
            (
                ask(5000, 0),
                "offset_ms=-5000&tolerance_ms=5000&direction=nearest",
            ),
            (
                ask(5000, 2000),
                "start_offset_ms=-7000&end_offset_ms=-5000&max_fps=4",
            ),
        ] {
            assert_eq!(moment.url("abc"), format!("ovs://streams/abc?{query}"));
        }
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
        // An answer just at a tick is followed by the next one.
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
            assert_eq!(schedule.failed(now, None), nth);
            let due = schedule.due().expect("it is asked again");
            waits.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000]);
        schedule.answered(now);
        schedule.failed(now, Some(MS(2500)));
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
}

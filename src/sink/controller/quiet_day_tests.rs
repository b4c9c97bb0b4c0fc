// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A quiet day in simulated time: a camera in a yard for 24 h, with a frame and a tick each second. Noise, slow light,
//! clouds, rain, trees and lamps, and a hundred events. It is small: each pixel stands for a block of 20 × 20 pixels of a
//! camera of 640 × 360, and its noise for what is left of that camera's noise in their mean.

use std::f32::consts::TAU;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::session::protocol::Processing;
use crate::session::question::Question;
use crate::session::v1::schedule::{ScheduledQuestion, Subject};
use crate::sink::frames::scene::{Scene, Still};

const WIDTH: usize = 32;
const HEIGHT: usize = 18;
const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;
const DAYS_EVENTS: u32 = 100;

/// What happens, from its first second to its last.
#[derive(Clone, Copy, Debug)]
struct Happening {
    from: u32,
    to: u32,
    /// Width and height in pixels, and the top.
    size: (f32, f32),
    top: f32,
    /// Where its left side is at first, and how far it moves each second.
    left: f32,
    speed: f32,
}

impl Happening {
    /// One of so many events in this time. Each third one is near, at middle distance or far.
    fn nth(nth: u32, events: u32, time: &Range<u32>, random: &mut Random) -> Self {
        let distance = (time.end - time.start) / events;
        let from = time.start + nth * distance + 60 + random.below(distance - 120);
        let nothing = Self {
            from,
            to: from,
            size: (0.0, 0.0),
            top: 0.0,
            left: 0.0,
            speed: 0.0,
        };
        match nth % 10 {
            // Somebody near walks by, runs by, or comes and stands.
            0 | 1 => nothing.moves(7, (2.5, 6.5), 9.0, 4.5),
            2 => nothing.moves(3, (2.5, 6.5), 9.0, 10.0),
            3 => nothing.moves(40, (3.0, 7.5), 8.5, 0.1),
            // At middle distance.
            4 | 5 => nothing.moves(12, (1.2, 3.2), 7.0, 2.0),
            6 => nothing.moves(4, (1.2, 3.2), 7.0, 5.0),
            // Far away: 16 × 40 pixels of the camera.
            7 => nothing.moves(30, (0.8, 2.0), 5.0, 0.75),
            // A bag is left, a car parks.
            8 => nothing.moves(300, (1.0, 1.0), 14.2, 0.0),
            _ => nothing.moves(500, (7.0, 3.0), 10.0, 0.0),
        }
    }

    fn moves(self, seconds: u32, size: (f32, f32), top: f32, speed: f32) -> Self {
        Self {
            to: self.from + seconds,
            size,
            top,
            left: if speed == 0.0 { 15.1 } else { 0.5 },
            speed,
            ..self
        }
    }

    /// Which part of this pixel it covers at this time.
    fn covers(&self, second: u32, x: usize, y: usize) -> f32 {
        let left = self.left + self.speed * (second - self.from) as f32;
        let part = |at: usize, from: f32, size: f32| {
            let (begin, end) = (at as f32, at as f32 + 1.0);
            (end.min(from + size) - begin.max(from)).max(0.0)
        };
        part(x, left, self.size.0) * part(y, self.top, self.size.1)
    }
}

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }
}

struct Yard {
    background: Vec<f32>,
    /// Noise with a standard deviation of 1, to be used from any place on.
    noise: Vec<f32>,
    random: Random,
    happenings: Vec<Happening>,
}

impl Yard {
    fn new(seed: u32, events: u32, time: &Range<u32>) -> Self {
        let mut random = Random(seed);
        let sum_of_twelve = |random: &mut Random| {
            let sum: u32 = (0..12).map(|_| random.below(1000)).sum();
            sum as f32 / 1000.0 - 6.0
        };
        let noise = (0..16_411).map(|_| sum_of_twelve(&mut random)).collect();
        let texture = |index: usize| {
            let (x, y) = ((index % WIDTH) as f32, (index / WIDTH) as f32);
            110.0 + 40.0 * (x * 0.74).sin() * (y * 1.22).cos()
        };
        Self {
            background: (0..WIDTH * HEIGHT).map(texture).collect(),
            noise,
            happenings: (0..events)
                .map(|nth| Happening::nth(nth, events, time, &mut random))
                .collect(),
            random,
        }
    }

    fn frame(&mut self, second: u32) -> Vec<u8> {
        let hour = second as f32 / HOUR as f32;
        // Dawn from 5 to 7, dusk from 19 to 21.
        let sun = ((hour - 5.0) / 2.0).clamp(0.0, 1.0) * ((21.0 - hour) / 2.0).clamp(0.0, 1.0);
        let wave = |seconds: f32| (second as f32 * TAU / seconds).sin();
        let clouds = 1.0 - 0.06 * (wave(173.0) + wave(61.0) + wave(1900.0)).max(0.0);
        let light = 0.15 + 0.85 * sun * clouds;
        // Of a camera with noise of 2 levels by day and 8 by night, of which denoising has made spots.
        let noise = 0.8 - 0.6 * sun;
        let is_raining = (13.0..15.0).contains(&hour) || !(0.5..23.0).contains(&hour);
        // Lamps, at night for some minutes each.
        let is_lit = sun < 0.3 && second % 4000 < 500;
        let offset = self.random.below(10_000) as usize;
        let mut frame: Vec<f32> = self.background.iter().map(|pixel| pixel * light).collect();
        for (pixel, noise_now) in frame.iter_mut().zip(&self.noise[offset..]) {
            *pixel += noise * noise_now;
        }
        if is_lit {
            frame[..WIDTH * HEIGHT / 3]
                .iter_mut()
                .for_each(|pixel| *pixel += 20.0);
        }
        if (10.0..16.0).contains(&hour) {
            // A tree in the wind, at the upper right.
            for (index, pixel) in frame[..5 * WIDTH]
                .iter_mut()
                .enumerate()
                .filter(|(i, _)| i % WIDTH > 22)
            {
                *pixel += 8.0 * (second as f32 * 1.7 + index as f32).sin();
            }
        }
        if is_raining {
            let drop = 1.0 + 1.5 * (1.0 - sun);
            for _ in 0..250 {
                frame[self.random.below((WIDTH * HEIGHT) as u32) as usize] += drop;
            }
        }
        let contrast = 18.0 + 27.0 * sun;
        let now = self
            .happenings
            .iter()
            .filter(|it| (it.from..it.to).contains(&second));
        for happening in now {
            for (index, pixel) in frame.iter_mut().enumerate() {
                let (x, y) = (index % WIDTH, index / WIDTH);
                let covered = happening.covers(second, x, y);
                // Clothes are darker than the yard, or brighter; at night, the lamp of the camera makes them brighter.
                let sign = if happening.from % 2 == 0 && sun > 0.3 {
                    -1.0
                } else {
                    1.0
                };
                *pixel += covered * sign * (contrast + 0.2 * contrast * (y as f32 * 2.0).sin());
            }
        }
        frame.iter().map(|pixel| (pixel + 0.5) as u8).collect()
    }
}

fn caps() -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "GRAY8")
        .field("width", WIDTH as i32)
        .field("height", HEIGHT as i32)
        .field("framerate", gst::Fraction::new(1, 1))
        .build()
}

/// A tenth of the questions, each event at once: with the default settings. `max_delay`: in seconds, of the latest event.
fn look(seed: u32, events: u32, time: Range<u32>, max_delay: usize) {
    gst::init().expect("GStreamer");
    let scene = Scene::new(Still {
        threshold: 8.0,
        after: Duration::from_secs(5),
        // So a question within an event is about the event.
        every: None,
    });
    let mut question = ScheduledQuestion::new(
        0,
        Arc::new(Question {
            name: None,
            prompt: None,
            processing: Processing::Frame {
                interval_seconds: 1.0,
            },
            models: Vec::new(),
            schema: None,
            max_output_tokens: None,
        }),
    );
    let start = Instant::now();
    question.start(start + Duration::from_millis(100));
    let (mut yard, caps) = (Yard::new(seed, events, &time), caps());
    let mut asked = vec![false; DAY as usize];
    for second in time.clone() {
        let at = start + Duration::from_secs(second.into());
        let buffer = gst::Buffer::from_slice(yard.frame(second));
        let sample = gst::Sample::builder().caps(&caps).buffer(&buffer);
        scene.look(&sample.build(), at);
        let tick = at + Duration::from_millis(100);
        assert!(question.due().is_some_and(|due| due <= tick));
        let subject = Subject {
            prompt: String::new(),
            scene: Some(scene.at(at)),
        };
        if question.ask(subject, tick) {
            asked[second as usize] = true;
            question.answered(tick);
        }
    }
    let changes = asked.iter().filter(|asked| **asked).count();
    // With `every=60`, at most so many more.
    let seconds = time.end - time.start;
    let count = changes + (seconds / 60) as usize;
    let share = count as f64 / f64::from(seconds);
    // Without `ask-when`, each second has a question: so the first one comes as late as this.
    let delay = |it: &Happening| (it.from..it.to).position(|second| asked[second as usize]);
    let delays: Vec<_> = yard.happenings.iter().map(delay).collect();
    let missed: Vec<_> = yard
        .happenings
        .iter()
        .zip(&delays)
        .filter(|(_, delay)| delay.is_none())
        .collect();
    let late = delays.iter().flatten().filter(|delay| **delay > 0).count();
    let latest = delays.iter().flatten().max();
    for (it, delay) in yard
        .happenings
        .iter()
        .zip(&delays)
        .filter(|(_, delay)| **delay != Some(0))
    {
        println!("{delay:?} s: {it:?}");
    }
    println!(
        "{changes} questions about changes, with every=60 {count}, {share:.4} of all; {late} of {events} events late, at most {latest:?} s"
    );
    assert!(missed.is_empty(), "{missed:?}");
    // In rain at night, somebody far away.
    assert!(late <= 1 && latest <= Some(&max_delay), "{delays:?}");
    assert!(share <= 0.1, "{share}");
}

#[test]
fn a_quiet_day_costs_a_tenth_and_no_event_is_missed() {
    look(7, DAYS_EVENTS, 0..DAY, 1);
}

/// With rain for the last hour, and lamps that are switched on and off.
#[test]
fn in_the_evening_no_event_is_missed() {
    for seed in [8, 9, 10] {
        look(seed, 30, 20 * HOUR..DAY, 2);
    }
}

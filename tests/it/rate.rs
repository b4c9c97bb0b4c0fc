// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The number of frames that are sent. Each sample of the service finds a frame that it has not sampled before, and
//! only few more frames are sent than that needs.

use std::time::{Duration, Instant};

use crate::common::{KEY, Pipeline, Service};
use overshoot_emulator::{Sample, Stream};

/// The element's settings, and how many samples per second the service then takes.
const CASES: [(&str, f64); 7] = [
    ("target-fps=3 clip-length-seconds=1", 3.0),
    ("target-fps=6 clip-length-seconds=0.5", 6.0),
    ("target-fps=15", 15.0),
    ("target-fps=30", 30.0),
    ("interval-seconds=0.2", 5.0),
    ("interval-seconds=0.5", 2.0),
    ("interval-seconds=1", 1.0),
];

/// The frames that the service got in one stream, and the samples that it took.
struct Sampling {
    frames: Vec<Instant>,
    samples: Vec<Sample>,
    /// Time from one sample to the next.
    period: Duration,
}

/// The result of samplers at every phase for the same frames. The emulator's sampler keeps one phase. With real
/// clocks, which drift, all phases occur.
struct AllPhases {
    samples: usize,
    repeats: usize,
    /// The ages of the sampled frames, sorted.
    ages: Vec<Duration>,
}

impl Sampling {
    fn of(stream: &Stream, sampled_per_second: f64) -> Self {
        let frames: Vec<_> = stream.frames.iter().map(|frame| frame.at).collect();
        let last = *frames.last().expect("frames");
        Self {
            frames,
            // The sampler continues after the last frame; those samples do not count.
            samples: (stream.samples.iter().copied())
                .filter(|sample| sample.at <= last)
                .collect(),
            period: Duration::from_secs_f64(1.0 / sampled_per_second),
        }
    }

    fn sent_per_second(&self) -> f64 {
        let duration = *self.frames.last().expect("frames") - self.frames[0];
        (self.frames.len() - 1) as f64 / duration.as_secs_f64()
    }

    fn repeats(&self) -> usize {
        self.samples.iter().filter(|sample| sample.repeat).count()
    }

    fn all_phases(&self) -> AllPhases {
        const PHASES: u32 = 100;
        let mut result = AllPhases {
            samples: 0,
            repeats: 0,
            ages: Vec::new(),
        };
        let (first, last) = (self.frames[0], self.frames[self.frames.len() - 1]);
        for phase in 0..PHASES {
            let (mut at, mut previous) = (first + self.period * phase / PHASES, None);
            while at <= last {
                let newest = self.frames.partition_point(|frame| *frame <= at) - 1;
                result.samples += 1;
                result.repeats += usize::from(previous == Some(newest));
                result.ages.push(at - self.frames[newest]);
                previous = Some(newest);
                at += self.period;
            }
        }
        result.ages.sort();
        result
    }

    fn summary(&self) -> String {
        let phases = self.all_phases();
        let ms = |percent: usize| phases.ages[(phases.ages.len() - 1) * percent / 100].as_millis();
        format!(
            "{:5.2} sent/s | {:3} samples, {:2} repeats | any phase: {:4.1} % repeats, age p50 {:3} ms, p95 {:3}, max {:3}",
            self.sent_per_second(),
            self.samples.len(),
            self.repeats(),
            phases.repeats as f64 * 100.0 / phases.samples as f64,
            ms(50),
            ms(95),
            ms(100)
        )
    }
}

/// Sends a live source to one stream for each of these settings, all at the same time.
fn run(source_fps: u32, seconds: u32, settings: &[(String, f64)]) -> Vec<Sampling> {
    let service = Service::with(|config| config.max_streams_per_key = settings.len());
    let mut line = format!(
        "videotestsrc is-live=true pattern=ball num-buffers={} \
         ! video/x-raw,format=I420,width=160,height=120,framerate={source_fps}/1 ! tee name=t",
        source_fps * seconds
    );
    for (number, (settings, _)) in settings.iter().enumerate() {
        let name = if number == 0 { "name=o" } else { "" };
        line += &format!(
            " t. ! queue ! overshootsink {name} {settings} prompt={number} api-key={KEY} api-url={}",
            service.url
        );
    }
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(u64::from(seconds) + 20));
    pipeline.stop();
    let seen = service.control.snapshot();
    settings
        .iter()
        .enumerate()
        .map(|(number, (_, sampled))| {
            let prompt = number.to_string();
            let stream = seen.streams.iter().find(|s| s.prompts[0] == prompt);
            Sampling::of(stream.expect("a stream for each"), *sampled)
        })
        .collect()
}

#[test]
fn no_sample_is_missed_and_little_more_is_sent() {
    let settings = CASES.map(|(settings, sampled)| (settings.to_owned(), sampled));
    // There are three runs, because a busy machine sometimes delays a frame. If the rate is too low, each run has
    // missed samples.
    let mut missed = Vec::new();
    for _ in 0..3 {
        missed.clear();
        for (sampling, (settings, sampled)) in run(30, 8, &settings).iter().zip(CASES) {
            println!("{settings:36} {}", sampling.summary());
            assert!(sampling.samples.len() as f64 > 6.0 * sampled, "{settings}");
            // At 30 samples per second each frame of the source is one sample, so repeats are unavoidable.
            if sampled < 30.0 && (sampling.repeats() > 0 || sampling.all_phases().repeats > 0) {
                missed.push(settings);
            }
            let clip = settings.starts_with("target");
            let max = sampled * if clip { 1.35 } else { 1.8 };
            let max = if sampled < 15.0 { max } else { 30.5 };
            assert!(
                sampling.sent_per_second() < max,
                "{settings}: too many frames"
            );
        }
        if missed.is_empty() {
            return;
        }
    }
    panic!("samples were missed with {missed:?}");
}

#[test]
fn an_average_at_the_sampled_rate_misses_samples() {
    // This shows that the test above can fail: six of 25 frames per second cannot be evenly spaced, and some are 200
    // ms apart.
    let settings = "target-fps=6 clip-length-seconds=0.5 max-framerate=6/1".to_owned();
    let samplings = run(25, 4, &[(settings, 6.0)]);
    println!("{}", samplings[0].summary());
    assert!(samplings[0].all_phases().repeats > 0);
}

/// Prints the numbers that the automatic rate was chosen by:
/// `bash tests/run.sh --test rate -- --ignored --nocapture`
#[test]
#[ignore = "measures for four minutes"]
fn measure() {
    for source in [30, 25, 15] {
        for (settings, sampled) in CASES {
            let factors = [1.0, 1.1, 1.25, 1.5, 2.0];
            let mut all: Vec<_> = factors
                .iter()
                .map(|factor| {
                    let thousandths = (sampled * factor * 1_000.0).round();
                    let limited = format!("{settings} max-framerate={thousandths}/1000");
                    (limited, sampled)
                })
                .collect();
            all.push((settings.to_owned(), sampled));
            let names = factors.iter().map(f64::to_string).chain(["auto".into()]);
            for (name, sampling) in names.zip(run(source, 10, &all)) {
                println!(
                    "{source}/s {settings:36} {name:>4} | {}",
                    sampling.summary()
                );
            }
        }
    }
}

#[test]
fn a_still_scene_gets_regular_answers() {
    let caps = "video/x-raw,format=I420,width=320,height=240,framerate=";
    let still = [
        format!("videotestsrc is-live=true pattern=black ! {caps}30/1"),
        format!("videotestsrc is-live=true pattern=black ! {caps}1/1"),
        format!("videotestsrc pattern=smpte num-buffers=1 ! imagefreeze ! {caps}30/1"),
        format!("videotestsrc pattern=smpte num-buffers=1 ! imagefreeze is-live=true ! {caps}5/1"),
    ];
    let services = still.each_ref().map(|_| Service::start());
    let sink = "overshootsink name=o target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5";
    let pipelines: Vec<_> = still
        .iter()
        .zip(&services)
        .map(|(source, service)| Pipeline::new(service, &format!("{source} ! {sink}")))
        .collect();
    for pipeline in &pipelines {
        pipeline.play();
    }
    for (source, service) in still.iter().zip(&services) {
        let seen = service.wait("answers", |seen| {
            seen.streams.first().is_some_and(|s| s.answers.len() >= 4)
        });
        let stream = &seen.streams[0];
        let answers = &stream.answers;
        let longest = answers.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        println!("{source}: at most {:?} between answers", longest);
        // Each new frame causes an answer. The slow source has one frame per second.
        let max = if source.ends_with("=1/1") { 1_500 } else { 750 };
        assert!(
            longest < Some(Duration::from_millis(max)),
            "{source}: {longest:?}"
        );
    }
}

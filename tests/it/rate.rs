//! What is sent is what the service needs: each of its samples finds a frame that it has not
//! sampled before, and few more frames are sent than that takes.

use std::time::{Duration, Instant};

use crate::common::{KEY, Pipeline, Service};
use overshoot_emulator::{Sample, Stream};

/// What is asked for: the element's settings, and how often the service then samples.
const CASES: [(&str, f64); 7] = [
    ("target-fps=3 clip-length-seconds=1", 3.0),
    ("target-fps=6 clip-length-seconds=0.5", 6.0),
    ("target-fps=15", 15.0),
    ("target-fps=30", 30.0),
    ("interval-seconds=0.2", 5.0),
    ("interval-seconds=0.5", 2.0),
    ("interval-seconds=1", 1.0),
];

/// What the service got of one stream, and what it took while frames came.
struct Taken {
    frames: Vec<Instant>,
    samples: Vec<Sample>,
    /// From one sample to the next.
    period: Duration,
}

/// What samplers at every phase would have taken of the same frames. The emulator's has one phase,
/// and keeps it; in the field clocks drift through all of them.
struct Swept {
    samples: usize,
    repeats: usize,
    /// How long ago the frame was decoded, sorted.
    ages: Vec<Duration>,
}

impl Taken {
    fn of(stream: &Stream, sampled_per_second: f64) -> Self {
        let frames: Vec<_> = stream.frames.iter().map(|frame| frame.at).collect();
        let last = *frames.last().expect("frames");
        Self {
            frames,
            // The sampler goes on after the last frame.
            samples: (stream.samples.iter().copied())
                .filter(|sample| sample.at <= last)
                .collect(),
            period: Duration::from_secs_f64(1.0 / sampled_per_second),
        }
    }

    fn sent_per_second(&self) -> f64 {
        let took = *self.frames.last().expect("frames") - self.frames[0];
        (self.frames.len() - 1) as f64 / took.as_secs_f64()
    }

    fn repeats(&self) -> usize {
        self.samples.iter().filter(|sample| sample.repeat).count()
    }

    fn swept(&self) -> Swept {
        const PHASES: u32 = 100;
        let mut swept = Swept {
            samples: 0,
            repeats: 0,
            ages: Vec::new(),
        };
        let (first, last) = (self.frames[0], self.frames[self.frames.len() - 1]);
        for phase in 0..PHASES {
            let (mut at, mut before) = (first + self.period * phase / PHASES, None);
            while at <= last {
                let newest = self.frames.partition_point(|frame| *frame <= at) - 1;
                swept.samples += 1;
                swept.repeats += usize::from(before == Some(newest));
                swept.ages.push(at - self.frames[newest]);
                before = Some(newest);
                at += self.period;
            }
        }
        swept.ages.sort();
        swept
    }

    fn line(&self) -> String {
        let swept = self.swept();
        let ms = |percent: usize| swept.ages[(swept.ages.len() - 1) * percent / 100].as_millis();
        format!(
            "{:5.2} sent/s | {:3} samples, {:2} repeats | any phase: {:4.1} % repeats, age p50 {:3} ms, p95 {:3}, max {:3}",
            self.sent_per_second(),
            self.samples.len(),
            self.repeats(),
            swept.repeats as f64 * 100.0 / swept.samples as f64,
            ms(50),
            ms(95),
            ms(100)
        )
    }
}

/// Sends a live source to one stream for each of these settings, all at once.
fn run(source_fps: u32, seconds: u32, settings: &[(String, f64)]) -> Vec<Taken> {
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
            Taken::of(stream.expect("a stream for each"), *sampled)
        })
        .collect()
}

#[test]
fn no_sample_is_missed_and_little_more_is_sent() {
    let settings = CASES.map(|(settings, sampled)| (settings.to_owned(), sampled));
    // A machine that is busy with something else delays a frame now and then; at a rate that is
    // too low, each run has misses.
    let mut missed = Vec::new();
    for _ in 0..3 {
        missed.clear();
        for (taken, (settings, sampled)) in run(30, 8, &settings).iter().zip(CASES) {
            println!("{settings:36} {}", taken.line());
            assert!(taken.samples.len() as f64 > 6.0 * sampled, "{settings}");
            // Nothing can be done where each frame of the source is one sample.
            if sampled < 30.0 && (taken.repeats() > 0 || taken.swept().repeats > 0) {
                missed.push(settings);
            }
            let clip = settings.starts_with("target");
            let most = sampled * if clip { 1.35 } else { 1.8 };
            let most = if sampled < 15.0 { most } else { 30.5 };
            assert!(
                taken.sent_per_second() < most,
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
    // The test above could not fail if this did not: of 25 frames a second, six cannot be evenly
    // spaced, and some are 200 ms apart.
    let settings = "target-fps=6 clip-length-seconds=0.5 max-framerate=6/1".to_owned();
    let taken = run(25, 4, &[(settings, 6.0)]);
    println!("{}", taken[0].line());
    assert!(taken[0].swept().repeats > 0);
}

/// The figures by which the automatic rate was chosen:
/// `cargo test --test rate -- --ignored --nocapture`
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
            for (name, taken) in names.zip(run(source, 10, &all)) {
                println!("{source}/s {settings:36} {name:>4} | {}", taken.line());
            }
        }
    }
}

#[test]
fn a_still_scene_is_answered_about_again_and_again() {
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
        println!("{source}: {:?} between answers at the most", longest);
        // Each new frame brings one; of the slow source there is one a second.
        let most = if source.ends_with("=1/1") { 1_500 } else { 750 };
        assert!(
            longest < Some(Duration::from_millis(most)),
            "{source}: {longest:?}"
        );
    }
}

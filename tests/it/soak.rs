// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A random sequence of faults, prompt changes and restarts over live pipelines. After each one answers arrive again,
//! no answer is lost while there is a connection, no stream stays open, and memory, threads and descriptors do not
//! grow.
//!
//! `OVERSHOOT_SOAK_SECONDS` (60) is the duration. `OVERSHOOT_SOAK_SEED` repeats a sequence.

use std::collections::HashSet;
use std::fmt::Debug;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use crate::common::process::{
    resident_mib, settled_descriptor_count, settled_other_threads, thread_names,
};
use crate::common::{Pipeline, Random, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

const DEFAULT_SECONDS: u64 = 60;
/// The number of steps with one service and one pipeline. Then both are replaced and the resources are measured.
const STEPS_PER_TEST_BED: usize = 8;
/// Longest time until answers arrive again: the slowest case is a lost lease, followed by some pauses.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// The memory by which the process may grow. The allocator and the emulator's runtime vary by less.
const MAX_GROWTH_MIB: usize = 16;
/// Threads that may stay, one of each: of the element's runtime, of GStreamer, and of GLib.
const LASTING_THREADS: [&str; 4] = ["overshoot", "GstSystemClock", "pool-spawner", "gmain"];

/// The ends of launch lines. Each one uses other parts of the element.
const VIDEO_PATHS: [&str; 3] = [
    "overshootsink name=o",
    "x264enc tune=zerolatency key-int-max=30 ! overshootsink name=o",
    "overshootsink name=o video-caps=video/x-vp8 mode=frame",
];

/// The value of an environment variable, or the default.
fn variable<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|e| panic!("{name}: {e:?}"))
    })
}

/// One event of the sequence.
#[derive(Debug, Clone, Copy)]
enum Step {
    SocketReset,
    SocketClosed,
    SocketRefused,
    StreamEnded,
    StreamEndedAndServerFails,
    StreamEndedAndBusy,
    StreamEndedAndDeaf,
    KeepaliveFails,
    LeaseLost,
    MediaCut,
    Prompts,
    PromptFails,
    Restart,
    RestartWhileConnecting,
    Nothing,
}

const ALL_STEPS: [Step; 15] = [
    Step::SocketReset,
    Step::SocketClosed,
    Step::SocketRefused,
    Step::StreamEnded,
    Step::StreamEndedAndServerFails,
    Step::StreamEndedAndBusy,
    Step::StreamEndedAndDeaf,
    Step::KeepaliveFails,
    Step::LeaseLost,
    Step::MediaCut,
    Step::Prompts,
    Step::PromptFails,
    Step::Restart,
    Step::RestartWhileConnecting,
    Step::Nothing,
];

impl Step {
    /// Whether the step loses the connection, so that answers may be lost.
    fn disconnects(self) -> bool {
        use Step::*;
        !matches!(self, KeepaliveFails | Prompts | PromptFails | Nothing)
    }
}

/// One service and one pipeline.
struct TestBed {
    service: Service,
    pipeline: Pipeline,
    prompt_count: usize,
    /// The periods in which there may have been no connection.
    disturbances: Vec<(Instant, Instant)>,
}

impl TestBed {
    fn start(path: &str) -> Self {
        let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
        let interval = if path.contains("mode=frame") {
            "interval-seconds=0.2"
        } else {
            "delay-seconds=0.2"
        };
        let line = format!(
            "videotestsrc is-live=true pattern=ball \
             ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
             ! {path} {interval} on-error=warn timeout=2000000000"
        );
        let pipeline = Pipeline::new(&service, &line);
        let test_bed = Self {
            service,
            pipeline,
            prompt_count: 0,
            disturbances: Vec::new(),
        };
        test_bed.pipeline.play();
        test_bed.wait_for_recovery(0);
        test_bed
    }

    /// The identifier of the open stream.
    fn stream_id(&self) -> String {
        let seen = self.service.control.snapshot();
        let open = seen.streams.iter().find(|stream| stream.ended.is_none());
        open.expect("a stream is open").id.clone()
    }

    /// Waits until answers arrive again and exactly one stream is open.
    fn wait_for_recovery(&self, answers: usize) {
        self.pipeline
            .wait_for("new answers", RECOVERY_TIMEOUT, |_| {
                (self.pipeline.results().len() > answers + 1).then_some(())
            });
        self.service.wait("one open stream", |seen| {
            let open = seen.streams.iter().filter(|s| s.ended.is_none()).count();
            open == 1
        });
    }

    fn end_stream(&self) {
        let ended = self
            .service
            .control
            .end_stream(&self.stream_id(), EndReason::LeaseExpired);
        assert!(ended, "there was a stream to end");
    }

    fn stop(&self) {
        let elapsed = self.pipeline.stop();
        assert!(
            elapsed < Duration::from_secs(3),
            "stopping took {elapsed:?}"
        );
        let seen = self.service.control.snapshot();
        let open = seen.streams.iter().filter(|s| s.ended.is_none()).count();
        assert_eq!(open, 0, "streams are left open");
    }

    /// Sets another prompt and returns it.
    fn new_prompt(&mut self) -> String {
        self.prompt_count += 1;
        let prompt = format!("prompt {}", self.prompt_count);
        self.pipeline.sink.set_property("prompt", &prompt);
        prompt
    }

    /// Runs a step and waits until answers arrive again.
    fn run(&mut self, step: Step, random: &mut Random) {
        let start = Instant::now();
        let answers = self.pipeline.results().len();
        let control = self.service.control.clone();
        let inject = |call, fault, times| control.inject(call, fault, times);
        match step {
            Step::SocketReset => {
                control.send_on_socket(&self.stream_id(), SocketMessage::Reset);
            }
            Step::SocketClosed => {
                let (code, reason) = (1011, "oops".to_owned());
                let close = SocketMessage::Close { code, reason };
                control.send_on_socket(&self.stream_id(), close);
            }
            Step::SocketRefused => {
                inject(Call::Socket, Fault::status(503), Times::Once);
                control.send_on_socket(&self.stream_id(), SocketMessage::Reset);
            }
            Step::StreamEnded => self.end_stream(),
            Step::StreamEndedAndServerFails => {
                inject(Call::Create, Fault::status(500), Times::Once);
                inject(Call::Create, Fault::Reset, Times::Once);
                self.end_stream();
            }
            Step::StreamEndedAndBusy => {
                let Fault::Status {
                    code,
                    body,
                    content_type,
                    ..
                } = Fault::status(429)
                else {
                    unreachable!("`Fault::status` makes a status");
                };
                let headers = vec![("retry-after".to_owned(), "1".to_owned())];
                let busy = Fault::Status {
                    code,
                    headers,
                    body,
                    content_type,
                };
                inject(Call::Create, busy, Times::Once);
                self.end_stream();
            }
            Step::StreamEndedAndDeaf => {
                inject(Call::Create, Fault::DeafMedia, Times::Once);
                self.end_stream();
            }
            Step::KeepaliveFails => {
                inject(Call::Keepalive, Fault::status(503), Times::Once);
                inject(Call::Keepalive, Fault::Reset, Times::Once);
            }
            Step::LeaseLost => inject(Call::Keepalive, Fault::Hang, Times::N(3)),
            Step::MediaCut => {
                let cut = Duration::from_millis(random.below(1500));
                control.cut_media(&self.stream_id(), cut);
                std::thread::sleep(cut);
            }
            Step::Prompts | Step::PromptFails => {
                if matches!(step, Step::PromptFails) {
                    inject(Call::Prompt, Fault::status(500), Times::Once);
                }
                for _ in 0..random.below(3) {
                    self.new_prompt();
                }
                let newest = self.new_prompt();
                self.pipeline
                    .wait_for("an answer to the prompt", RECOVERY_TIMEOUT, |message| {
                        let structure = message.structure()?;
                        let answer = structure.name() == "overshoot-result";
                        (answer && structure.get("prompt") == Ok(newest.as_str())).then_some(())
                    });
            }
            Step::Restart => {
                self.stop();
                self.pipeline.play();
            }
            Step::RestartWhileConnecting => {
                self.stop();
                self.pipeline.play();
                std::thread::sleep(Duration::from_millis(random.below(150)));
                self.stop();
                self.pipeline.play();
            }
            Step::Nothing => std::thread::sleep(Duration::from_millis(random.below(2000))),
        }
        if matches!(step, Step::KeepaliveFails | Step::LeaseLost) {
            // The faults affect the next renewals. These follow within a second, because the lease is two seconds
            // long.
            self.service.wait("a renewal", |seen| {
                seen.calls(Call::Keepalive).any(|call| call.at > start)
            });
            std::thread::sleep(Duration::from_millis(1500));
        }
        self.wait_for_recovery(self.pipeline.results().len().max(answers));
        if step.disconnects() {
            self.disturbances.push((start, Instant::now()));
        }
    }

    /// Asserts that each answer that the service sent is on the bus once and in order. Answers that were sent during
    /// a disturbance may be missing.
    fn check_answers(&self) {
        let end = Instant::now();
        self.stop();
        let is_disturbed = |at: Instant| {
            let mut periods = self.disturbances.iter();
            at >= end || periods.any(|&(from, to)| from <= at && at <= to)
        };
        let posted: Vec<String> = self.pipeline.results().iter().map(|r| r.json()).collect();
        let seen = self.service.control.snapshot();
        let sent = seen.streams.iter().flat_map(|stream| &stream.answers);
        let sent: Vec<_> = sent.map(|answer| (answer.at, &answer.text)).collect();
        let arrived: HashSet<&String> = posted.iter().collect();
        assert_eq!(arrived.len(), posted.len(), "an answer arrived twice");
        let missed: Vec<_> = sent
            .iter()
            .filter(|(at, text)| !arrived.contains(text) && !is_disturbed(*at))
            .collect();
        assert!(missed.is_empty(), "missed: {missed:?}");
        let in_order: Vec<_> = sent
            .iter()
            .filter(|(_, t)| arrived.contains(t))
            .map(|(_, t)| *t)
            .collect();
        assert_eq!(posted.iter().collect::<Vec<_>>(), in_order);
        let fatal: Vec<_> = self
            .pipeline
            .failures()
            .into_iter()
            .filter(|f| f.fatal)
            .collect();
        assert!(fatal.is_empty(), "{fatal:?}");
    }
}

/// The resources of the process between two test beds.
#[derive(Debug)]
struct Resources {
    descriptors: usize,
    memory_mib: usize,
}

#[test]
fn nothing_is_lost_and_nothing_grows() {
    // The C library has an arena for each thread, and each arena keeps its freed memory. Two arenas keep less.
    let (test, arenas) = (
        "soak::nothing_is_lost_and_nothing_grows",
        "MALLOC_ARENA_MAX",
    );
    if crate::common::process::is_child_with(test, arenas, "2") {
        run_soak();
    }
}

fn run_soak() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = variable(
        "OVERSHOOT_SOAK_SEED",
        since.map_or(0, |since| since.as_secs()),
    );
    let length = Duration::from_secs(variable("OVERSHOOT_SOAK_SECONDS", DEFAULT_SECONDS));
    println!("OVERSHOOT_SOAK_SEED={seed}, for {length:?}");
    crate::common::init();
    let before = thread_names();
    let (mut random, start) = (Random::new(seed), Instant::now());
    let mut first: Option<Resources> = None;
    for number in 0.. {
        let path = VIDEO_PATHS[number % VIDEO_PATHS.len()];
        println!("{:.1} s: {path}", start.elapsed().as_secs_f64());
        let mut test_bed = TestBed::start(path);
        for _ in 0..STEPS_PER_TEST_BED {
            let step = ALL_STEPS[random.below(ALL_STEPS.len() as u64) as usize];
            println!("{:.1} s: {step:?}", start.elapsed().as_secs_f64());
            test_bed.run(step, &mut random);
        }
        test_bed.check_answers();
        drop(test_bed);
        let max = first.as_ref().map_or(usize::MAX, |first| first.descriptors);
        let now = Resources {
            descriptors: settled_descriptor_count(max),
            memory_mib: resident_mib(),
        };
        println!("{:.1} s: {now:?}", start.elapsed().as_secs_f64());
        // The first test bed of each path loads code and data that stay loaded.
        if let Some(first) = &first {
            assert!(now.descriptors <= first.descriptors, "{first:?}, {now:?}");
            assert!(
                now.memory_mib <= first.memory_mib + MAX_GROWTH_MIB,
                "{first:?}, {now:?}"
            );
            if start.elapsed() > length {
                break;
            }
        } else if number + 1 == VIDEO_PATHS.len() {
            first = Some(now);
        }
    }
    let lasting = LASTING_THREADS.map(str::to_owned);
    let others = settled_other_threads(&[before, lasting.to_vec()].concat());
    assert!(others.is_empty(), "{others:?}");
}

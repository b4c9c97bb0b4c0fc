//! Whatever goes wrong, in whatever order: a random sequence of faults, prompt changes and restarts
//! over live pipelines. Each one is survived, no answer is lost while there is a connection, no
//! stream stays open, nothing grows.
//!
//! `OVERSHOOT_SOAK_SECONDS` (60) says for how long, `OVERSHOOT_SOAK_SEED` repeats a sequence.

use std::collections::HashSet;
use std::fmt::Debug;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use crate::common::process::{descriptors_settle, memory, threads, threads_settle};
use crate::common::{Pipeline, Random, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

const SECONDS: u64 = 60;
/// Of one service and one pipeline; then both are replaced, and what is left is measured.
const STEPS: usize = 8;
/// The longest way back to answers: a lost lease, and some pauses in between.
const RECOVERY: Duration = Duration::from_secs(30);
/// More than the allocator and the emulator's runtime move by from one life to the next.
const GROWTH: usize = 16;
/// Threads that stay: of the element's runtime, and of GLib.
const THREADS: usize = 2;

/// Each of these ways goes through other parts of the element.
const WAYS: [&str; 3] = [
    "overshootsink name=o",
    "x264enc tune=zerolatency key-int-max=30 ! overshootsink name=o",
    "overshootsink name=o video-caps=video/x-vp8 mode=frame",
];

fn variable<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|e| panic!("{name}: {e:?}"))
    })
}

/// What happens next.
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

const ALL: [Step; 15] = [
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
    /// Whether answers may be lost by it: the connection is.
    fn disconnects(self) -> bool {
        use Step::*;
        !matches!(self, KeepaliveFails | Prompts | PromptFails | Nothing)
    }
}

/// One service and one pipeline.
struct Life {
    service: Service,
    pipeline: Pipeline,
    prompts: usize,
    /// When there was no connection, or it was being lost.
    disturbed: Vec<(Instant, Instant)>,
}

impl Life {
    fn start(way: &str) -> Self {
        let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
        let interval = if way.contains("mode=frame") {
            "interval-seconds=0.2"
        } else {
            "delay-seconds=0.2"
        };
        let line = format!(
            "videotestsrc is-live=true pattern=ball \
             ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
             ! {way} {interval} on-error=warn timeout=2000000000"
        );
        let pipeline = Pipeline::new(&service, &line);
        let life = Self {
            service,
            pipeline,
            prompts: 0,
            disturbed: Vec::new(),
        };
        life.pipeline.play();
        life.recovers(0);
        life
    }

    /// The stream that is open.
    fn stream(&self) -> String {
        let seen = self.service.control.snapshot();
        let open = seen.streams.iter().find(|stream| stream.ended.is_none());
        open.expect("a stream is open").id.clone()
    }

    /// Waits until answers come again, of the one stream that is open.
    fn recovers(&self, answers: usize) {
        self.pipeline.wait_for("new answers", RECOVERY, |_| {
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
            .end_stream(&self.stream(), EndReason::LeaseExpired);
        assert!(ended, "there was a stream to end");
    }

    fn stop(&self) {
        let took = self.pipeline.stop();
        assert!(took < Duration::from_secs(3), "stopping took {took:?}");
        let seen = self.service.control.snapshot();
        let open = seen.streams.iter().filter(|s| s.ended.is_none()).count();
        assert_eq!(open, 0, "streams are left open");
    }

    fn new_prompt(&mut self) -> String {
        self.prompts += 1;
        let prompt = format!("prompt {}", self.prompts);
        self.pipeline.sink.set_property("prompt", &prompt);
        prompt
    }

    fn run(&mut self, step: Step, random: &mut Random) {
        let start = Instant::now();
        let answers = self.pipeline.results().len();
        let control = self.service.control.clone();
        let inject = |call, fault, times| control.inject(call, fault, times);
        match step {
            Step::SocketReset => {
                control.send_on_socket(&self.stream(), SocketMessage::Reset);
            }
            Step::SocketClosed => {
                let (code, reason) = (1011, "oops".to_owned());
                let close = SocketMessage::Close { code, reason };
                control.send_on_socket(&self.stream(), close);
            }
            Step::SocketRefused => {
                inject(Call::Socket, Fault::status(503), Times::Once);
                control.send_on_socket(&self.stream(), SocketMessage::Reset);
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
                    unreachable!("a status is one");
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
                control.cut_media(&self.stream(), cut);
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
                    .wait_for("an answer to the prompt", RECOVERY, |message| {
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
            // They meet the next renewals: within a second, as the lease has two.
            self.service.wait("a renewal", |seen| {
                seen.calls(Call::Keepalive).any(|call| call.at > start)
            });
            std::thread::sleep(Duration::from_millis(1500));
        }
        self.recovers(self.pipeline.results().len().max(answers));
        if step.disconnects() {
            self.disturbed.push((start, Instant::now()));
        }
    }

    /// Each answer that was written to a socket is on the bus once, in order, but for those that
    /// were on their way when the connection was lost.
    fn check_answers(&self) {
        let end = Instant::now();
        self.stop();
        let disturbed = |at: Instant| {
            let mut times = self.disturbed.iter();
            at >= end || times.any(|&(from, to)| from <= at && at <= to)
        };
        let posted: Vec<String> = self.pipeline.results().iter().map(|r| r.json()).collect();
        let seen = self.service.control.snapshot();
        let sent = seen.streams.iter().flat_map(|stream| &stream.answers);
        let sent: Vec<_> = sent.map(|answer| (answer.at, &answer.text)).collect();
        let arrived: HashSet<&String> = posted.iter().collect();
        assert_eq!(arrived.len(), posted.len(), "an answer came twice");
        let missed: Vec<_> = sent
            .iter()
            .filter(|(at, text)| !arrived.contains(text) && !disturbed(*at))
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

/// What the process has between two lives.
#[derive(Debug)]
struct Left {
    descriptors: usize,
    memory: usize,
}

#[test]
fn nothing_is_lost_and_nothing_grows() {
    // Each of the C library's arenas, one a thread, keeps what was freed in it.
    let (test, arenas) = (
        "soak::nothing_is_lost_and_nothing_grows",
        "MALLOC_ARENA_MAX",
    );
    if crate::common::process::is_child_with(test, arenas, "2") {
        soak();
    }
}

fn soak() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = variable(
        "OVERSHOOT_SOAK_SEED",
        since.map_or(0, |since| since.as_secs()),
    );
    let length = Duration::from_secs(variable("OVERSHOOT_SOAK_SECONDS", SECONDS));
    println!("OVERSHOOT_SOAK_SEED={seed}, for {length:?}");
    crate::common::init();
    let before = threads();
    let (mut random, start) = (Random::new(seed), Instant::now());
    let mut first: Option<Left> = None;
    for life in 0.. {
        let way = WAYS[life % WAYS.len()];
        println!("{:.1} s: {way}", start.elapsed().as_secs_f64());
        let mut one = Life::start(way);
        for _ in 0..STEPS {
            let step = ALL[random.below(ALL.len() as u64) as usize];
            println!("{:.1} s: {step:?}", start.elapsed().as_secs_f64());
            one.run(step, &mut random);
        }
        one.check_answers();
        drop(one);
        let most = first.as_ref().map_or(usize::MAX, |left| left.descriptors);
        let left = Left {
            descriptors: descriptors_settle(most),
            memory: memory(),
        };
        println!("{:.1} s: {left:?}", start.elapsed().as_secs_f64());
        // The first of each way loads what stays loaded.
        if let Some(first) = &first {
            assert!(left.descriptors <= first.descriptors, "{first:?}, {left:?}");
            assert!(left.memory <= first.memory + GROWTH, "{first:?}, {left:?}");
            if start.elapsed() > length {
                break;
            }
        } else if life + 1 == WAYS.len() {
            first = Some(left);
        }
    }
    let threads = threads_settle(before + THREADS);
    println!("{before} threads before, {threads} after");
    assert!(threads <= before + THREADS, "{before}, then {threads}");
}

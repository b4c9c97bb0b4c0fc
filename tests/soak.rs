//! Random trouble for a while: nothing is missed, nothing is left behind, nothing grows. A minute by
//! default; an hour by `OVERSHOOT_SOAK_SECONDS=3600`. The same again by the seed that it prints:
//! `OVERSHOOT_SOAK_SEED=…`.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

const LINE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 ! tee name=t \
    ! queue ! fakesink name=sibling sync=false signal-handoffs=true \
    t. ! queue ! overshootsink name=o on-error=warn interval-seconds=0.2 timeout=3000000000";
const FRAME: gst::ClockTime = gst::ClockTime::from_nseconds(33_333_333);
/// An answer that is written so shortly before a socket goes, or to one that is going, may be lost.
const BEFORE: Duration = Duration::from_millis(300);
const AFTER: Duration = Duration::from_secs(1);
/// The emulator's records are in this process as well; an hour of them is some 20 MiB.
const MOST_GROWTH: u64 = 48 << 20;

/// Repeatable numbers (Numerical Recipes' LCG).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005);
        self.0 = self.0.wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

fn from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

/// What this process has of it.
#[derive(Debug, Clone, Copy)]
struct Usage {
    threads: usize,
    descriptors: usize,
    memory: u64,
}

fn usage() -> Usage {
    let count = |folder| fs::read_dir(folder).expect("Linux").count();
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = memory.and_then(|text| text.trim().strip_suffix(" kB"));
    Usage {
        threads: count("/proc/self/task"),
        descriptors: count("/proc/self/fd"),
        memory: kilobytes.expect("kB").parse::<u64>().expect("a number") << 10,
    }
}

/// The times of the frames that the other branch got since the last start.
type Sibling = Arc<Mutex<Vec<gst::ClockTime>>>;

/// None is missing between the first and the last.
fn assert_whole(sibling: &Sibling) -> usize {
    let times = std::mem::take(&mut *sibling.lock().expect("no panic"));
    for pair in times.windows(2) {
        assert!(
            pair[1] - pair[0] < FRAME * 3 / 2,
            "the sibling lost a frame at {}",
            pair[1]
        );
    }
    times.len()
}

/// What is done, and whether a socket may lose an answer by it.
const TROUBLE: [(&str, bool); 12] = [
    ("prompt", false),
    ("bitrate", false),
    ("garbage", false),
    ("keepalive fails", false),
    ("keepalive refused for a second", false),
    ("keepalive reset", false),
    ("prompt fails", false),
    ("socket closed", true),
    ("socket reset", true),
    ("stream ended", true),
    ("stream ended, creation fails", true),
    ("media cut", true),
];

struct Soak {
    service: Service,
    pipeline: Pipeline,
    random: Random,
    done: BTreeMap<&'static str, u32>,
    /// From when to when answers may be lost.
    excused: Vec<(Instant, Instant)>,
}

impl Soak {
    fn trouble(&mut self) {
        let (what, loses) = TROUBLE[self.random.below(TROUBLE.len() as u64) as usize];
        *self.done.entry(what).or_default() += 1;
        let control = &self.service.control;
        let now = Instant::now();
        if loses {
            self.excused.push((now, now));
        }
        let open = control
            .snapshot()
            .streams
            .into_iter()
            .rfind(|s| s.ended.is_none());
        let id = open.map(|stream| stream.id).unwrap_or_default();
        let number = self.random.below(1_000_000);
        let refused = Fault::Status {
            code: 429,
            headers: vec![("retry-after".into(), "1".into())],
            body: String::new(),
            content_type: String::new(),
        };
        // Where there is no stream just now, some of it does nothing.
        match what {
            "prompt" => self
                .pipeline
                .sink
                .set_property("prompt", format!("What is {number}?")),
            "bitrate" => self
                .pipeline
                .sink
                .set_property("bitrate", 100_000 + number as u32),
            "garbage" => drop(control.send_on_socket(&id, SocketMessage::Text("{".into()))),
            "keepalive fails" => control.inject(Call::Keepalive, Fault::status(500), Times::Once),
            "keepalive refused for a second" => {
                control.inject(Call::Keepalive, refused, Times::Once)
            }
            "keepalive reset" => control.inject(Call::Keepalive, Fault::Reset, Times::Once),
            "prompt fails" => {
                control.inject(Call::Prompt, Fault::status(503), Times::Once);
                self.pipeline
                    .sink
                    .set_property("prompt", format!("Who is {number}?"));
            }
            "socket closed" => {
                let reason = "soaked".into();
                control.send_on_socket(&id, SocketMessage::Close { code: 1011, reason });
            }
            "socket reset" => drop(control.send_on_socket(&id, SocketMessage::Reset)),
            "stream ended" => drop(control.end_stream(&id, EndReason::LeaseExpired)),
            "stream ended, creation fails" => {
                control.inject(Call::Create, Fault::status(503), Times::Once);
                control.end_stream(&id, EndReason::WebrtcDisconnected);
            }
            "media cut" => {
                let time = Duration::from_millis(self.random.below(3_000));
                control.cut_media(&id, time);
            }
            other => unreachable!("{other}"),
        }
    }

    /// Stops, looks, and starts again.
    fn restart(&mut self) -> Usage {
        *self.done.entry("restart").or_default() += 1;
        let from = Instant::now();
        let took = self.pipeline.stop();
        assert!(took < Duration::from_secs(3), "{took:?}");
        self.excused.push((from, Instant::now()));
        let usage = usage();
        self.pipeline.play();
        usage
    }
}

#[test]
fn trouble_leaves_nothing_behind() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = from_environment("OVERSHOOT_SOAK_SEED", now.expect("after 1970").as_secs());
    let length = Duration::from_secs(from_environment("OVERSHOOT_SOAK_SECONDS", 60));
    println!("OVERSHOOT_SOAK_SEED={seed}, for {length:?}");

    let service = Service::with(|config| config.lease_ttl = Duration::from_secs(3));
    let pipeline = Pipeline::new(&service, LINE);
    let sibling = Sibling::default();
    let frames = sibling.clone();
    let element = pipeline.pipeline.by_name("sibling").expect("there");
    element.connect("handoff", false, move |values| {
        let buffer = values[1].get::<gst::Buffer>().expect("a buffer");
        frames.lock().expect("no panic").extend(buffer.pts());
        None
    });
    let mut soak = Soak {
        service,
        pipeline,
        random: Random(seed),
        done: BTreeMap::new(),
        excused: Vec::new(),
    };
    soak.pipeline.play();
    soak.pipeline
        .wait_for_element("overshoot-result", Duration::from_secs(10));

    let start = Instant::now();
    let (mut seen, mut siblings, mut next_restart) = (Vec::new(), 0, length / 10);
    while start.elapsed() < length {
        std::thread::sleep(Duration::from_millis(200 + soak.random.below(1_500)));
        soak.trouble();
        if start.elapsed() > next_restart {
            next_restart += (length / 10).min(Duration::from_secs(60));
            seen.push(soak.restart());
            siblings += assert_whole(&sibling);
        }
    }
    // The last trouble may have been one.
    let before = soak.pipeline.results().len();
    let pipeline = &soak.pipeline;
    pipeline.wait_for("an answer at the end", Duration::from_secs(30), |_| {
        (pipeline.results().len() > before).then_some(())
    });
    seen.push(soak.restart());
    soak.pipeline.stop();
    siblings += assert_whole(&sibling);

    let at_end = soak.service.wait("no open stream", |seen| {
        seen.streams.iter().all(|stream| stream.ended.is_some())
    });
    let results = soak.pipeline.results();
    let ids: Vec<&str> = results
        .iter()
        .filter_map(|p| p.structure.get("id").ok())
        .collect();
    let delivered: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(delivered.len(), ids.len(), "an answer came twice");
    let answers = at_end.streams.iter().flat_map(|stream| &stream.answers);
    let excused = |at: Instant| {
        let excuses = &mut soak.excused.iter();
        excuses.any(|(from, to)| *from < at + BEFORE && at < *to + AFTER)
    };
    let missed: Vec<_> = answers
        .clone()
        .filter(|answer| !delivered.contains(answer.id.as_str()) && !excused(answer.at))
        .map(|answer| (answer.at - start, &answer.text))
        .collect();
    println!(
        "{:?}\n{} streams, {} answers written, {} delivered; {siblings} frames on the sibling\n{seen:?}",
        soak.done,
        at_end.streams.len(),
        answers.clone().count(),
        ids.len(),
    );
    assert!(missed.is_empty(), "missed: {missed:?}");
    assert!(
        soak.pipeline
            .failures()
            .iter()
            .all(|failure| !failure.fatal)
    );
    // Otherwise nothing was tried: an answer takes 0.2 s, and trouble a second or two.
    assert!(at_end.streams.len() > 5 && ids.len() as f64 > length.as_secs_f64());

    // The first stop has loaded everything.
    let (first, rest) = seen.split_first().expect("ten");
    for later in rest {
        assert!(later.threads <= first.threads + 4, "{seen:?}");
        assert!(later.descriptors <= first.descriptors + 8, "{seen:?}");
        assert!(later.memory <= first.memory + MOST_GROWTH, "{seen:?}");
    }
}

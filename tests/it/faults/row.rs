//! A row of the fault matrix, and how it is played.

use std::thread;
use std::time::{Duration, Instant};

use overshoot_emulator::{Call, Config, Fault, Snapshot, Times};

use super::scene::{Scene, Sibling, counted};
use super::tls::{Break, Tls};
use crate::common::{Pipeline, Proxy, Service};

/// A row must be as expected by then.
pub const WITHIN: Duration = Duration::from_secs(30);
/// How long nothing more may happen after that; longer than the first pause before a new try.
const QUIET: Duration = Duration::from_millis(1300);
/// A request may come so many seconds later than it should.
const LATE: f64 = 1.0;
/// Of PLAYING and of NULL.
const START_BOUND: Duration = Duration::from_secs(1);
const STOP_BOUND: Duration = Duration::from_secs(3);

/// One fault, and all that comes of it. With `on-error=warn`, a `timeout` of 2 s, and a sibling
/// branch beside the element, which must get every frame. On API v1 the `timeout` is 3 s: the way to
/// the first frame is longer.
pub struct Row {
    pub name: String,
    config: fn(&mut Config),
    properties: &'static str,
    tls: Option<Break>,
    plain: bool,
    v1: bool,
    certificate: &'static str,
    faults: Vec<(Call, Fault, Times)>,
    /// Once there are answers.
    then: Option<Box<Act>>,
    /// See [`Row::tells`].
    tells: Vec<String>,
    states: &'static str,
    requests: &'static str,
    /// A text that one of the answers must have.
    hears: Option<&'static str>,
    quiet: bool,
    gives_up: bool,
    /// Seconds from one request of a call to the next.
    pauses: Option<(Call, &'static [f64])>,
    /// When it is stopped, if not long after all is as expected.
    stops_when: Option<fn(&Scene) -> bool>,
}

type Act = dyn Fn(&Scene) + Send + Sync;

/// What was counted.
#[derive(Default, Clone, Copy)]
pub struct Counts {
    pub messages: usize,
    pub requests: usize,
    pub frames: u64,
    pub slowest_start: Duration,
    pub slowest_stop: Duration,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.messages += other.messages;
        self.requests += other.requests;
        self.frames += other.frames;
        self.slowest_start = self.slowest_start.max(other.slowest_start);
        self.slowest_stop = self.slowest_stop.max(other.slowest_stop);
    }
}

/// A row that goes well: with neither fault nor trouble.
pub fn row(name: impl Into<String>) -> Row {
    Row {
        name: name.into(),
        config: |_| {},
        properties: "",
        tls: None,
        plain: false,
        v1: false,
        certificate: super::TRUSTED,
        faults: Vec::new(),
        then: None,
        tells: Vec::new(),
        states: "connecting streaming closed",
        requests: "create=1 socket=1 delete=1",
        hears: None,
        quiet: false,
        gives_up: false,
        pauses: None,
        stops_when: None,
    }
}

/// The same on API v1.
pub fn row_v1(name: impl Into<String>) -> Row {
    Row {
        v1: true,
        requests: "models=1 create=1 signal=1 delete=1",
        ..row(format!("v1 {}", name.into()))
    }
}

impl Row {
    pub fn config(self, config: fn(&mut Config)) -> Self {
        Self { config, ..self }
    }

    pub fn properties(self, properties: &'static str) -> Self {
        Self { properties, ..self }
    }

    /// Over TLS, which breaks at the first `times` requests that have this in their first line.
    pub fn tls(self, request: &'static str, times: u32) -> Self {
        Self {
            tls: Some(Break { request, times }),
            ..self
        }
    }

    /// Over TLS with a certificate that nobody has reason to trust.
    pub fn untrusted(self) -> Self {
        Self {
            certificate: super::UNTRUSTED,
            ..self.tls("", 0)
        }
    }

    /// Asks for TLS where there is none.
    pub fn without_tls(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    pub fn fault(mut self, call: Call, fault: Fault, times: Times) -> Self {
        self.faults.push((call, fault, times));
        self
    }

    /// What happens once there are answers.
    pub fn then(self, then: impl Fn(&Scene) + Send + Sync + 'static) -> Self {
        Self {
            then: Some(Box::new(then)),
            ..self
        }
    }

    /// The next WARNING: `kind stage status-code`, then ` | ` and a part of its text. An ERROR has
    /// `ERROR` in front, and an `overshoot-prompt` message is `prompt taken`.
    pub fn tells(mut self, message: impl Into<String>) -> Self {
        self.tells.push(message.into());
        self
    }

    /// The states in order, up to the end.
    pub fn states(self, states: &'static str) -> Self {
        Self { states, ..self }
    }

    /// How many requests of each call come, up to the end; of a call that is not named, none.
    /// `keepalive=2..` is two or more. `left=1`: a stream lives on when all is over. On API v1, the
    /// calls that go on and on (get, chat, balance) may come where they are not named.
    pub fn requests(self, requests: &'static str) -> Self {
        Self { requests, ..self }
    }

    /// How far the requests of this call are apart, at the least; a busy machine adds to that.
    pub fn pauses(self, call: Call, seconds: &'static [f64]) -> Self {
        Self {
            pauses: Some((call, seconds)),
            ..self
        }
    }

    pub fn hears(self, text: &'static str) -> Self {
        Self {
            hears: Some(text),
            ..self
        }
    }

    /// It streams, but there are no answers.
    pub fn without_answers(self) -> Self {
        Self {
            quiet: true,
            ..self
        }
    }

    /// The last state, `closed`, is there before the stop.
    pub fn gives_up(self) -> Self {
        Self {
            gives_up: true,
            ..self
        }
    }

    /// Stopped at this moment: the rest is what comes of that.
    pub fn stops_when(self, when: fn(&Scene) -> bool) -> Self {
        Self {
            stops_when: Some(when),
            ..self
        }
    }

    /// Plays the row; panics where anything is not as expected.
    pub fn play(&self) -> Counts {
        let service = Service::with(self.config);
        for (call, fault, times) in &self.faults {
            service.control.inject(*call, fault.clone(), *times);
        }
        let proxy = Proxy::before(&service);
        let tls = self
            .tls
            .as_ref()
            .map(|breaks| Tls::before(&proxy.url, self.certificate.as_ref(), breaks.clone()));
        let url = match &tls {
            Some(tls) => tls.url.clone(),
            None if self.plain => proxy.url.replace("http:", "https:"),
            None => proxy.url.clone(),
        };
        let (url, timeout) = match self.v1 {
            true => (url.replace("/v0.2", "/v1"), 3_000_000_000_u64),
            false => (url, 2_000_000_000),
        };
        // Queues of two frames: an element that holds one up is noticed at once.
        let pipeline = Pipeline::at(
            &url,
            &format!(
                "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 \
                 ! tee name=t ! queue max-size-buffers=2 ! fakesink name=sibling sync=false \
                 t. ! queue max-size-buffers=2 ! overshootsink name=o interval-seconds=0.2 \
                 on-error=warn timeout={timeout} {}",
                self.properties
            ),
        );
        let sibling = Sibling::of(&pipeline);
        let scene = Scene {
            service,
            proxy,
            pipeline,
        };
        let start = Instant::now();
        scene.pipeline.play();
        let slowest_start = start.elapsed();
        if let Some(then) = &self.then {
            let streams = "connecting streaming";
            self.wait(&scene, "answers", || {
                scene.states() == streams && (self.quiet || !scene.pipeline.results().is_empty())
            });
            then(&scene);
        }
        match self.stops_when {
            Some(when) => self.wait(&scene, "the moment to stop", || when(&scene)),
            None => {
                self.wait(&scene, "what is expected", || self.is_met(&scene));
                thread::sleep(QUIET);
            }
        }
        let frames = sibling.check();
        let slowest_stop = scene.pipeline.stop();

        let seen = scene.service.control.snapshot();
        assert!(self.told(&scene), "{}", self.difference(&scene));
        assert_eq!(scene.states(), self.states, "{}", self.difference(&scene));
        for (what, count) in counted(&seen) {
            let wanted = self.wanted(what);
            assert!(wanted.allows(count), "{}", self.difference(&scene));
        }
        self.check_pauses(&seen);
        assert!(slowest_start < START_BOUND, "PLAYING: {slowest_start:?}");
        assert!(slowest_stop < STOP_BOUND, "NULL: {slowest_stop:?}");
        Counts {
            messages: scene.pipeline.messages().len(),
            requests: seen.requests.len(),
            frames,
            slowest_start,
            slowest_stop,
        }
    }

    fn check_pauses(&self, seen: &Snapshot) {
        let Some((call, pauses)) = self.pauses else {
            return;
        };
        let asked: Vec<_> = seen.calls(call).map(|request| request.at).collect();
        assert!(
            asked.len() > pauses.len(),
            "{call}: {} requests",
            asked.len()
        );
        for (pair, pause) in asked.windows(2).zip(pauses) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            let taken = *pause..pause + LATE;
            assert!(taken.contains(&gap), "{call}: {gap} s, not {taken:?}");
        }
    }

    fn wait(&self, scene: &Scene, why: &str, met: impl Fn() -> bool) {
        let deadline = Instant::now() + WITHIN;
        while !met() {
            assert!(
                Instant::now() < deadline,
                "waited in vain for {why}: {}",
                self.difference(scene)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All that is expected before the stop is there.
    fn is_met(&self, scene: &Scene) -> bool {
        let states = scene.states();
        let goes_on = self.states.strip_suffix(" closed");
        let streams = !self.gives_up && goes_on.is_some_and(|states| states.ends_with("streaming"));
        let state_is_met = match goes_on {
            Some(goes_on) if streams => states == goes_on,
            _ => states == self.states,
        };
        let told = scene.tells().len();
        // The last ones may come of stopping.
        let at_stop = self
            .tells
            .iter()
            .filter(|told| told.split(' ').nth(1) == Some("delete"))
            .count();
        let seen = scene.service.control.snapshot();
        let asked = counted(&seen).into_iter().all(|(what, count)| {
            matches!(what, "delete" | "left") || count >= self.wanted(what).least
        });
        let answered = match (streams, self.hears) {
            _ if self.quiet => true,
            (true, None) => scene.answers_in_the_last_state() > 0,
            (_, Some(text)) => scene.pipeline.results().iter().any(|r| r.text() == text),
            (false, None) => true,
        };
        state_is_met && told + at_stop >= self.tells.len() && asked && answered
    }

    fn told(&self, scene: &Scene) -> bool {
        let told = scene.tells();
        told.len() == self.tells.len()
            && told.iter().zip(&self.tells).all(|(told, wanted)| {
                let (head, text) = wanted.split_once(" | ").unwrap_or((wanted, ""));
                told.split(" | ").next() == Some(head) && told.contains(text)
            })
    }

    fn wanted(&self, what: &str) -> Wanted {
        let named = self.requests.split_whitespace().find_map(|entry| {
            let (name, count) = entry.split_once('=')?;
            (name == what).then_some(count)
        });
        let goes_on = self.v1 && matches!(what, "get" | "chat" | "balance");
        let count = named.unwrap_or(if goes_on { "0.." } else { "0" });
        let least = count.trim_end_matches("..").parse().expect("a count");
        let most = if count.ends_with("..") {
            usize::MAX
        } else {
            least
        };
        Wanted { least, most }
    }

    fn difference(&self, scene: &Scene) -> String {
        format!(
            "\n  expected {:#?}\n  told     {:#?}\n  expected {}\n  states   {}\n  expected {}\n  requests {:?}",
            self.tells,
            scene.tells(),
            self.states,
            scene.states(),
            self.requests,
            counted(&scene.service.control.snapshot())
        )
    }
}

struct Wanted {
    least: usize,
    most: usize,
}

impl Wanted {
    fn allows(&self, count: usize) -> bool {
        (self.least..=self.most).contains(&count)
    }
}

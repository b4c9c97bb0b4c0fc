//! A row of the fault matrix, and how it is played.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Config, Fault, Snapshot, SocketMessage, Times};

use super::tls::{Break, Tls};
use crate::common::{Pipeline, Proxy, Service};

/// Frames a second of the source, and so of the sibling.
const RATE: f64 = 30.0;
/// Frames that may be on their way to the sibling: a busy machine runs late, and catches up.
const ON_THE_WAY: f64 = 9.0;
/// A row must be as expected by then.
const WITHIN: Duration = Duration::from_secs(30);
/// How long nothing more may happen after that; longer than the first pause before a new try.
const QUIET: Duration = Duration::from_millis(1300);
/// Of PLAYING and of NULL.
const START_BOUND: Duration = Duration::from_secs(1);
const STOP_BOUND: Duration = Duration::from_secs(3);

/// One fault, and all that comes of it. With `on-error=warn`, a `timeout` of 2 s, and a sibling
/// branch beside the element, which must get every frame.
pub struct Row {
    pub name: String,
    config: fn(&mut Config),
    properties: &'static str,
    tls: Option<Break>,
    plain: bool,
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
    /// When it is stopped, if not long after all is as expected.
    stops_when: Option<fn(&Scene) -> bool>,
}

type Act = dyn Fn(&Scene) + Send + Sync;

/// What a row plays with.
pub struct Scene {
    pub service: Service,
    pub proxy: Proxy,
    pub pipeline: Pipeline,
}

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
        certificate: crate::TRUSTED,
        faults: Vec::new(),
        then: None,
        tells: Vec::new(),
        states: "connecting streaming closed",
        requests: "create=1 socket=1 delete=1",
        hears: None,
        quiet: false,
        gives_up: false,
        stops_when: None,
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
            certificate: crate::UNTRUSTED,
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
    /// `keepalive=2..` is two or more. `left=1`: a stream lives on when all is over.
    pub fn requests(self, requests: &'static str) -> Self {
        Self { requests, ..self }
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
        // Queues of two frames: an element that holds one up is noticed at once.
        let pipeline = Pipeline::at(
            &url,
            &format!(
                "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 \
                 ! tee name=t ! queue max-size-buffers=2 ! fakesink name=sibling sync=false \
                 t. ! queue max-size-buffers=2 ! overshootsink name=o interval-seconds=0.2 \
                 on-error=warn timeout=2000000000 {}",
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
        let count = named.unwrap_or("0");
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

/// The requests of each call, and the streams that live.
fn counted(seen: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = Call::ALL
        .into_iter()
        .map(|call| (call.name(), seen.calls(call).count()))
        .collect();
    let left = seen.streams.iter().filter(|s| s.ended.is_none()).count();
    counts.insert("left", left);
    counts
}

impl Scene {
    /// The stream that lives now, or lived last.
    pub fn id(&self) -> String {
        let seen = self.service.control.snapshot();
        seen.streams.last().expect("a stream").id.clone()
    }

    pub fn on_socket(&self, message: SocketMessage) {
        let sent = self.service.control.send_on_socket(&self.id(), message);
        assert!(sent, "there is a socket");
    }

    /// Requests of this call so far.
    pub fn asked(&self, call: Call) -> usize {
        self.service.control.snapshot().calls(call).count()
    }

    pub fn is(&self, state: &str) -> bool {
        self.pipeline.states().last().is_some_and(|is| is == state)
    }

    /// Until the service has told how it gets the video.
    pub fn wait_for_reports(&self) {
        let deadline = Instant::now() + WITHIN;
        loop {
            let stats: gst::Structure = self.pipeline.sink.property("stats");
            if stats.has_field("rtt-ms") {
                return;
            }
            assert!(Instant::now() < deadline, "no report: {stats}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn tells(&self) -> Vec<String> {
        let messages = self.pipeline.messages();
        messages
            .iter()
            .filter_map(|(_, message)| {
                let (front, error, details) = match message.view() {
                    gst::MessageView::Error(m) => ("ERROR ", m.error(), m.details()),
                    gst::MessageView::Warning(m) => ("", m.error(), m.details()),
                    gst::MessageView::Element(m) => {
                        let prompt = m.structure()?.name() == "overshoot-prompt";
                        return prompt.then(|| "prompt taken".to_owned());
                    }
                    _ => return None,
                };
                let detail = |name| details?.get::<&str>(name).ok();
                let code = details.and_then(|details| details.get::<u32>("status-code").ok());
                Some(format!(
                    "{front}{} {}{} | {}",
                    detail("kind").unwrap_or("?"),
                    detail("stage").unwrap_or("?"),
                    code.map(|code| format!(" {code}")).unwrap_or_default(),
                    error.message()
                ))
            })
            .collect()
    }

    /// The states told; a new stream's id alone is no new state.
    fn states(&self) -> String {
        let mut states = self.pipeline.states();
        states.dedup();
        states.join(" ")
    }

    fn answers_in_the_last_state(&self) -> usize {
        let states = self.pipeline.element_messages("overshoot-state");
        let since = states.last().map(|state| state.at);
        let results = self.pipeline.results();
        results.iter().filter(|r| Some(r.at) > since).count()
    }
}

/// The branch beside the element's.
struct Sibling {
    frames: Arc<AtomicU64>,
    first: Arc<std::sync::OnceLock<Instant>>,
}

impl Sibling {
    fn of(pipeline: &Pipeline) -> Self {
        let frames = Arc::new(AtomicU64::new(0));
        let first = Arc::new(std::sync::OnceLock::new());
        let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
        let pad = sibling.static_pad("sink").expect("a sink pad");
        let (counted, at) = (frames.clone(), first.clone());
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            at.get_or_init(Instant::now);
            counted.fetch_add(1, Relaxed);
            gst::PadProbeReturn::Ok
        });
        Self { frames, first }
    }

    /// Every frame has come, up to now.
    fn check(&self) -> u64 {
        let since = self.first.get().map(Instant::elapsed).unwrap_or_default();
        let frames = self.frames.load(Relaxed);
        let due = since.as_secs_f64() * RATE;
        assert!(
            frames as f64 >= due - ON_THE_WAY,
            "the sibling got {frames} frames of {due:.0}"
        );
        frames
    }
}

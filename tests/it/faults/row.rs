// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A row of the fault matrix, and how it is run.

use std::thread;
use std::time::{Duration, Instant};

use overshoot_emulator::{Call, Config, Fault, Snapshot, Times};

use super::counts::{CountRange, Counts};
use super::test_bed::{Sibling, TestBed, count_requests};
use crate::common::tls::{Tls, TlsFault};
use crate::common::{Pipeline, Proxy, Service};

/// A row must show the expected result within this time.
pub const ROW_TIMEOUT: Duration = Duration::from_secs(30);
/// After that, nothing more may happen for this long. It is longer than the first pause before a new attempt.
const QUIET_TIME: Duration = Duration::from_millis(1300);
/// A request may be this much later than expected.
const MAX_DELAY_SECONDS: f64 = 1.0;
/// Longest time that the change to PLAYING may take.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time that the change to NULL may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// One fault and all its expected effects. The pipeline has `on-error=warn`, a `timeout` of 2 s and a second branch,
/// the sibling, which must get every frame. On API v1 the `timeout` is 3 s, because more steps precede the first
/// frame.
pub struct Row {
    pub name: String,
    config: fn(&mut Config),
    properties: &'static str,
    tls: Option<TlsFault>,
    https_without_tls: bool,
    v1: bool,
    certificate: &'static str,
    faults: Vec<(Call, Fault, Times)>,
    /// Runs once there are answers.
    then: Option<Box<Action>>,
    /// See [`Row::posts`].
    messages: Vec<String>,
    states: &'static str,
    requests: &'static str,
    /// One of the answers must have this text.
    answer_text: Option<&'static str>,
    /// One of the answers must have failed with this error.
    answer_error: Option<&'static str>,
    without_answers: bool,
    gives_up: bool,
    /// Seconds from one request of a call to the next.
    pauses: Option<(Call, &'static [f64])>,
    /// The condition for stopping. `None`: the row stops after everything expected has happened.
    stops_when: Option<fn(&TestBed) -> bool>,
}

type Action = dyn Fn(&TestBed) + Send + Sync;

/// A row without any fault: it connects, streams and stops.
pub fn row(name: impl Into<String>) -> Row {
    Row {
        name: name.into(),
        config: |_| {},
        properties: "",
        tls: None,
        https_without_tls: false,
        v1: false,
        certificate: super::TRUSTED_CERTIFICATE,
        faults: Vec::new(),
        then: None,
        messages: Vec::new(),
        states: "connecting streaming closed",
        requests: "create=1 socket=1 delete=1",
        answer_text: None,
        answer_error: None,
        without_answers: false,
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

    /// Connects over TLS. TLS breaks at the first `times` requests whose first line contains `request`.
    pub fn tls(self, request: &'static str, times: u32) -> Self {
        Self {
            tls: Some(TlsFault { request, times }),
            ..self
        }
    }

    /// Connects over TLS, to a server with an untrusted certificate.
    pub fn untrusted(self) -> Self {
        Self {
            certificate: super::UNTRUSTED_CERTIFICATE,
            ..self.tls("", 0)
        }
    }

    /// Uses an `https` URL for a server without TLS.
    pub fn without_tls(self) -> Self {
        Self {
            https_without_tls: true,
            ..self
        }
    }

    /// Injects this fault into this call.
    pub fn fault(mut self, call: Call, fault: Fault, times: Times) -> Self {
        self.faults.push((call, fault, times));
        self
    }

    /// Runs an action once there are answers.
    pub fn then(self, then: impl Fn(&TestBed) + Send + Sync + 'static) -> Self {
        Self {
            then: Some(Box::new(then)),
            ..self
        }
    }

    /// The next expected message. A WARNING is written as `kind stage status-code`, then ` | ` and a part of its
    /// text. An ERROR has `ERROR` in front. An `overshoot-prompt` message is written as `prompt taken` or
    /// `prompt withdrawn`.
    pub fn posts(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// The expected states in order, up to the end.
    pub fn states(self, states: &'static str) -> Self {
        Self { states, ..self }
    }

    /// The expected number of requests of each call, up to the end. A call that is not named must not occur.
    /// `keepalive=2..` means two or more. `left=1` means that one stream is still open at the end. On API v1 the
    /// calls that repeat all the time (get, chat, balance) may occur even if they are not named.
    pub fn requests(self, requests: &'static str) -> Self {
        Self { requests, ..self }
    }

    /// The minimum seconds between the requests of this call. A busy machine may add to them.
    pub fn pauses(self, call: Call, seconds: &'static [f64]) -> Self {
        Self {
            pauses: Some((call, seconds)),
            ..self
        }
    }

    /// One of the answers must have this text.
    pub fn receives(self, text: &'static str) -> Self {
        Self {
            answer_text: Some(text),
            ..self
        }
    }

    /// One of the answers must have failed with this error.
    pub fn fails_with(self, error: &'static str) -> Self {
        Self {
            answer_error: Some(error),
            ..self
        }
    }

    /// The element streams, but no answers are expected.
    pub fn without_answers(self) -> Self {
        Self {
            without_answers: true,
            ..self
        }
    }

    /// The last state, `closed`, is reached before the pipeline stops.
    pub fn gives_up(self) -> Self {
        Self {
            gives_up: true,
            ..self
        }
    }

    /// Stops the pipeline when the condition becomes true. The other expectations include the effects of stopping.
    pub fn stops_when(self, when: fn(&TestBed) -> bool) -> Self {
        Self {
            stops_when: Some(when),
            ..self
        }
    }

    /// Runs the row. Panics if anything is not as expected.
    pub fn run(&self) -> Counts {
        let service = Service::with(self.config);
        for (call, fault, times) in &self.faults {
            service.control.inject(*call, fault.clone(), *times);
        }
        let proxy = Proxy::in_front_of(&service);
        let tls = self
            .tls
            .as_ref()
            .map(|fault| Tls::in_front_of(&proxy.url, self.certificate.as_ref(), fault.clone()));
        let url = match &tls {
            Some(tls) => tls.url.clone(),
            None if self.https_without_tls => proxy.url.replace("http:", "https:"),
            None => proxy.url.clone(),
        };
        let (url, timeout) = match self.v1 {
            true => (url.replace("/v0.2", "/v1"), 3_000_000_000_u64),
            false => (url, 2_000_000_000),
        };
        // The queues hold only two frames, so an element that blocks a branch is noticed at once.
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
        let sibling = Sibling::attach(&pipeline);
        let test_bed = TestBed {
            service,
            proxy,
            pipeline,
        };
        let start = Instant::now();
        test_bed.pipeline.play();
        let slowest_start = start.elapsed();
        if let Some(then) = &self.then {
            let streams = "connecting streaming";
            self.wait(&test_bed, "answers", || {
                test_bed.states() == streams
                    && (self.without_answers || !test_bed.pipeline.results().is_empty())
            });
            then(&test_bed);
        }
        match self.stops_when {
            Some(when) => self.wait(&test_bed, "the moment to stop", || when(&test_bed)),
            None => {
                self.wait(&test_bed, "what is expected", || self.is_met(&test_bed));
                thread::sleep(QUIET_TIME);
            }
        }
        let frames = sibling.check();
        let slowest_stop = test_bed.pipeline.stop();

        let seen = test_bed.service.control.snapshot();
        assert!(
            self.messages_match(&test_bed),
            "{}",
            self.difference(&test_bed)
        );
        assert_eq!(
            test_bed.states(),
            self.states,
            "{}",
            self.difference(&test_bed)
        );
        for (call, count) in count_requests(&seen) {
            let expected = self.expected_count(call);
            assert!(expected.contains(count), "{}", self.difference(&test_bed));
        }
        self.check_pauses(&seen);
        assert!(slowest_start < START_TIMEOUT, "PLAYING: {slowest_start:?}");
        assert!(slowest_stop < STOP_TIMEOUT, "NULL: {slowest_stop:?}");
        Counts {
            messages: test_bed.pipeline.messages().len(),
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
        let times: Vec<_> = seen.calls(call).map(|request| request.at).collect();
        assert!(
            times.len() > pauses.len(),
            "{call}: {} requests",
            times.len()
        );
        for (pair, pause) in times.windows(2).zip(pauses) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            let allowed = *pause..pause + MAX_DELAY_SECONDS;
            assert!(allowed.contains(&gap), "{call}: {gap} s, not {allowed:?}");
        }
    }

    fn wait(&self, test_bed: &TestBed, why: &str, met: impl Fn() -> bool) {
        let deadline = Instant::now() + ROW_TIMEOUT;
        while !met() {
            assert!(
                Instant::now() < deadline,
                "timeout while waiting for {why}: {}",
                self.difference(test_bed)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether everything expected before the stop has happened.
    fn is_met(&self, test_bed: &TestBed) -> bool {
        let states = test_bed.states();
        let before_stop = self.states.strip_suffix(" closed");
        let streams =
            !self.gives_up && before_stop.is_some_and(|states| states.ends_with("streaming"));
        let state_is_met = match before_stop {
            Some(before_stop) if streams => states == before_stop,
            _ => states == self.states,
        };
        let posted = test_bed.messages().len();
        // The messages about the delete call follow after the stop.
        let after_stop = self
            .messages
            .iter()
            .filter(|message| message.split(' ').nth(1) == Some("delete"))
            .count();
        let seen = test_bed.service.control.snapshot();
        let requests_are_met = count_requests(&seen).into_iter().all(|(call, count)| {
            matches!(call, "delete" | "left") || count >= self.expected_count(call).min
        });
        let answers_are_met = match (streams, self.answer_text) {
            _ if self.without_answers => true,
            (true, None) => test_bed.answers_in_the_last_state() > 0,
            (_, Some(text)) => test_bed.pipeline.results().iter().any(|r| r.text() == text),
            (false, None) => true,
        };
        let messages_are_met = posted + after_stop >= self.messages.len();
        let error_is_met = self.answer_error.is_none_or(|error| {
            let results = test_bed.pipeline.results();
            results.iter().any(|r| {
                let found = r.structure.get::<&str>("error");
                r.structure.get("ok") == Ok(false) && found.is_ok_and(|found| found.contains(error))
            })
        });
        state_is_met && messages_are_met && requests_are_met && answers_are_met && error_is_met
    }

    /// Whether the posted messages are the expected ones.
    fn messages_match(&self, test_bed: &TestBed) -> bool {
        let posted = test_bed.messages();
        posted.len() == self.messages.len()
            && posted.iter().zip(&self.messages).all(|(posted, expected)| {
                let (head, text) = expected.split_once(" | ").unwrap_or((expected, ""));
                posted.split(" | ").next() == Some(head) && posted.contains(text)
            })
    }

    /// The expected number of requests of this call.
    fn expected_count(&self, call: &str) -> CountRange {
        let named = self.requests.split_whitespace().find_map(|entry| {
            let (name, count) = entry.split_once('=')?;
            (name == call).then_some(count)
        });
        let repeats = self.v1 && matches!(call, "get" | "chat" | "balance" | "pricing");
        let count = named.unwrap_or(if repeats { "0.." } else { "0" });
        let min = count.trim_end_matches("..").parse().expect("a count");
        let max = if count.ends_with("..") {
            usize::MAX
        } else {
            min
        };
        CountRange { min, max }
    }

    /// The expected and the actual result, for the message of a panic.
    fn difference(&self, test_bed: &TestBed) -> String {
        format!(
            "\n  expected {:#?}\n  posted   {:#?}\n  expected {}\n  states   {}\n  expected {}\n  requests {:?}",
            self.messages,
            test_bed.messages(),
            self.states,
            test_bed.states(),
            self.requests,
            count_requests(&test_bed.service.control.snapshot())
        )
    }
}

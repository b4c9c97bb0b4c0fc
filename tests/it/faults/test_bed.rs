// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The service, proxy and pipeline of a row of the fault matrix, and what a row can observe.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Snapshot, SocketMessage};

use super::row::ROW_TIMEOUT;
use crate::common::{Pipeline, Proxy, Service};

/// The frame rate of the source, and so of the sibling branch.
const FRAMES_PER_SECOND: f64 = 30.0;
/// This many frames may not have reached the sibling branch yet. A busy machine is late and catches up.
const MAX_FRAMES_IN_TRANSIT: f64 = 9.0;

/// The service, proxy and pipeline of a row.
pub struct TestBed {
    pub service: Service,
    pub proxy: Proxy,
    pub pipeline: Pipeline,
}

/// The number of requests of each call, and as `left` the number of open streams.
pub fn count_requests(seen: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = Call::ALL
        .into_iter()
        .map(|call| (call.name(), seen.calls(call).count()))
        .collect();
    let left = seen.streams.iter().filter(|s| s.ended.is_none()).count();
    counts.insert("left", left);
    counts
}

impl TestBed {
    /// The identifier of the newest stream.
    pub fn stream_id(&self) -> String {
        let seen = self.service.control.snapshot();
        seen.streams.last().expect("a stream").id.clone()
    }

    /// Lets the service send this on the results socket.
    pub fn send_on_socket(&self, message: SocketMessage) {
        let sent = self
            .service
            .control
            .send_on_socket(&self.stream_id(), message);
        assert!(sent, "there is a socket");
    }

    /// The number of requests of this call so far.
    pub fn request_count(&self, call: Call) -> usize {
        self.service.control.snapshot().calls(call).count()
    }

    /// Whether this is the newest state.
    pub fn is_in_state(&self, state: &str) -> bool {
        let states = self.pipeline.states();
        states.last().is_some_and(|newest| newest == state)
    }

    /// Waits until the service has sent a receiver report.
    pub fn wait_for_reports(&self) {
        let deadline = Instant::now() + ROW_TIMEOUT;
        loop {
            let stats: gst::Structure = self.pipeline.sink.property("stats");
            if stats.has_field("rtt-ms") {
                return;
            }
            assert!(Instant::now() < deadline, "no report: {stats}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The messages so far, in the form of [`Row::posts`](super::row::Row::posts).
    pub fn messages(&self) -> Vec<String> {
        let messages = self.pipeline.messages();
        messages
            .iter()
            .filter_map(|(_, message)| {
                let (front, error, details) = match message.view() {
                    gst::MessageView::Error(m) => ("ERROR ", m.error(), m.details()),
                    gst::MessageView::Warning(m) => ("", m.error(), m.details()),
                    gst::MessageView::Element(m) => {
                        let message = m.structure()?;
                        let outcome = match message.has_field("withdrawn") {
                            true => "prompt withdrawn",
                            false => "prompt taken",
                        };
                        let is_prompt = message.name() == "overshoot-prompt";
                        return is_prompt.then(|| outcome.to_owned());
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

    /// The states so far. A message with the same state and a new stream's id does not count.
    pub fn states(&self) -> String {
        let mut states = self.pipeline.states();
        states.dedup();
        states.join(" ")
    }

    /// The number of answers since the newest state message.
    pub fn answers_in_the_last_state(&self) -> usize {
        let states = self.pipeline.element_messages("overshoot-state");
        let changed_at = states.last().map(|state| state.at);
        let results = self.pipeline.results();
        results
            .iter()
            .filter(|result| Some(result.at) > changed_at)
            .count()
    }
}

/// Counts the frames of the second branch.
pub struct Sibling {
    frames: Arc<AtomicU64>,
    first: Arc<std::sync::OnceLock<Instant>>,
}

impl Sibling {
    pub fn attach(pipeline: &Pipeline) -> Self {
        let frames = Arc::new(AtomicU64::new(0));
        let first = Arc::new(std::sync::OnceLock::new());
        let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
        let pad = sibling.static_pad("sink").expect("a sink pad");
        let (count, first_time) = (frames.clone(), first.clone());
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            first_time.get_or_init(Instant::now);
            count.fetch_add(1, Relaxed);
            gst::PadProbeReturn::Ok
        });
        Self { frames, first }
    }

    /// Asserts that every frame up to now has arrived. Returns their number.
    pub fn check(&self) -> u64 {
        let elapsed = self.first.get().map(Instant::elapsed).unwrap_or_default();
        let frames = self.frames.load(Relaxed);
        let due = elapsed.as_secs_f64() * FRAMES_PER_SECOND;
        assert!(
            frames as f64 >= due - MAX_FRAMES_IN_TRANSIT,
            "the sibling got {frames} frames of {due:.0}"
        );
        frames
    }
}

//! What a row of the fault matrix is played with, and what is seen of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Snapshot, SocketMessage};

use super::row::WITHIN;
use crate::common::{Pipeline, Proxy, Service};

/// Frames a second of the source, and so of the sibling.
const RATE: f64 = 30.0;
/// Frames that may be on their way to the sibling: a busy machine runs late, and catches up.
const ON_THE_WAY: f64 = 9.0;

/// What a row plays with.
pub struct Scene {
    pub service: Service,
    pub proxy: Proxy,
    pub pipeline: Pipeline,
}

/// The requests of each call, and the streams that live.
pub fn counted(seen: &Snapshot) -> BTreeMap<&'static str, usize> {
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

    pub fn tells(&self) -> Vec<String> {
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
    pub fn states(&self) -> String {
        let mut states = self.pipeline.states();
        states.dedup();
        states.join(" ")
    }

    pub fn answers_in_the_last_state(&self) -> usize {
        let states = self.pipeline.element_messages("overshoot-state");
        let since = states.last().map(|state| state.at);
        let results = self.pipeline.results();
        results.iter().filter(|r| Some(r.at) > since).count()
    }
}

/// The branch beside the element's.
pub struct Sibling {
    frames: Arc<AtomicU64>,
    first: Arc<std::sync::OnceLock<Instant>>,
}

impl Sibling {
    pub fn of(pipeline: &Pipeline) -> Self {
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
    pub fn check(&self) -> u64 {
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

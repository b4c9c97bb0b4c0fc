// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A pipeline with the element in it. Dropping it sets the pipeline to NULL.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::clock::with_codes;
use super::{KEY, Service, init};

/// A pipeline, its element and all messages of its bus.
pub struct Pipeline {
    pub pipeline: gst::Pipeline,
    /// The element.
    pub sink: gst::Element,
    /// Every message of the bus, with the time when it was posted.
    messages: Arc<Mutex<Vec<(Instant, gst::Message)>>>,
}

/// An element message, with the time when it was posted.
pub struct PostedMessage {
    pub at: Instant,
    pub structure: gst::Structure,
}

impl PostedMessage {
    /// The answer of an `overshoot-result` message.
    pub fn text(&self) -> String {
        self.structure.get("result").expect("a result has a text")
    }

    /// The raw JSON of an `overshoot-result` message.
    pub fn json(&self) -> String {
        self.structure.get("json").expect("a result has its JSON")
    }
}

impl Pipeline {
    /// Parses a launch line that contains `overshootsink name=o …`. The element uses this service.
    pub fn new(service: &Service, line: &str) -> Self {
        Self::at(&service.url, line)
    }

    /// Like [`Pipeline::new`], with the service at this URL.
    pub fn at(url: &str, line: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(&with_codes(line))
            .unwrap_or_else(|error| panic!("{line}: {error}"))
            .downcast::<gst::Pipeline>()
            .expect("a pipeline");
        let sink = pipeline.by_name("o").expect("the element is named o");
        sink.set_property("api-url", url);
        sink.set_property("api-key", KEY);
        if sink.property::<String>("prompt").is_empty() {
            sink.set_property("prompt", "What do you see?");
        }
        let messages = Arc::new(Mutex::new(Vec::new()));
        let posted = messages.clone();
        let bus = pipeline.bus().expect("a pipeline has a bus");
        bus.set_sync_handler(move |_, message| {
            posted
                .lock()
                .expect("no panic")
                .push((Instant::now(), message.clone()));
            gst::BusSyncReply::Drop
        });
        Self {
            pipeline,
            sink,
            messages,
        }
    }

    /// Sets the pipeline to PLAYING.
    pub fn play(&self) {
        self.pipeline
            .set_state(gst::State::Playing)
            .unwrap_or_else(|_| panic!("does not start: {:?}", self.failures()));
    }

    /// Sets the pipeline to NULL. Returns how long that took.
    pub fn stop(&self) -> Duration {
        let start = Instant::now();
        self.pipeline
            .set_state(gst::State::Null)
            .expect("stopping always works");
        start.elapsed()
    }

    /// All messages of the bus so far.
    pub fn messages(&self) -> Vec<(Instant, gst::Message)> {
        self.messages.lock().expect("no panic").clone()
    }

    /// Waits for a message for which `select` returns a value, and returns the value.
    pub fn wait_for<T>(
        &self,
        why: &str,
        timeout: Duration,
        select: impl Fn(&gst::Message) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + timeout;
        let mut checked = 0;
        loop {
            let new = self.messages().split_off(checked);
            checked += new.len();
            if let Some(found) = new.iter().find_map(|(_, message)| select(message)) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "timeout while waiting for {why}; failures {:?}, states {:?}",
                self.failures(),
                self.states()
            );
            // Polling is simpler than a wake-up from the bus handler.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for EOS. An ERROR message fails the test.
    pub fn wait_for_eos(&self, timeout: Duration) {
        self.wait_for("EOS", timeout, |message| match message.view() {
            gst::MessageView::Eos(_) if is_pipeline(message) => Some(()),
            gst::MessageView::Error(error) => panic!("{}: {:?}", error.error(), error.debug()),
            _ => None,
        });
    }

    /// Waits for an element message of this name.
    pub fn wait_for_element(&self, name: &str, timeout: Duration) -> gst::Structure {
        self.wait_for(name, timeout, |message| {
            message
                .structure()
                .filter(|_| message.type_() == gst::MessageType::Element)
                .filter(|structure| structure.name() == name)
                .map(|structure| structure.to_owned())
        })
    }

    /// Waits for an `overshoot-state` message with this state.
    pub fn wait_for_state(&self, state: &str, timeout: Duration) -> gst::Structure {
        self.wait_for(state, timeout, |message| {
            message
                .structure()
                .filter(|structure| structure.name() == "overshoot-state")
                .filter(|structure| structure.get::<&str>("state") == Ok(state))
                .map(|structure| structure.to_owned())
        })
    }

    /// The `overshoot-result` messages so far, in order.
    pub fn results(&self) -> Vec<PostedMessage> {
        self.element_messages("overshoot-result")
    }

    /// The element messages of this name so far, in order.
    pub fn element_messages(&self, name: &str) -> Vec<PostedMessage> {
        self.messages()
            .into_iter()
            .filter_map(|(at, message)| {
                let structure = message.structure()?.to_owned();
                (message.type_() == gst::MessageType::Element && structure.name() == name)
                    .then_some(PostedMessage { at, structure })
            })
            .collect()
    }

    /// The states in the `overshoot-state` messages so far, in order.
    pub fn states(&self) -> Vec<String> {
        self.element_messages("overshoot-state")
            .iter()
            .filter_map(|posted| posted.structure.get("state").ok())
            .collect()
    }

    /// The ERROR and WARNING messages so far.
    pub fn failures(&self) -> Vec<Failure> {
        let messages = self.messages();
        messages
            .iter()
            .filter_map(|(_, m)| Failure::of(m))
            .collect()
    }

    /// Changes the pattern of the `videotestsrc` named `source`, from its next frame on.
    ///
    /// Its own thread does that: elsewhere it may change a picture that is being copied (1.22: a critical message in 4 of
    /// 400 runs on a busy machine).
    pub fn show_pattern(&self, pattern: &str) {
        let source = self.pipeline.by_name("source").expect("the source");
        let pad = source.static_pad("src").expect("a pad");
        if source.current_state() == gst::State::Null {
            return source.set_property_from_str("pattern", pattern);
        }
        let (sender, done) = std::sync::mpsc::channel();
        let pattern = pattern.to_owned();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
            let source = pad.parent_element().expect("a source");
            source.set_property_from_str("pattern", &pattern);
            // It fails if the test has given up.
            let _ = sender.send(());
            gst::PadProbeReturn::Remove
        });
        let changed = done.recv_timeout(Duration::from_secs(20));
        changed.expect("the source sends frames");
    }

    /// Waits for an ERROR message (`fatal`) or a WARNING message.
    pub fn wait_for_failure(&self, fatal: bool, timeout: Duration) -> Failure {
        let why = if fatal { "an ERROR" } else { "a WARNING" };
        self.wait_for(why, timeout, |message| {
            Failure::of(message).filter(|failure| failure.fatal == fatal)
        })
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

fn is_pipeline(message: &gst::Message) -> bool {
    message.src().is_some_and(|src| src.is::<gst::Pipeline>())
}

/// An ERROR or WARNING message of the element.
#[derive(Debug)]
pub struct Failure {
    pub fatal: bool,
    pub error: gst::glib::Error,
    pub text: String,
    // Only the messages of panics show this field.
    #[allow(dead_code)]
    pub debug: String,
    pub details: Option<gst::Structure>,
}

impl Failure {
    fn of(message: &gst::Message) -> Option<Self> {
        let (fatal, error, debug, details) = match message.view() {
            gst::MessageView::Error(m) => (true, m.error(), m.debug(), m.details()),
            gst::MessageView::Warning(m) => (false, m.error(), m.debug(), m.details()),
            _ => return None,
        };
        Some(Self {
            fatal,
            text: error.message().to_owned(),
            error,
            debug: debug.unwrap_or_default().into(),
            details: details.map(|details| details.to_owned()),
        })
    }

    /// Whether the error has this code.
    pub fn is(&self, code: gst::ResourceError) -> bool {
        self.error.matches(code)
    }

    /// A field of the `overshoot-error` details.
    pub fn detail<'a, T>(&'a self, field: &str) -> Option<T>
    where
        T: gst::glib::value::FromValue<'a>,
    {
        self.details.as_ref()?.get(field).ok()
    }
}

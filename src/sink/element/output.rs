//! What the element tells the application: answers, states, the end.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::session::Answer;
use crate::session::question::OneShotQuestion;
use crate::sink::answers::messages;
use crate::sink::enums::State;
use crate::sink::lock::lock;
use crate::sink::{CAT, running_time};

impl OvershootSink {
    /// An answer: to the bus, the pads, the signal and the property. `interval` is the time to the
    /// next one, `stream_epoch` counts the streams.
    pub fn deliver_answer(&self, answer: &Answer, interval: Duration, stream_epoch: u64) {
        let obj = self.obj();
        let context = self.context(answer, stream_epoch);
        if context.late && self.settings().drop_late_results {
            gst::debug!(CAT, imp = self, "an answer to an earlier prompt is dropped");
            self.public_state().answers_dropped += 1;
            return;
        }
        let result = messages::result(answer, &context);
        let text = answer.result.result.clone().unwrap_or_default();
        // What people look at shows no old news, and no answers to what somebody else asked.
        let fresh = !context.stale && answer.question.is_none() && answer.ask_serial.is_none();
        {
            let mut public = self.public_state();
            if fresh {
                public.last_result = Some(text.clone());
            }
            public.answers += 1;
            if answer.result.ok == Some(false) {
                public.answers_failed += 1;
            }
        }
        messages::post(&obj, result.clone());
        {
            let pads = lock(&self.pads);
            let time = context.running_time.unwrap_or_default();
            if let Some(pad) = pads.text.as_ref().filter(|_| fresh) {
                pad.push(text, time, interval);
            }
            if let Some(pad) = &pads.json {
                pad.push(line(&answer.json, context.stale), time, interval);
            }
        }
        obj.emit_by_name::<()>("result", &[&result]);
        if fresh {
            obj.notify_last_result();
        }
    }

    fn context(&self, answer: &Answer, stream_epoch: u64) -> messages::Context {
        let running_time = running_time(self.obj().upcast_ref())
            .map(|now| now.saturating_sub(messages::clock_time(Instant::now() - answer.arrived)));
        let latency = messages::latency(answer).unwrap_or_default();
        let seen = answer.arrived.checked_sub(latency);
        let video = self.video();
        // Of the element's own question: others are never late, whatever they ask.
        let is_own = answer.question.is_none() && answer.ask_serial.is_none();
        let prompt = answer.result.prompt.as_deref().filter(|_| is_own);
        let prompt_serial = prompt.and_then(|prompt| self.prompt_serial(prompt));
        let newest = lock(&self.prompt_history).newest();
        messages::Context {
            running_time,
            age: video.as_ref().map_or(gst::ClockTime::ZERO, |v| v.age()),
            prompt_serial,
            late: prompt_serial.is_some_and(|serial| serial < newest),
            // Whether the service counts from the picture's arrival or from its own look at it.
            stale: video.is_some_and(|video| {
                [Some(answer.arrived), seen]
                    .into_iter()
                    .flatten()
                    .any(|at| video.was_stalled(at))
            }),
            stream_epoch,
        }
    }

    /// The property `stats`.
    pub(super) fn stats(&self) -> gst::Structure {
        let mut stats = gst::Structure::new_empty("overshoot-stats");
        let (video, connection) = {
            let public = self.public_state();
            stats.set("answers", public.answers);
            stats.set("answers-failed", public.answers_failed);
            stats.set("answers-dropped-late", public.answers_dropped);
            (public.video.clone(), public.stats.clone())
        };
        connection.add_to(&mut stats);
        if let Some(video) = video {
            video.add_stats(&mut stats);
        }
        stats
    }

    /// The number of a prompt, counted from 1.
    pub fn prompt_serial(&self, prompt: &str) -> Option<u64> {
        lock(&self.prompt_history).serial_of(prompt)
    }

    /// A question that was asked once gets no answer of the service's.
    pub fn report_unanswered(&self, ask: &OneShotQuestion, why: &str) {
        let obj = self.obj();
        let result = messages::unanswered(ask, why, running_time(obj.upcast_ref()));
        messages::post(&obj, result.clone());
        obj.emit_by_name::<()>("result", &[&result]);
    }

    /// Shows the state in the properties and on the bus.
    pub fn show_state(&self, state: State, stream_id: Option<&str>, reason: Option<&str>) {
        let changed = {
            let mut public = self.public_state();
            let changed = public.state != state || public.stream_id.as_deref() != stream_id;
            public.state = state;
            public.stream_id = stream_id.map(str::to_owned);
            changed
        };
        if changed {
            let obj = self.obj();
            messages::post(&obj, messages::state(state, stream_id, reason));
            obj.notify_state();
            obj.notify_stream_id();
        }
    }

    /// The last answer is here: the end goes on to the bus and the text pads.
    pub fn forward_eos(&self) {
        self.end_text();
        let eos = lock(&self.running).as_mut().and_then(|r| r.eos.take());
        if let Some(eos) = eos {
            self.parent_handle_message(eos);
        }
    }

    pub fn end_text(&self) {
        let pads = lock(&self.pads);
        for pad in [&pads.text, &pads.json].into_iter().flatten() {
            pad.end();
        }
    }
}

/// A line of JSON Lines: the service's message, with the one mark that it could not make.
fn line(json: &str, stale: bool) -> String {
    let marked = stale.then(|| {
        let mut message: serde_json::Map<_, _> = serde_json::from_str(json).ok()?;
        message.insert("stale".to_owned(), true.into());
        serde_json::to_string(&message).ok()
    });
    marked.flatten().unwrap_or_else(|| json.to_owned()) + "\n"
}

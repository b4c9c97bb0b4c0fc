// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's output to the application: answers, states, statistics, EOS.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::question::OneShotQuestion;
use crate::session::v1::chat::FRAME_ARRIVAL;
use crate::session::{Answer, Api};
use crate::sink::answers::answer_pad::AnswerPad;
use crate::sink::answers::delivery::Delivery;
use crate::sink::answers::sent_frames::CaptureTime;
use crate::sink::answers::{costs, messages};
use crate::sink::enums::{Outputs, State};
use crate::sink::{CAT, call, running_time};

impl OvershootSink {
    /// Whether the calling thread is not the controller of an earlier run. A signal handler may start the element
    /// again, on the thread of the controller that it ends: that one still has to close its stream.
    pub fn is_current_run(&self) -> bool {
        let running = lock(&self.running);
        !running
            .as_ref()
            .is_some_and(|running| running.controller.another_runs_here())
    }

    /// Decides what an answer means: whether it is late, says the same as the one before, or raises alerts. `None`: it is
    /// dropped. `stream_epoch` is the number of the stream, counted from 1.
    pub fn prepare_delivery(&self, answer: &Answer, stream_epoch: u64) -> Option<Delivery> {
        if !self.is_current_run() {
            return None;
        }
        let mut context = self.context(answer, stream_epoch);
        if context.late && self.settings().drop_late_results {
            gst::debug!(
                CAT,
                imp = self,
                "dropping an answer to an earlier prompt, because drop-late-results is set"
            );
            self.public_state().answers_dropped += 1;
            return None;
        }
        let question = answer.question.as_deref();
        let mut changes = Vec::new();
        if let Some(text) = about_now(answer, &context) {
            context.repeated = lock(&self.changes).is_repeated(question, text);
            let time = context.capture_time.or(context.running_time);
            changes = lock(&self.alerts).answer(question, text, time, answer.arrived);
        }
        Some(Delivery { context, changes })
    }

    /// Delivers an answer to the bus, the answer pads, the signal `result` and the property `last-result`.
    /// `interval` is the time to the next answer.
    pub fn deliver_answer(&self, answer: &Answer, delivery: &Delivery, interval: Duration) {
        if !self.is_current_run() {
            return;
        }
        let obj = self.obj();
        let context = &delivery.context;
        let held_back = match context.repeated {
            true => self.settings().changes_only,
            false => Outputs::empty(),
        };
        let goes_to = |output| !held_back.contains(output);
        let result = messages::result(answer, context);
        let has_failed = answer.result.ok == Some(false);
        // What came before an answer failed is no answer.
        let text = answer.result.result.clone();
        let text = text.filter(|_| !has_failed).unwrap_or_default();
        // `last-result` and `text_src` are for people who read along. They get only answers to `prompt`, and
        // only answers about fresh frames.
        let fresh = !context.stale && answer.question.is_none() && answer.ask_serial.is_none();
        {
            let mut public = self.public_state();
            if fresh && goes_to(Outputs::SIGNAL) {
                public.last_result = Some(text.clone());
            }
            public.answers += 1;
            public.answers_repeated += u64::from(context.repeated);
            if has_failed {
                public.answers_failed += 1;
            }
        }
        // Before the answer itself: a valve behind a pad opens in time, and an application knows what the answer raises.
        self.deliver_alerts(answer, delivery, interval);
        if goes_to(Outputs::MESSAGES) {
            messages::post(&obj, result.clone());
        }
        if let Some(text) = about_now(answer, context) {
            self.inform_host(text, answer, context);
        }
        if goes_to(Outputs::PADS) {
            let pads = lock(&self.pads);
            let time = context.running_time.unwrap_or_default();
            if let Some(pad) = pads.text.as_ref().filter(|_| fresh) {
                pad.push(text, time, interval);
            }
            if let Some(pad) = &pads.json {
                pad.push(json_line(&answer.json, context), time, interval);
            }
        }
        if goes_to(Outputs::SIGNAL) {
            call::emit(&obj, "result", &[&result]);
            if fresh {
                call::notify(&obj, "last-result");
            }
        }
    }

    fn context(&self, answer: &Answer, stream_epoch: u64) -> messages::Context {
        let running_time = running_time(self.obj().upcast_ref())
            .map(|now| now.saturating_sub(messages::clock_time(Instant::now() - answer.arrived)));
        let latency = messages::latency(answer).unwrap_or_default();
        let seen = answer.arrived.checked_sub(latency + answer.end_offset);
        let video = self.video();
        let frame = self.frame_of_answer(answer);
        // Only answers to the property `prompt` can be late. Answers to `questions` and `ask` never are, even
        // if their text equals an earlier prompt.
        let is_own = answer.question.is_none() && answer.ask_serial.is_none();
        let prompt_serial = answer.prompt_serial.filter(|_| is_own);
        let newest = self.prompt.borrow().serial;
        // The age of frames when they arrive at the element.
        let age = video.as_ref().map_or(gst::ClockTime::ZERO, |video| {
            // Frames that waited for the stream were sent later than they arrived.
            let delay = seen.map_or(gst::ClockTime::ZERO, |seen| video.delay_at(seen));
            video.age() + delay
        });
        messages::Context {
            running_time,
            capture_time: frame
                .map(|frame| frame.time)
                .or_else(|| messages::estimated_capture_time(answer, running_time, age)),
            capture_time_accuracy: frame.map(|frame| frame.accuracy),
            prompt_serial,
            late: prompt_serial.is_some_and(|serial| serial < newest),
            // Of an answer about now, both times are checked: the service may measure the latency from the arrival
            // of the frame or from its own sampling.
            stale: video.is_some_and(|video| {
                let arrived = Some(answer.arrived).filter(|_| answer.end_offset.is_zero());
                let mut times = [arrived, seen].into_iter().flatten();
                times.any(|at| video.was_stalled(at))
            }),
            stream_epoch,
            repeated: false,
            picture: None,
            file: None,
        }
    }

    fn frame_of_answer(&self, answer: &Answer) -> Option<CaptureTime> {
        let (stats, api) = {
            let public = self.public_state();
            (public.stats.clone(), public.api?)
        };
        let taken = messages::taken(answer, api, FRAME_ARRIVAL)?;
        stats.frame_of_answer(taken, answer)
    }

    /// The property `stats`.
    pub(super) fn stats(&self) -> gst::Structure {
        let mut stats = gst::Structure::new_empty("overshoot-stats");
        let (video, connection, account, evidence) = {
            let public = self.public_state();
            stats.set("answers", public.answers);
            stats.set("answers-failed", public.answers_failed);
            stats.set("answers-dropped-late", public.answers_dropped);
            stats.set("answers-repeated", public.answers_repeated);
            (
                public.video.clone(),
                public.stats.clone(),
                public.account.clone(),
                public.evidence.clone(),
            )
        };
        connection.add_to(&mut stats);
        costs::add_to(&mut stats, &account.sums());
        if let Some(video) = video {
            video.add_stats(&mut stats);
        }
        if let Some(evidence) = evidence {
            evidence.add_to(&mut stats);
        }
        stats
    }

    /// Reports that a one-shot question (`ask`) gets no answer from the service.
    pub fn report_unanswered(&self, ask: &OneShotQuestion, why: &str) {
        let obj = self.obj();
        let result = messages::unanswered(ask, why, running_time(obj.upcast_ref()));
        messages::post(&obj, result.clone());
        call::emit(&obj, "result", &[&result]);
    }

    /// Publishes the state: sets the properties and posts `overshoot-state`, if something changed.
    pub fn show_state(&self, state: State, stream_id: Option<&str>, reason: Option<&str>) {
        if !self.is_current_run() {
            return;
        }
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
            call::notify(&obj, "state");
            call::notify(&obj, "stream-id");
        }
    }

    /// Publishes which API the service is used with.
    pub fn show_api(&self, api: Api) {
        if self.is_current_run() {
            self.public_state().api = Some(api);
        }
    }

    /// Sends EOS on to the bus and to the answer pads, after the last answer.
    pub fn forward_eos(&self) {
        if !self.is_current_run() {
            return;
        }
        self.end_answer_pads();
        let ends = lock(&self.running)
            .as_mut()
            .map(|running| running.end.take());
        for eos in ends.into_iter().flatten() {
            self.parent_handle_message(eos);
        }
    }

    /// Lets the answer pads start a new stream after EOS.
    pub fn restart_answer_pads(&self) {
        let pads = lock(&self.pads);
        pads.iter().for_each(AnswerPad::restart);
    }

    /// Queues EOS on the answer pads.
    pub fn end_answer_pads(&self) {
        let pads = lock(&self.pads);
        pads.iter().for_each(AnswerPad::end);
    }
}

/// The text of an answer that says something about what is in front of the camera now. `None`: it failed, its picture or its
/// question is old, or it was asked for once.
fn about_now<'a>(answer: &'a Answer, context: &messages::Context) -> Option<&'a str> {
    let is_failed = answer.result.ok == Some(false) || answer.schema_error.is_some();
    let is_old = context.stale || context.late || answer.ask_serial.is_some();
    let text = answer.result.result.as_deref();
    text.filter(|_| !is_failed && !is_old)
}

/// A line of JSON Lines: the service's message. What the service cannot know is added: `"stale": true` if the answer is
/// stale, and the file of an alert that it raises.
fn json_line(json: &str, context: &messages::Context) -> String {
    let is_marked = context.stale || context.file.is_some();
    let marked = is_marked.then(|| {
        let mut message: serde_json::Map<_, _> = serde_json::from_str(json).ok()?;
        if context.stale {
            message.insert("stale".to_owned(), true.into());
        }
        if let Some(file) = &context.file {
            message.insert("evidence_location".to_owned(), file.as_str().into());
        }
        serde_json::to_string(&message).ok()
    });
    marked.flatten().unwrap_or_else(|| json.to_owned()) + "\n"
}

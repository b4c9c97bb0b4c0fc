// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which answers belong to a frame, and their metadata: the custom meta `overshoot`, and GstAnalytics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::glib;
use serde_json::Value;

use super::CAT;
use super::labels::{self, Labels};
use crate::analytics;
use crate::lock::lock;
use crate::session::model_text::without_code_fence;
use crate::sink::HostedAnswer;

/// The name of the custom meta, and of its structure.
const META: &str = "overshoot";
/// More answers to one question than a minute has.
const MAX_ANSWERS: usize = 1024;
/// More questions than can be asked (`session::question`).
const MAX_QUESTIONS: usize = 64;

/// A frame, as far as it matters to its answers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it arrived at this element.
    pub arrived: Instant,
    /// Its timestamp in running time.
    pub running_time: Option<gst::ClockTime>,
    /// Width and height in pixels.
    pub size: Option<(i32, i32)>,
}

/// The newest answers. Only those about now count: no failed, late or stale one, and none that was asked for once.
#[derive(Default)]
pub struct Answers(Mutex<State>);

#[derive(Default)]
struct State {
    /// How long an answer is kept after a newer one.
    keep: Duration,
    /// Frames that arrived earlier do not count any more.
    since: Option<Instant>,
    /// The answers of each question, the oldest first. The question of `prompt` comes first.
    questions: Vec<(Option<String>, VecDeque<Arc<Prepared>>)>,
}

/// An answer with what does not differ from frame to frame.
struct Prepared {
    answer: HostedAnswer,
    /// The text without what models put around JSON, if it is JSON.
    json: Option<String>,
    labels: Labels,
    alerts: gst::Array,
    /// The first frame that it is about arrived then.
    from: Instant,
}

impl Prepared {
    fn new(answer: HostedAnswer) -> Self {
        let code = without_code_fence(&answer.text);
        let value: Option<Value> = serde_json::from_str(code).ok();
        let labels = value.as_ref().filter(|_| analytics::is_available());
        let schema = answer.schema.as_ref().map(|schema| schema.value());
        Self {
            json: value.is_some().then(|| code.to_owned()),
            labels: labels
                .map(|value| labels::read(value, schema))
                .unwrap_or_default(),
            alerts: gst::Array::new(answer.alerts.iter().map(String::as_str)),
            from: answer
                .seen
                .checked_sub(answer.window)
                .unwrap_or(answer.seen),
            answer,
        }
    }

    /// Writes the custom meta.
    fn write(&self, buffer: &mut gst::BufferRef, frame: &Frame) -> Result<(), glib::BoolError> {
        let mut meta = gst::meta::CustomMeta::add(buffer, META)?;
        let fields = meta.mut_structure();
        let answer = &self.answer;
        fields.set("text", &answer.text);
        if let Some(json) = &self.json {
            fields.set("json", json);
        }
        if let Some(question) = &answer.question {
            fields.set("question", question);
        }
        if let Some(id) = &answer.id {
            fields.set("id", id);
        }
        if let Some(time) = answer.running_time {
            fields.set("running-time", time);
        }
        if let Some(time) = answer.capture_time {
            fields.set("capture-time", time);
        }
        let about = answer.capture_time.or(answer.running_time);
        if let Some((now, then)) = frame.running_time.zip(about) {
            fields.set("age", now.saturating_sub(then));
        }
        fields.set("alerts", &self.alerts);
        Ok(())
    }
}

impl Answers {
    /// Sets how long an answer is needed after a newer one: as long as frames are delayed.
    pub fn keep_for(&self, keep: Duration) {
        lock(&self.0).keep = keep;
    }

    /// Forgets all answers, also those that are still on their way: they are about another part of the video.
    pub fn clear(&self) {
        let dropped = {
            let mut state = lock(&self.0);
            state.since = Some(Instant::now());
            std::mem::take(&mut state.questions)
        };
        drop(dropped);
    }

    pub fn add(&self, answer: HostedAnswer) {
        let question = answer.question.clone();
        let prepared = Arc::new(Prepared::new(answer));
        let mut state = lock(&self.0);
        let State {
            keep,
            since,
            questions,
        } = &mut *state;
        if since.is_some_and(|since| prepared.answer.seen < since) {
            return;
        }
        let index = questions.iter().position(|(name, _)| *name == question);
        let index = index.unwrap_or_else(|| {
            if questions.len() >= MAX_QUESTIONS {
                questions.pop();
            }
            let index = if question.is_none() {
                0
            } else {
                questions.len()
            };
            questions.insert(index, (question, VecDeque::new()));
            index
        });
        let answers = &mut questions[index].1;
        answers.push_back(prepared);
        let needed = Instant::now().checked_sub(*keep);
        let is_over = |next: &Prepared| needed.is_none_or(|needed| next.from < needed);
        while answers.len() > MAX_ANSWERS || answers.get(1).is_some_and(|next| is_over(next)) {
            answers.pop_front();
        }
    }

    /// Attaches the answers to a frame. Its memory is not copied. `by_time`: the answers that are about this frame, not
    /// the newest ones.
    pub fn attach(&self, mut buffer: gst::Buffer, frame: &Frame, by_time: bool) -> gst::Buffer {
        let answers = self.of(frame, by_time);
        if answers.is_empty() {
            return buffer;
        }
        // The branch may have it, too. Then this one is a copy that shares its memory, and the memory must not go back to
        // its pool before both are done.
        let original = buffer.get_mut().is_none().then(|| buffer.clone());
        let writable = buffer.make_mut();
        if let Some(original) = original {
            gst::meta::ParentBufferMeta::add(writable, &original);
        }
        for answer in answers {
            if let Err(error) = answer.write(writable, frame) {
                gst::error!(CAT, "no metadata: {error}");
            }
            if let Some(size) = frame.size {
                answer.labels.write(writable, size);
            }
        }
        buffer
    }

    fn of(&self, frame: &Frame, by_time: bool) -> Vec<Arc<Prepared>> {
        let state = lock(&self.0);
        let of_question = |answers: &VecDeque<Arc<Prepared>>| {
            let mut newest_first = answers.iter().rev();
            let found = match by_time {
                false => newest_first.next(),
                true => newest_first.find(|answer| answer.from <= frame.arrived),
            };
            found.cloned()
        };
        let questions = state.questions.iter();
        questions
            .filter_map(|(_, answers)| of_question(answers))
            .collect()
    }
}

/// Registers the custom meta, once a process. It has no tags, so elements that change the video copy it.
pub fn register_meta() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !gst::meta::CustomMeta::is_registered(META) {
            gst::meta::CustomMeta::register(META, &[]);
        }
    });
}

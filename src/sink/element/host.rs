// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Another element that has this one inside, such as `overshootfilter`. The application sees only that element: messages,
//! signals and changes of properties come from there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::error::Error;
use crate::session::question::{Moment, Question};
use crate::session::schema::Schema;
use crate::session::{Answer, Api};
use crate::sink::answers::messages::{self, Context};
use crate::sink::config::questions;

/// The element around this one. It has all properties and signals of this one, under the same names.
pub struct Host {
    element: glib::WeakRef<gst::Element>,
    on_answer: Box<dyn Fn(HostedAnswer) + Send + Sync>,
}

/// An answer about what is in front of the camera now.
#[derive(Debug, Clone)]
pub struct HostedAnswer {
    pub text: String,
    /// The service's name for it.
    pub id: Option<String>,
    /// The name of the question; `None` for `prompt`.
    pub question: Option<String>,
    /// When it arrived, in running time.
    pub running_time: Option<gst::ClockTime>,
    /// When the newest frame that it is about was captured, in running time.
    pub capture_time: Option<gst::ClockTime>,
    /// When the newest frame that it is about arrived at this element.
    pub seen: Instant,
    /// How long the clip is that it is about; zero for a frame.
    pub window: Duration,
    /// The schema that it fits.
    pub schema: Option<Schema>,
    /// The names of all alerts that are raised.
    pub alerts: Vec<String>,
}

impl OvershootSink {
    /// Makes `element` the host. `on_answer` gets each answer, on the controller's thread.
    pub fn set_host(
        &self,
        element: &gst::Element,
        on_answer: impl Fn(HostedAnswer) + Send + Sync + 'static,
    ) {
        let host = Host {
            element: element.downgrade(),
            on_answer: Box::new(on_answer),
        };
        if self.host.set(host).is_err() {
            gst::error!(crate::sink::CAT, imp = self, "there is a host already");
        }
    }

    pub(super) fn has_host(&self) -> bool {
        self.host.get().is_some()
    }

    /// The element that the application sees.
    pub fn public_element(&self) -> gst::Element {
        let host = self.host.get().and_then(|host| host.element.upgrade());
        host.unwrap_or_else(|| self.obj().clone().upcast())
    }

    /// Gives an answer about now to the host, after its alerts were raised.
    pub(super) fn inform_host(&self, text: &str, answer: &Answer, context: &Context) {
        let Some(host) = self.host.get() else {
            return;
        };
        let question = self.question_of(answer);
        let question = question.as_deref();
        let age = messages::latency(answer).unwrap_or_default() + answer.end_offset;
        let window = question.map(|question| Moment::of(&question.processing).window);
        (host.on_answer)(HostedAnswer {
            text: text.to_owned(),
            id: answer.result.id.clone(),
            question: answer.question.clone(),
            running_time: context.running_time,
            capture_time: context.capture_time,
            seen: answer.arrived.checked_sub(age).unwrap_or(answer.arrived),
            window: window.unwrap_or_default(),
            schema: question.and_then(|question| question.schema.clone()),
            alerts: lock(&self.alerts).raised(),
        });
    }

    /// The question of an answer, as far as its settings are known.
    fn question_of(&self, answer: &Answer) -> Option<Arc<Question>> {
        let live = self.live_questions()?;
        let name = answer.question.as_deref();
        let is_same = |question: &&Arc<Question>| question.name.as_deref() == name;
        let changed = {
            let live = live.borrow();
            match name {
                None => live.own(answer.prompt_serial.unwrap_or(u64::MAX)).cloned(),
                Some(_) => live
                    .named()
                    .and_then(|named| named.iter().find(is_same).cloned()),
            }
        };
        changed.or_else(|| self.questions_at_start().iter().find(is_same).cloned())
    }

    /// The questions of the properties. They are read once a run, because a schema takes time.
    fn questions_at_start(&self) -> Arc<Vec<Arc<Question>>> {
        let (known, rate) = match &*lock(&self.running) {
            None => return Arc::default(),
            Some(running) => (
                running.first_questions.clone(),
                running.source.borrow().rate,
            ),
        };
        known.unwrap_or_else(|| {
            let settings = self.settings().clone();
            let api = self.public_state().api.unwrap_or(Api::V02);
            let own = settings.own_question(api, rate).ok();
            let named = questions::read(&settings.questions, settings.v1_fps());
            let all = own.into_iter().chain(named.unwrap_or_default());
            let all = Arc::new(all.map(Arc::new).collect::<Vec<_>>());
            if let Some(running) = &mut *lock(&self.running) {
                running.first_questions = Some(all.clone());
            }
            all
        })
    }

    /// Posts a WARNING: the host cannot give this video to this element.
    pub fn warn_about_input(&self, why: &str) {
        messages::post_failure(&self.obj(), &Error::settings(why), false, false);
    }
}

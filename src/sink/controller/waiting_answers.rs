// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers that wait for their pictures or files. They stay in order: an answer that needs nothing waits for those before
//! it. Each waits for a bounded time and then goes without.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::subclass::prelude::*;

use super::Controller;
use super::inbox::Command;
use crate::session::Answer;
use crate::sink::answers::delivery::Delivery;
use crate::sink::evidence::keeper::{EVIDENCE_TIMEOUT, Found, Request};
use crate::sink::{CAT, OvershootSink};

/// More never wait: the one that waits longest goes without.
const MAX_WAITING: usize = 64;

struct WaitingAnswer {
    serial: u64,
    answer: Box<Answer>,
    delivery: Delivery,
    /// The time to the next answer.
    interval: Duration,
    deadline: Instant,
    is_ready: bool,
}

/// The oldest first.
#[derive(Default)]
pub(super) struct WaitingAnswers {
    answers: VecDeque<WaitingAnswer>,
    serial: u64,
}

impl WaitingAnswers {
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// When the oldest one goes without.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.answers.front().map(|answer| answer.deadline)
    }

    fn take_ready(&mut self) -> Option<WaitingAnswer> {
        let is_full = self.answers.len() > MAX_WAITING;
        let oldest = self.answers.front()?;
        let is_over = is_full || oldest.is_ready || oldest.deadline <= Instant::now();
        is_over.then(|| self.answers.pop_front()).flatten()
    }
}

impl Controller {
    /// Delivers an answer, at once or with its picture and file. `epoch` is the number of its stream.
    pub(super) fn take_answer(&mut self, element: &OvershootSink, answer: Box<Answer>, epoch: u64) {
        let Some(mut delivery) = element.imp().prepare_delivery(&answer, epoch) else {
            return;
        };
        let waiting = &mut self.waiting_answers;
        waiting.serial += 1;
        let serial = waiting.serial;
        let is_ready = match &self.evidence {
            None => true,
            Some(evidence) => {
                let context = &delivery.context;
                let request = Request {
                    // Without an accuracy, the frame is not known.
                    time: context
                        .capture_time
                        .filter(|_| context.capture_time_accuracy.is_some()),
                    now: context.running_time,
                    alert: delivery.raised().map(str::to_owned),
                };
                match evidence.find_now(&request) {
                    Some(found) => {
                        add(found, &mut delivery);
                        true
                    }
                    None => {
                        let inbox = self.channels.inbox.clone();
                        !evidence.request(request, move |found| {
                            // If the inbox is full or closed, the answer goes without.
                            let _ = inbox.try_send(Command::Evidence(serial, found));
                        })
                    }
                }
            }
        };
        waiting.answers.push_back(WaitingAnswer {
            serial,
            answer,
            delivery,
            interval: self.interval,
            deadline: Instant::now() + EVIDENCE_TIMEOUT,
            is_ready,
        });
        self.deliver_ready(element);
    }

    /// What an answer waits for.
    pub(super) fn evidence_found(&mut self, element: &OvershootSink, serial: u64, found: Found) {
        let mut answers = self.waiting_answers.answers.iter_mut();
        if let Some(waiting) = answers.find(|waiting| waiting.serial == serial) {
            add(found, &mut waiting.delivery);
            waiting.is_ready = true;
        }
        self.deliver_ready(element);
    }

    /// Delivers the answers that need not wait any more.
    pub(super) fn deliver_ready(&mut self, element: &OvershootSink) {
        while let Some(waiting) = self.waiting_answers.take_ready() {
            deliver(element, &waiting);
        }
    }

    /// Delivers all of them: the stream or the run ends.
    pub(super) fn deliver_all(&mut self, element: &OvershootSink) {
        for waiting in std::mem::take(&mut self.waiting_answers.answers) {
            deliver(element, &waiting);
        }
    }
}

fn add(found: Found, delivery: &mut Delivery) {
    delivery.context.picture = found.picture;
    delivery.context.file = found.file;
}

fn deliver(element: &OvershootSink, waiting: &WaitingAnswer) {
    if !waiting.is_ready {
        gst::info!(
            CAT,
            obj = element,
            "an answer does not wait any longer for its picture or its file"
        );
    }
    let imp = element.imp();
    imp.deliver_answer(&waiting.answer, &waiting.delivery, waiting.interval);
}

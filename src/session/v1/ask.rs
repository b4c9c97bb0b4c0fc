// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The questions of a stream: which requests to send.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::awaited_event::{AwaitedEvents, Reason};
use super::chat::{Chat, Instructions, QuestionId};
use super::gate::Gate;
use super::model_choice::ModelChoice;
use super::schedule::{ScheduledQuestion, Subject};
use crate::session::ask_window::AskWindow;
use crate::session::config::{NewestFrame, SessionConfig};
use crate::session::costs::account::Ticket;
use crate::session::error::Error;
use crate::session::event::PartialAnswer;
use crate::session::live_questions::LiveQuestions;
use crate::session::prompt::Prompt;
use crate::session::question::{ExtraMedia, Moment, OneShotQuestion, Period, Question};
use crate::session::request::check_prompt;

/// One-shot questions that are asked at the same time; others wait.
const MAX_ONE_SHOTS: usize = 4;

/// The scheduled questions and the one-shot questions under way. The first scheduled question is the
/// element's own, with the `prompt` property.
pub struct Questions {
    pub(super) stream_id: String,
    timeout: Duration,
    scheduled: Vec<ScheduledQuestion>,
    /// The number of the next question that is added.
    next_id: usize,
    /// The element's own question as at the start.
    own: Arc<Question>,
    /// What has changed since then.
    live: watch::Receiver<LiveQuestions>,
    /// When the first picture of the stream came.
    pictures_since: Option<Instant>,
    pub(super) one_shots: usize,
    prompt: watch::Receiver<Prompt>,
    /// The prompt of the element's newest answer; before the first one, the stream's first prompt.
    pub(super) prompt_in_use: Prompt,
    /// The serial of a prompt that the service has refused.
    pub(super) refused_serial: Option<u64>,
    models: Vec<String>,
    pub(super) choice: ModelChoice,
    pub gate: Gate,
    instructions: Instructions,
    newest_frame: NewestFrame,
    /// Set if questions wait for events.
    window: Option<watch::Sender<AskWindow>>,
    window_changes: Option<watch::Receiver<AskWindow>>,
    /// Where parts of answers go, if they are wanted.
    partial_answers: Option<mpsc::Sender<PartialAnswer>>,
}

impl Questions {
    /// `models`: asked in order, by questions that name none.
    pub fn new(
        stream_id: String,
        config: SessionConfig,
        models: Vec<String>,
        partial_answers: mpsc::Sender<PartialAnswer>,
    ) -> Self {
        let request = config.request;
        let own = Arc::new(Question {
            name: None,
            prompt: None,
            processing: request.processing,
            models: Vec::new(),
            schema: request.output_schema,
            max_output_tokens: request.max_output_tokens,
        });
        let named = request.questions.into_iter().map(Arc::new);
        let questions = std::iter::once(own.clone()).chain(named);
        let scheduled: Vec<_> = questions
            .enumerate()
            .map(|(id, question)| ScheduledQuestion::new(id, question))
            .collect();
        let prompt_in_use = config.prompt.borrow().clone();
        let mut questions = Self {
            stream_id,
            timeout: config.timeout,
            next_id: scheduled.len(),
            scheduled,
            own,
            live: config.questions,
            pictures_since: None,
            one_shots: 0,
            prompt_in_use,
            refused_serial: None,
            prompt: config.prompt,
            models,
            choice: ModelChoice::default(),
            gate: Gate::new(config.account),
            instructions: Instructions {
                system_prompt: request.system_prompt,
                temperature: request.temperature,
                schema_mode: request.schema_mode,
            },
            newest_frame: config.newest_frame,
            window_changes: config.ask_window.as_ref().map(watch::Sender::subscribe),
            window: config.ask_window,
            partial_answers: request.partial.then_some(partial_answers),
        };
        // What an earlier stream has not answered is asked again.
        let window = questions.window.as_ref().map(|window| window.borrow());
        let answered = window.map_or(0, |window| window.newest_answered());
        for question in &mut questions.scheduled {
            question.events = AwaitedEvents::after(answered);
        }
        let _ = questions.follow(Instant::now());
        questions
    }

    /// Starts all schedules: the first picture came now.
    pub fn start(&mut self, now: Instant) {
        self.pictures_since = Some(now);
        for question in &mut self.scheduled {
            question.start(now);
        }
    }

    /// When the next scheduled question is due. Without a prompt, the element's own one never is.
    pub fn next_due(&self) -> Option<Instant> {
        let own = usize::from(!self.has_prompt());
        let scheduled = self.scheduled.iter().skip(own);
        let due = scheduled.filter_map(ScheduledQuestion::due).min();
        due.filter(|_| self.gate.is_open())
    }

    /// The element's prompt: the newest one that the service has not refused.
    fn own_prompt(&self) -> Prompt {
        let newest = self.prompt.borrow();
        // It may not have been taken back yet.
        match self.refused_serial == Some(newest.serial) {
            true => self.prompt_in_use.clone(),
            false => newest.clone(),
        }
    }

    fn has_prompt(&self) -> bool {
        check_prompt(&self.own_prompt().text).is_ok()
    }

    /// Waits until the element's prompt or another question changes, or an event comes. Then [`Self::follow`] must be called.
    pub async fn changed(&mut self) {
        let is_alive = tokio::select! {
            prompt = self.prompt.changed() => prompt.is_ok(),
            live = self.live.changed() => live.is_ok(),
            event = async {
                match &mut self.window_changes {
                    Some(changes) => changes.changed().await,
                    None => std::future::pending().await,
                }
            } => event.is_ok(),
        };
        if !is_alive {
            // The element is gone: it stops the session next.
            std::future::pending().await
        }
    }

    /// Changes, adds and removes questions as the application has changed them. Returns the element's prompt that its own
    /// question now belongs to: a newer one may come with other changes.
    pub fn follow(&mut self, now: Instant) -> Prompt {
        // In this order: what was changed together with a prompt is there before the prompt.
        let prompt = self.own_prompt();
        let live = self.live.borrow_and_update().clone();
        let own = live.own(prompt.serial).unwrap_or(&self.own);
        if let Some(scheduled) = self.scheduled.first_mut() {
            scheduled.change(own, now);
        }
        let window = self.window.as_ref().map(|window| window.borrow().clone());
        let window = window.unwrap_or_default();
        for scheduled in &mut self.scheduled {
            scheduled.events.follow(&window);
        }
        let Some(named) = live.named() else {
            return prompt;
        };
        let has_name = |scheduled: &ScheduledQuestion, question: &Question| {
            scheduled.id() > 0 && scheduled.question().name == question.name
        };
        self.scheduled.retain(|scheduled| {
            scheduled.id() == 0 || named.iter().any(|question| has_name(scheduled, question))
        });
        for question in named {
            let mut scheduled = self.scheduled.iter_mut();
            if let Some(scheduled) = scheduled.find(|scheduled| has_name(scheduled, question)) {
                scheduled.change(question, now);
                continue;
            }
            let mut added = ScheduledQuestion::new(self.next_id, question.clone());
            self.next_id += 1;
            let newest = window.newest().map_or(0, |event| event.number);
            added.events = AwaitedEvents::after(newest);
            if self.pictures_since.is_some() {
                added.start(now);
            }
            self.scheduled.push(added);
        }
        prompt
    }

    /// Whether a one-shot question can be asked now: there are pictures, and not too many such questions
    /// are under way.
    pub fn can_ask_one_shot(&self) -> bool {
        self.pictures_since.is_some() && self.one_shots < MAX_ONE_SHOTS && self.gate.can_decide()
    }

    /// The requests that are due.
    pub fn take_due(&mut self, now: Instant) -> Vec<Chat> {
        let own_prompt = self.follow(now);
        let mut asked = Vec::new();
        for scheduled in &mut self.scheduled {
            if scheduled.due().is_none_or(|due| due > now) {
                continue;
            }
            let prompt = match &scheduled.question().prompt {
                Some(text) => not_the_elements(text.clone()),
                None => own_prompt.clone(),
            };
            if check_prompt(&prompt.text).is_err() {
                continue;
            }
            let newest = (self.newest_frame)(now);
            let reason = match &self.window {
                None => Reason::Tick,
                Some(window) => {
                    let captured = newest.map(|frame| frame.captured);
                    scheduled.events.reason(&window.borrow(), captured, now)
                }
            };
            let since = match reason {
                Reason::None => {
                    scheduled.skip(now);
                    continue;
                }
                Reason::AwaitsFrame => continue,
                Reason::Tick => None,
                // The stream has no earlier pictures.
                Reason::Event(since) => {
                    Some(self.pictures_since.map_or(since, |first| first.max(since)))
                }
            };
            let subject = Subject {
                prompt: prompt.text.clone(),
                scene: newest.map(|frame| frame.scene),
            };
            let id = QuestionId::Scheduled(scheduled.id());
            let Some(ticket) = self.gate.may_ask(id) else {
                break;
            };
            if scheduled.ask(subject, now) {
                let question = scheduled.question().clone();
                asked.push((scheduled.id(), question, prompt, ticket, since));
            }
        }
        let asked = asked.into_iter();
        asked
            .map(|(id, question, prompt, ticket, since)| Chat {
                since,
                ..self.scheduled_chat(id, &question, prompt, ticket)
            })
            .collect()
    }

    pub fn take_one_shot(&mut self, question: OneShotQuestion) -> Chat {
        self.one_shots += 1;
        let id = QuestionId::OneShot(question.serial);
        let ticket = self.gate.may_ask_now(id);
        let prompt = not_the_elements(question.prompt);
        let stream = &self.instructions;
        let system_prompt = question.system_prompt;
        Chat {
            extra: question.extra,
            schema: question.schema,
            max_output_tokens: question.max_output_tokens,
            instructions: Instructions {
                system_prompt: system_prompt.or_else(|| stream.system_prompt.clone()),
                temperature: question.temperature.or(stream.temperature),
                schema_mode: stream.schema_mode,
            },
            ..self.chat(id, prompt, question.period, &question.models, ticket)
        }
    }

    fn scheduled_chat(
        &self,
        id: usize,
        question: &Question,
        prompt: Prompt,
        ticket: Ticket,
    ) -> Chat {
        let period = Period::Ago(Moment::of(&question.processing));
        let id = QuestionId::Scheduled(id);
        Chat {
            name: question.name.clone(),
            schema: question.schema.clone(),
            max_output_tokens: question.max_output_tokens,
            ..self.chat(id, prompt, period, &question.models, Ok(ticket))
        }
    }

    /// A request with the stream's settings. `models`: those that the question names.
    fn chat(
        &self,
        id: QuestionId,
        prompt: Prompt,
        period: Period,
        models: &[String],
        ticket: Result<Ticket, Error>,
    ) -> Chat {
        let models = match models.is_empty() {
            false => models,
            true => &self.models,
        };
        Chat {
            stream_id: self.stream_id.clone(),
            question: id,
            name: None,
            prompt,
            period,
            since: None,
            extra: ExtraMedia::default(),
            models: models.to_vec(),
            models_now: self.choice.order(models, Instant::now()),
            schema: None,
            max_output_tokens: None,
            instructions: self.instructions.clone(),
            timeout: self.timeout,
            newest_frame: self.newest_frame.clone(),
            ticket,
            partial_answers: self.partial_answers.clone(),
        }
    }

    /// A question was answered: so is the event that it was about.
    pub(super) fn answered(&mut self, id: QuestionId, now: Instant) {
        let event = self
            .scheduled(id)
            .and_then(|question| question.answered(now));
        if let Some((number, window)) = event.zip(self.window.as_ref()) {
            // Nobody waits for this.
            window.send_if_modified(|window| {
                window.answered(number);
                false
            });
        }
    }

    pub(super) fn scheduled(&mut self, id: QuestionId) -> Option<&mut ScheduledQuestion> {
        match id {
            QuestionId::Scheduled(id) => {
                let mut scheduled = self.scheduled.iter_mut();
                scheduled.find(|scheduled| scheduled.id() == id)
            }
            QuestionId::OneShot(_) => None,
        }
    }
}

/// A prompt of `questions` or `ask`.
fn not_the_elements(text: String) -> Prompt {
    Prompt { serial: 0, text }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The questions of a stream: which requests to send, and what their outcomes change.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::answer::QuestionOutcome;
use super::chat::{Chat, Instructions, QuestionId};
use super::gate::Gate;
use super::model_choice::ModelChoice;
use super::schedule::{ScheduledQuestion, Subject};
use crate::session::config::{NewestFrame, SessionConfig};
use crate::session::costs::account::Ticket;
use crate::session::error::{Error, Kind};
use crate::session::event::{Event, PartialAnswer};
use crate::session::lease;
use crate::session::outbox::Outbox;
use crate::session::prompt::{NOT_CHANGED, Prompt};
use crate::session::question::{ExtraMedia, Moment, OneShotQuestion, Period, Question};
use crate::session::request::check_prompt;
use crate::session::retry::asked_pause;

/// One-shot questions that are asked at the same time; others wait.
const MAX_ONE_SHOTS: usize = 4;
/// Failures in a row because pictures are missing, after which there is a warning. Fewer are normal after a
/// start.
const MISSING_PICTURE_FAILURES: u32 = 5;

/// The scheduled questions and the one-shot questions under way. The first scheduled question is the
/// element's own, with the `prompt` property.
pub struct Questions {
    stream_id: String,
    timeout: Duration,
    scheduled: Vec<ScheduledQuestion>,
    has_pictures: bool,
    one_shots: usize,
    prompt: watch::Receiver<Prompt>,
    /// The prompt of the element's newest answer; before the first one, the stream's first prompt.
    prompt_in_use: Prompt,
    /// The serial of a prompt that the service has refused.
    refused_serial: Option<u64>,
    models: Vec<String>,
    choice: ModelChoice,
    pub gate: Gate,
    instructions: Instructions,
    newest_frame: NewestFrame,
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
        let own = Question {
            name: None,
            prompt: None,
            processing: request.processing,
            models: Vec::new(),
            schema: request.output_schema,
            max_output_tokens: request.max_output_tokens,
        };
        let questions = std::iter::once(own).chain(request.questions);
        let prompt_in_use = config.prompt.borrow().clone();
        Self {
            stream_id,
            timeout: config.timeout,
            scheduled: questions.map(ScheduledQuestion::new).collect(),
            has_pictures: false,
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
            partial_answers: request.partial.then_some(partial_answers),
        }
    }

    /// Starts all schedules: the first picture came now.
    pub fn start(&mut self, now: Instant) {
        self.has_pictures = true;
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

    pub fn has_prompt(&self) -> bool {
        check_prompt(&self.own_prompt().text).is_ok()
    }

    /// Waits until the element's prompt changes.
    pub async fn prompt_changed(&mut self) {
        if self.prompt.changed().await.is_err() {
            // The element is gone: it stops the session next.
            std::future::pending().await
        }
    }

    /// Whether a one-shot question can be asked now: there are pictures, and not too many such questions
    /// are under way.
    pub fn can_ask_one_shot(&self) -> bool {
        self.has_pictures && self.one_shots < MAX_ONE_SHOTS && self.gate.can_decide()
    }

    /// The requests that are due.
    pub fn take_due(&mut self, now: Instant) -> Vec<Chat> {
        let mut chats = Vec::new();
        let own_prompt = self.own_prompt();
        for index in 0..self.scheduled.len() {
            let Some(scheduled) = self.scheduled.get_mut(index) else {
                break;
            };
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
            let subject = Subject {
                prompt: prompt.text.clone(),
                newest_frame: (self.newest_frame)(now).map(|frame| frame.sent),
            };
            let id = QuestionId::Scheduled(index);
            let Some(ticket) = self.gate.may_ask(id) else {
                break;
            };
            if scheduled.ask(subject, now) {
                chats.extend(self.scheduled_chat(index, prompt, ticket));
            }
        }
        chats
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

    fn scheduled_chat(&self, index: usize, prompt: Prompt, ticket: Ticket) -> Option<Chat> {
        let question = self.scheduled.get(index)?.question();
        let period = Period::Ago(Moment::of(&question.processing));
        let id = QuestionId::Scheduled(index);
        Some(Chat {
            name: question.name.clone(),
            schema: question.schema.clone(),
            max_output_tokens: question.max_output_tokens,
            ..self.chat(id, prompt, period, &question.models, Ok(ticket))
        })
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
        let models = self.models(models);
        Chat {
            stream_id: self.stream_id.clone(),
            question: id,
            name: None,
            prompt,
            period,
            extra: ExtraMedia::default(),
            models: self.choice.order(models, Instant::now()),
            schema: None,
            max_output_tokens: None,
            instructions: self.instructions.clone(),
            timeout: self.timeout,
            newest_frame: self.newest_frame.clone(),
            ticket,
            partial_answers: self.partial_answers.clone(),
        }
    }

    /// The models that a question names, or else the stream's.
    fn models<'a>(&'a self, named: &'a [String]) -> &'a [String] {
        match named.is_empty() {
            false => named,
            true => &self.models,
        }
    }

    /// Takes the outcome of a request: an answer, a pause, or the end of the stream (`Err`).
    pub fn take_outcome(
        &mut self,
        outcome: QuestionOutcome,
        outbox: &mut Outbox,
    ) -> Result<(), Error> {
        let (id, now) = (outcome.question, Instant::now());
        let is_one_shot = matches!(id, QuestionId::OneShot(_));
        if is_one_shot {
            self.one_shots -= 1;
        }
        match &outcome.result {
            // A one-shot question gets an answer, if only the error. A refusal for safety is an answer.
            Err(error)
                if !is_one_shot && error.code.as_deref() != Some("provider_safety_block") =>
            {
                let error = error.clone();
                return match is_own(id) && self.is_prompt_refused(&outcome.prompt, &error) {
                    true => self.withdraw_prompt(outcome.prompt, error, now, outbox),
                    false => self.take_failure(id, error, now, outbox),
                };
            }
            _ => {}
        }
        let has_failed = outcome.has_failed_inside();
        if let Some(scheduled) = self.scheduled(id) {
            match has_failed {
                // The pauses are those of other failures. The answer itself says what is wrong.
                true => drop(scheduled.failed(now, Duration::ZERO)),
                false => scheduled.answered(now),
            }
        }
        let is_taken = outcome.result.is_ok() && !has_failed;
        if let Ok(completion) = outcome.result.as_ref()
            && let Some(question) = self.question(id)
            && is_taken
        {
            let models = self.models(&question.models).to_vec();
            self.choice.answered(&models, &completion.asked_model, now);
        }
        if is_own(id) && is_taken && self.prompt_in_use != outcome.prompt {
            self.prompt_in_use.clone_from(&outcome.prompt);
            outbox.push(Event::PromptAccepted(outcome.prompt.clone()));
        }
        let answer = outcome.into_answer(&self.stream_id, self.question(id));
        outbox.push(Event::Answer(Box::new(answer)));
        Ok(())
    }

    /// Whether the service refuses a changed prompt. It took the one before.
    fn is_prompt_refused(&self, prompt: &Prompt, error: &Error) -> bool {
        let is_refusal = error.kind == Kind::InvalidSettings && !can_be_answered_later(error);
        is_refusal && prompt.serial != self.prompt_in_use.serial
    }

    fn withdraw_prompt(
        &mut self,
        withdrawn: Prompt,
        error: Error,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<(), Error> {
        self.refused_serial = Some(withdrawn.serial);
        if let Some(scheduled) = self.scheduled(QuestionId::Scheduled(0)) {
            scheduled.failed(now, Duration::ZERO);
        }
        outbox.push(Event::Warning(error.preceded_by(NOT_CHANGED)));
        outbox.push(Event::PromptWithdrawn {
            withdrawn,
            in_use: self.prompt_in_use.clone(),
        });
        Ok(())
    }

    fn take_failure(
        &mut self,
        id: QuestionId,
        error: Error,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<(), Error> {
        let Some(scheduled) = self.scheduled(id) else {
            return Ok(());
        };
        if can_be_answered_later(&error) {
            let asked = asked_pause(&error, lease::DEFAULT_TTL);
            if let Some((failures, wait)) = scheduled.failed(now, asked) {
                let warn_after = match is_picture_missing(&error) {
                    true => MISSING_PICTURE_FAILURES,
                    false => 1,
                };
                // One warning for failures in a row.
                if failures == warn_after {
                    let next = format!("Asking again in {:.1} s.", wait.as_secs_f64());
                    outbox.warn(|_| error.followed_by(&next));
                }
            }
            return Ok(());
        }
        let is_about_the_stream = matches!(
            error.kind,
            Kind::NotAuthorized | Kind::OutOfCredits | Kind::NotFound
        );
        if is_own(id) || is_about_the_stream {
            return Err(error);
        }
        scheduled.stop();
        outbox.warn(|_| error.followed_by("This question is not asked any more."));
        Ok(())
    }

    fn question(&self, id: QuestionId) -> Option<&Question> {
        match id {
            QuestionId::Scheduled(index) => Some(self.scheduled.get(index)?.question()),
            QuestionId::OneShot(_) => None,
        }
    }

    fn scheduled(&mut self, id: QuestionId) -> Option<&mut ScheduledQuestion> {
        match id {
            QuestionId::Scheduled(index) => self.scheduled.get_mut(index),
            QuestionId::OneShot(_) => None,
        }
    }
}

/// A prompt of `questions` or `ask`.
fn not_the_elements(text: String) -> Prompt {
    Prompt { serial: 0, text }
}

/// Whether it is the element's own question.
fn is_own(id: QuestionId) -> bool {
    id == QuestionId::Scheduled(0)
}

fn is_picture_missing(error: &Error) -> bool {
    matches!(
        error.code.as_deref(),
        Some("segment_empty" | "frame_not_yet_produced" | "frame_evicted")
    )
}

/// Whether the same question can be answered later, by the same stream.
fn can_be_answered_later(error: &Error) -> bool {
    let has_stream_ended = matches!(error.kind, Kind::NotFound | Kind::StreamEnded);
    error.code.as_deref() == Some("model_unavailable")
        || is_picture_missing(error)
        || (error.retryable() && !has_stream_ended)
}

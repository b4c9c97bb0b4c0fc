// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the outcomes of requests change: answers, pauses, the end of a question or of the stream.

use std::time::{Duration, Instant};

use super::answer::QuestionOutcome;
use super::ask::Questions;
use super::chat::QuestionId;
use crate::session::error::{Error, Kind};
use crate::session::event::Event;
use crate::session::lease;
use crate::session::outbox::Outbox;
use crate::session::prompt::{NOT_CHANGED, Prompt};
use crate::session::retry::asked_pause;

/// Failures in a row because pictures are missing, after which there is a warning. Fewer are normal after a
/// start.
const MISSING_PICTURE_FAILURES: u32 = 5;

impl Questions {
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
        match self.scheduled(id) {
            // The pauses are those of other failures. The answer itself says what is wrong.
            Some(scheduled) if has_failed => drop(scheduled.failed(now, Duration::ZERO)),
            _ => self.answered(id, now),
        }
        let is_taken = outcome.result.is_ok() && !has_failed;
        if let Ok(completion) = outcome.result.as_ref()
            && is_taken
        {
            self.choice
                .answered(&outcome.models, &completion.asked_model, now);
        }
        if is_own(id) && is_taken && self.prompt_in_use != outcome.prompt {
            self.prompt_in_use.clone_from(&outcome.prompt);
            outbox.push(Event::PromptAccepted(outcome.prompt.clone()));
        }
        let answer = outcome.into_answer(&self.stream_id);
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

//! What a stream that lives is asked, and what comes of that: an answer, a pause, or the end.

use std::time::Instant;

use super::answer::Reply;
use super::chat::{Chat, Tag};
use super::schedule::{Asked, Schedule};
use super::stream::{Done, Stream};
use crate::session::error::{Error, Kind};
use crate::session::event::Event;
use crate::session::lease;
use crate::session::question::Moment;

/// A picture that is not there yet is told about after so many tries.
const PATIENCE: u32 = 5;

impl Stream {
    pub(super) fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        for index in 0..self.questions.len() {
            let Some(asked) = self.questions.get_mut(index) else {
                break;
            };
            let Asked {
                question, schedule, ..
            } = asked;
            let due = schedule
                .as_mut()
                .filter(|s| s.due().is_some_and(|due| due <= now));
            let Some(schedule) = due else { continue };
            let moment = Moment::of(&question.processing);
            let prompt = match &question.prompt {
                Some(prompt) => prompt.clone(),
                None => self.prompt.borrow_and_update().clone(),
            };
            let newest = (self.newest_frame)(now).map(|frame| frame.sent);
            let subject = Some((prompt.clone(), newest));
            // The same again would cost as much, and tell no more: of a source that stands still, or
            // has ended.
            if asked.answered && newest.is_some() && asked.subject == subject {
                schedule.answered(now);
                continue;
            }
            schedule.asked();
            asked.subject = subject;
            asked.answered = false;
            self.ask(Tag::Question(index), prompt, moment);
        }
    }

    pub(super) fn ask(&mut self, tag: Tag, prompt: String, moment: Moment) {
        let question = match tag {
            Tag::Question(index) => self.questions.get(index).map(|asked| &asked.question),
            Tag::Once(_) => None,
        };
        let models = question.map(|question| &question.models);
        let chat = Chat {
            stream_id: self.id.clone(),
            prompt,
            moment,
            models: models
                .filter(|models| !models.is_empty())
                .unwrap_or(&self.models)
                .clone(),
            schema: question.and_then(|question| question.schema.clone()),
            max_output_tokens: question.and_then(|question| question.max_output_tokens),
            timeout: self.timeout,
            newest_frame: self.newest_frame.clone(),
            tag,
            parts: self.parts.clone(),
        };
        let http = self.http.clone();
        self.jobs.spawn(async move {
            let outcome = chat.ask(&http).await;
            let Chat { prompt, moment, .. } = chat;
            Done::Answer(Box::new(Reply {
                tag,
                prompt,
                moment,
                outcome,
            }))
        });
    }

    pub(super) fn replied(&mut self, reply: Reply) -> Result<(), Error> {
        let now = Instant::now();
        if matches!(reply.tag, Tag::Once(_)) {
            self.asking -= 1;
        }
        let blocked = |error: &Error| error.code.as_deref() == Some("provider_safety_block");
        match &reply.outcome {
            Ok(_) => {}
            // An answer of its kind.
            Err(error) if blocked(error) => {}
            // Who asked once waits for an answer.
            Err(_) if matches!(reply.tag, Tag::Once(_)) => {}
            Err(error) => {
                let error = error.clone();
                return self.unanswered(reply.tag, error, now);
            }
        }
        if let Some(asked) = self.asked(reply.tag) {
            asked.answered = true;
            if let Some(schedule) = &mut asked.schedule {
                schedule.answered(now);
            }
        }
        if self.is_own(reply.tag) && reply.outcome.is_ok() && self.taken != reply.prompt {
            self.taken.clone_from(&reply.prompt);
            self.outbox
                .push_back(Event::PromptTaken(reply.prompt.clone()));
        }
        let question = self.asked_ref(reply.tag).map(|asked| &asked.question);
        let answer = reply.into_answer(&self.id, question);
        self.outbox.push_back(Event::Answer(Box::new(answer)));
        Ok(())
    }

    fn unanswered(&mut self, tag: Tag, error: Error, now: Instant) -> Result<(), Error> {
        let is_own = self.is_own(tag);
        if error.code.as_deref() == Some("model_unavailable") || is_passing(&error) {
            let pause = error.retry_after.map(|pause| pause.min(lease::DEFAULT_TTL));
            let Some(schedule) = self.schedule(tag) else {
                return Ok(());
            };
            let failures = schedule.failed(now, pause);
            let wait = schedule.due().map_or(0.0, |due| (due - now).as_secs_f64());
            let not_there = matches!(
                error.code.as_deref(),
                Some("segment_empty" | "frame_not_yet_produced" | "frame_evicted")
            );
            // Once a time of trouble.
            if failures == if not_there { PATIENCE } else { 1 } {
                self.complain(error, &format!("Asking again in {wait:.1} s."));
            }
            return Ok(());
        }
        let of_the_stream = matches!(
            error.kind,
            Kind::NotAuthorized | Kind::OutOfCredits | Kind::NotFound
        );
        if is_own || of_the_stream {
            return Err(error);
        }
        if let Some(asked) = self.asked(tag) {
            asked.schedule = None;
        }
        self.complain(error, "This question is not asked any more.");
        Ok(())
    }

    fn is_own(&self, tag: Tag) -> bool {
        matches!(tag, Tag::Question(0))
    }

    pub(super) fn name(&self, tag: Tag) -> Option<String> {
        self.asked_ref(tag)?.question.name.clone()
    }

    fn asked_ref(&self, tag: Tag) -> Option<&Asked> {
        match tag {
            Tag::Question(index) => self.questions.get(index),
            Tag::Once(_) => None,
        }
    }

    fn asked(&mut self, tag: Tag) -> Option<&mut Asked> {
        match tag {
            Tag::Question(index) => self.questions.get_mut(index),
            Tag::Once(_) => None,
        }
    }

    fn schedule(&mut self, tag: Tag) -> Option<&mut Schedule> {
        self.asked(tag)?.schedule.as_mut()
    }
}

/// Whether the same question can be answered later, by the same stream.
fn is_passing(error: &Error) -> bool {
    let not_there = matches!(
        error.code.as_deref(),
        Some("segment_empty" | "frame_not_yet_produced" | "frame_evicted")
    );
    not_there || (error.retryable() && !matches!(error.kind, Kind::NotFound | Kind::StreamEnded))
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The questions of a run that have changed since its start.

use std::sync::Arc;

use super::api_version::Api;
use super::question::Question;
use super::request::StreamRequest;

/// Own questions that are kept for prompts that are still in use.
const MAX_EARLIER: usize = 8;

/// The changes so far.
#[derive(Debug, Clone, Default)]
pub struct LiveQuestions {
    /// The element's own question, each with the serial of the prompt that it came with, in this order. So a prompt and
    /// what was changed together with it are never separated, and a prompt that is withdrawn takes the rest with it.
    own: Vec<(u64, Arc<Question>)>,
    /// The questions with a name; `None`: as at the start.
    named: Option<Vec<Arc<Question>>>,
}

impl LiveQuestions {
    /// Changes the element's own question, from this prompt on.
    pub fn set_own(&mut self, serial: u64, question: Question) {
        // Of earlier ones, the prompt in use may need one. A prompt that was withdrawn is not used again.
        self.own.retain(|(from, _)| *from < serial);
        let keep = self.own.len().saturating_sub(MAX_EARLIER);
        self.own.drain(..keep);
        self.own.push((serial, Arc::new(question)));
    }

    /// Forgets the changes that came after the prompt of this serial: they were withdrawn with their prompt.
    pub fn withdraw_own(&mut self, in_use: u64) {
        self.own.retain(|(from, _)| *from <= in_use);
    }

    pub fn set_named(&mut self, questions: Vec<Arc<Question>>) {
        self.named = Some(questions);
    }

    /// The element's own question with the prompt of this serial; `None`: as at the start.
    pub fn own(&self, serial: u64) -> Option<&Arc<Question>> {
        let mut changes = self.own.iter().rev();
        let (_, question) = changes.find(|(from, _)| *from <= serial)?;
        Some(question)
    }

    /// Whether the prompt of this serial belongs to this question.
    pub fn is_own(&self, question: Option<&Arc<Question>>, serial: u64) -> bool {
        self.own(serial).map(Arc::as_ptr) == question.map(Arc::as_ptr)
    }

    pub fn named(&self) -> Option<&[Arc<Question>]> {
        self.named.as_deref()
    }

    /// Changes the request of a new stream, whose prompt has this serial.
    pub fn apply(&self, request: &mut StreamRequest, api: Api, serial: u64) {
        if let Some(own) = self.own(serial) {
            request.processing = own.processing.clone();
            request.own_question = Some(own.clone());
            // On v1 each request of the stream has its own.
            if api == Api::V02 {
                request.output_schema.clone_from(&own.schema);
                request.max_output_tokens = own.max_output_tokens;
                if !own.models.is_empty() {
                    request.models.clone_from(&own.models);
                }
            }
        }
        if let Some(named) = &self.named {
            request.questions = named.iter().map(|question| (**question).clone()).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::protocol::Processing;

    #[test]
    fn a_prompt_and_its_question_belong_together() {
        let question = |interval_seconds| Question {
            name: None,
            prompt: None,
            processing: Processing::Frame { interval_seconds },
            models: Vec::new(),
            schema: None,
            max_output_tokens: None,
        };
        let mut live = LiveQuestions::default();
        let interval = |live: &LiveQuestions, serial| {
            let question = live.own(serial)?;
            Some(question.processing.interval_seconds())
        };
        assert_eq!(interval(&live, 9), None);
        live.set_own(3, question(1.0));
        live.set_own(5, question(2.0));
        assert_eq!(interval(&live, 2), None);
        assert_eq!(
            [3, 4, 5, 6].map(|n| interval(&live, n)),
            [1.0, 1.0, 2.0, 2.0].map(Some)
        );
        // Without a new prompt, the question of the same prompt changes.
        live.set_own(5, question(3.0));
        assert_eq!([4, 5].map(|n| interval(&live, n)), [1.0, 3.0].map(Some));
        // The change of prompt 5 is withdrawn: a newer prompt does not have it.
        live.withdraw_own(4);
        assert_eq!([4, 6].map(|n| interval(&live, n)), [1.0, 1.0].map(Some));
        for serial in 6..100 {
            live.set_own(serial, question(4.0));
        }
        assert_eq!(live.own.len(), MAX_EARLIER + 1);
        assert_eq!(interval(&live, 98), Some(4.0));
    }
}

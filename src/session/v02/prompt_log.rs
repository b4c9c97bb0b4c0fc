// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which prompt an answer belongs to. The service repeats the text of the prompt in each answer, but knows no
//! numbers, and uses the old prompt for a while after a change.

use std::collections::VecDeque;

use crate::session::prompt::Prompt;

/// Prompts that are kept. An answer to an older one would be very late.
const MAX_PROMPTS: usize = 64;

/// The prompts that were sent to the service.
#[derive(Debug)]
pub struct PromptLog {
    in_use: Prompt,
    /// The oldest first.
    sent: VecDeque<SentPrompt>,
}

#[derive(Debug)]
struct SentPrompt {
    prompt: Prompt,
    /// The text as the service repeats it.
    repeated: String,
    is_taken: bool,
}

impl PromptLog {
    /// `first`: what the stream was created with.
    pub fn new(first: Prompt) -> Self {
        let mut log = Self {
            in_use: Prompt::default(),
            sent: VecDeque::new(),
        };
        let text = first.text.clone();
        log.add(first.clone());
        log.take(first, text);
        log
    }

    /// The newest prompt that the service has taken.
    pub fn in_use(&self) -> &Prompt {
        &self.in_use
    }

    /// A prompt is sent. The answers to it can come before the response.
    pub fn add(&mut self, prompt: Prompt) {
        if self.sent.len() == MAX_PROMPTS {
            self.sent.pop_front();
        }
        self.sent.push_back(SentPrompt {
            repeated: prompt.text.clone(),
            prompt,
            is_taken: false,
        });
    }

    /// The service has taken a prompt, and says that its text is this.
    pub fn take(&mut self, prompt: Prompt, repeated: String) {
        let mut sent = self.sent.iter_mut().rev();
        if let Some(sent) = sent.find(|sent| sent.prompt.serial == prompt.serial) {
            sent.is_taken = true;
            sent.repeated = repeated;
        }
        self.in_use = prompt;
    }

    /// The number of the prompt with this text: of the newest one that the service has taken, or else of one
    /// whose fate is not known. `None`: it was never sent, or too long ago.
    pub fn serial_of(&self, text: &str) -> Option<u64> {
        let text = text.trim();
        let has_text = |sent: &&SentPrompt| {
            [&sent.repeated, &sent.prompt.text]
                .iter()
                .any(|own| own.trim() == text)
        };
        let mut same = self.sent.iter().rev().filter(has_text);
        let taken = same.clone().find(|sent| sent.is_taken);
        Some(taken.or_else(|| same.next())?.prompt.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(serial: u64, text: &str) -> Prompt {
        let text = text.to_owned();
        Prompt { serial, text }
    }

    #[test]
    fn answers_belong_to_prompts_by_number() {
        let mut log = PromptLog::new(prompt(3, "What?"));
        assert_eq!(log.serial_of("What?"), Some(3));
        assert_eq!(log.serial_of("Who?"), None);
        // An answer that comes before the response to its prompt.
        log.add(prompt(4, "Who?"));
        assert_eq!((log.serial_of("Who?"), log.in_use().serial), (Some(4), 3));
        // The service repeats it in another form.
        log.take(prompt(4, "Who?"), "Who?\nBe brief.".to_owned());
        for text in ["Who?", " Who?\n", "Who?\nBe brief."] {
            assert_eq!(log.serial_of(text), Some(4), "{text:?}");
        }
        // The first text again, which is refused: the answers are still to the first prompt.
        log.add(prompt(5, "What?"));
        assert_eq!((log.serial_of("What?"), log.in_use().serial), (Some(3), 4));
        // Now it is taken.
        log.add(prompt(6, "What?"));
        log.take(prompt(6, "What?"), "What?".to_owned());
        assert_eq!((log.serial_of("What?"), log.in_use().serial), (Some(6), 6));
        for serial in 7..200 {
            log.add(prompt(serial, &serial.to_string()));
        }
        assert_eq!(log.sent.len(), MAX_PROMPTS);
        assert_eq!(log.serial_of("Who?"), None);
        assert_eq!(log.in_use(), &prompt(6, "What?"));
    }
}

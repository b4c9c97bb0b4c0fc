// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which prompt an answer belongs to. The service repeats the prompt in each answer. After a change it uses
//! the old prompt for a while, so the text of the prompt tells old and new answers apart.

use std::collections::VecDeque;

/// Maximum number of prompts that are kept. An answer to an older prompt would be very late.
const MAX_PROMPTS: usize = 64;

/// The prompts so far. Their serials are counted from 1.
#[derive(Debug, Default)]
pub struct PromptHistory {
    newest: u64,
    /// The newest prompts, the oldest of them first.
    prompts: VecDeque<String>,
}

impl PromptHistory {
    /// Adds a new prompt.
    pub fn push(&mut self, prompt: &str) {
        if self.prompts.len() == MAX_PROMPTS {
            self.prompts.pop_front();
        }
        self.prompts.push_back(prompt.to_owned());
        self.newest += 1;
    }

    /// The serial of the newest prompt.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The serial of this prompt, or of its last use if it was set several times. `None`: it was never set,
    /// or too long ago.
    pub fn serial_of(&self, prompt: &str) -> Option<u64> {
        let back = self.prompts.iter().rev().position(|own| own == prompt)?;
        Some(self.newest - back as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_counted() {
        let mut history = PromptHistory::default();
        assert_eq!(history.serial_of("What?"), None);
        history.push("What?");
        history.push("Who?");
        assert_eq!(history.newest(), 2);
        assert_eq!(history.serial_of("What?"), Some(1));
        assert_eq!(history.serial_of("Who?"), Some(2));
        // The same prompt again: its answers cannot be told apart from the earlier ones, and need not be.
        history.push("What?");
        assert_eq!(history.serial_of("What?"), Some(3));
        for n in 0..200 {
            history.push(&n.to_string());
        }
        assert_eq!(history.serial_of("What?"), None);
        assert_eq!(history.serial_of("199"), Some(203));
        assert_eq!(history.prompts.len(), MAX_PROMPTS);
    }
}

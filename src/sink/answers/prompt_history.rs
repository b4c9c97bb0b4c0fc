//! Which question an answer is about. The service repeats the prompt in each answer, and goes on with
//! the old one for a while after a change: answers are told apart by that text.

use std::collections::VecDeque;

/// Prompts that are remembered. An answer to an older one is very late.
const MAX_PROMPTS: usize = 64;

/// The prompts so far, counted from 1.
#[derive(Debug, Default)]
pub struct PromptHistory {
    newest: u64,
    /// The newest ones, the oldest first.
    prompts: VecDeque<String>,
}

impl PromptHistory {
    /// There is a new prompt.
    pub fn push(&mut self, prompt: &str) {
        if self.prompts.len() == MAX_PROMPTS {
            self.prompts.pop_front();
        }
        self.prompts.push_back(prompt.to_owned());
        self.newest += 1;
    }

    /// The newest prompt's number.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The number of this prompt: of the last time that it was asked. `None` where it never was, or
    /// too long ago.
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
        // The same question again: nobody can tell the answers apart, and nobody needs to.
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

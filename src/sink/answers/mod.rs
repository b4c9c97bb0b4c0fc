//! What the application gets: messages, answer pads, statistics.
//!
//! May use `config`. Nothing here decides what happens next.

pub mod answer_pad;
#[cfg(test)]
mod fuzz_tests;
pub mod messages;
#[cfg(test)]
mod messages_tests;
pub mod prompt_history;
pub mod stats;

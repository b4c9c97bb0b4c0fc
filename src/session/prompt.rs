// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's prompt and its number.

/// The sentence about a change that is withdrawn.
pub const NOT_CHANGED: &str = "The prompt was not changed; the old one stays in use.";

/// A prompt. Answers belong to prompts by number: the same text may be set again, and be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Counted from 1. 0: none was set yet.
    pub serial: u64,
    pub text: String,
}

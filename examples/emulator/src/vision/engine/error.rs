// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Why an engine has no answer.

use std::fmt;
use std::time::Duration;

/// Why an engine has no answer. The message of each is one sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EngineError {
    /// The model's endpoint rejected the question.
    Rejected {
        who: String,
        /// The HTTP status.
        status: u16,
        why: String,
    },
    /// It took too long.
    TimedOut { who: String, after: Duration },
    /// It could not be asked, or its answer cannot be used.
    Failed(String),
}

impl std::error::Error for EngineError {}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Rejected { who, status, why } => {
                write!(f, "{who} refuses with {status}: {why}")
            }
            EngineError::TimedOut { who, after } => {
                write!(f, "{who} gave no answer within {} s", after.as_secs_f64())
            }
            EngineError::Failed(why) => f.write_str(why),
        }
    }
}

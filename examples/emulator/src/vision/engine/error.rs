//! Why there is no answer.

use std::fmt;
use std::time::Duration;

/// What became of an answer that did not come. The message of each is one sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EngineError {
    /// The one who was asked said no.
    Rejected {
        who: String,
        /// Of HTTP.
        status: u16,
        why: String,
    },
    /// It took longer than it may.
    TimedOut { who: String, after: Duration },
    /// It could not be asked, or said nothing that can be used.
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

//! Why there is no answer.

use std::fmt;
use std::time::Duration;

/// What became of an answer that did not come. The message of each is one sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// It took longer than it may.
    TimedOut {
        /// Who did not answer.
        who: &'static str,
        after: Duration,
    },
    /// It could not be asked, or said nothing that can be used.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::TimedOut { who, after } => {
                write!(f, "{who} gave no answer within {} s", after.as_secs_f64())
            }
            Trouble::Failed(why) => f.write_str(why),
        }
    }
}

//! A question that is question on.

use serde_json::{Value, json};

use crate::v1::chat_request::ChatRequest;
use crate::v1::named_frames::NamedMedia;

/// What is question on, and who hears of the answer.
pub(crate) struct ProxiedQuestion {
    pub request: ChatRequest,
    pub media: Vec<NamedMedia>,
    pub record_answer: RecordAnswer,
}

/// Puts an answer on record.
pub(crate) type RecordAnswer = Box<dyn Fn(&ChatRequest, &[NamedMedia], &str) + Send + Sync>;

impl ProxiedQuestion {
    /// What the service adds to an answer.
    pub(crate) fn overshoot(&self) -> Value {
        let media: Vec<Value> = self.media.iter().map(NamedMedia::summary).collect();
        json!({ "media": media })
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A question that is passed on to a vision model.

use serde_json::{Value, json};

use crate::v1::chat_request::ChatRequest;
use crate::v1::named_frames::NamedMedia;

/// The request, its frames, and how to record the answer.
pub(crate) struct ProxiedQuestion {
    pub request: ChatRequest,
    pub media: Vec<NamedMedia>,
    pub record_answer: RecordAnswer,
}

/// Records an answer.
pub(crate) type RecordAnswer = Box<dyn Fn(&ChatRequest, &[NamedMedia], &str) + Send + Sync>;

impl ProxiedQuestion {
    /// The `overshoot` object that the service adds to an answer.
    pub(crate) fn overshoot(&self) -> Value {
        let media: Vec<Value> = self.media.iter().filter_map(NamedMedia::summary).collect();
        json!({ "media": media })
    }
}

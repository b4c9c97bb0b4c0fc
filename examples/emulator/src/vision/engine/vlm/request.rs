// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Requests, with fields that all of these endpoints accept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::vision::jpeg::Jpeg;

/// A question about some pictures.
pub(crate) struct VlmRequest<'a> {
    pub prompt: &'a str,
    pub pictures: Vec<Jpeg>,
    pub max_tokens: Option<usize>,
    pub schema: Option<&'a Value>,
}

impl VlmRequest<'_> {
    /// The chat completion request. The pictures come before the text, as in the models' own examples.
    ///
    /// OpenAI has deprecated `max_tokens`, but Ollama does not accept `max_completion_tokens`
    /// (docs.ollama.com/api/openai-compatibility).
    pub(crate) fn body(&self, model: &str) -> Value {
        let mut parts: Vec<Value> = self.pictures.iter().map(|jpeg| image(jpeg)).collect();
        parts.push(json!({"type": "text", "text": self.prompt}));
        let mut body = json!({
            "model": model,
            "messages": [{"role": "user", "content": parts}],
        });
        if let Some(most) = self.max_tokens {
            body["max_tokens"] = json!(most);
        }
        if let Some(schema) = self.schema {
            // Not `strict`: with it, OpenAI only accepts schemas that exclude other properties. llama.cpp,
            // vLLM and Ollama follow the schema either way.
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema},
            });
        }
        body
    }
}

/// A JPEG as a part of a message.
pub(crate) fn image(jpeg: &[u8]) -> Value {
    let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
    json!({"type": "image_url", "image_url": {"url": url}})
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What models cost on v1, by tokens.

use serde::Serialize;
use serde_json::Value;

use crate::vision::model::Model;

/// The price of a model, as `GET /billing/pricing` lists it. A cent has 1,000,000 microcents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Price {
    /// The model's name.
    pub model: String,
    /// Who runs it.
    pub provider: String,
    /// The version of this price.
    pub version: u32,
    /// For each token of a question.
    pub input_microcents_per_token: u64,
    /// For each token of an answer.
    pub output_microcents_per_token: u64,
    /// For each token of a question that was cached.
    pub cached_input_microcents_per_token: u64,
}

impl Price {
    /// A price for each of the default models.
    pub fn defaults() -> Vec<Price> {
        let models = Model::defaults().into_iter();
        let price = models.map(|model| Price {
            model: model.name,
            provider: "overshoot".to_owned(),
            version: 1,
            input_microcents_per_token: 40,
            output_microcents_per_token: 160,
            cached_input_microcents_per_token: 4,
        });
        price.collect()
    }

    /// What an answer with this usage costs, in microcents.
    pub(crate) fn cost(&self, usage: &Value) -> u64 {
        let tokens = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let prompt = tokens("/prompt_tokens");
        let cached = tokens("/prompt_tokens_details/cached_tokens").min(prompt);
        (prompt - cached) * self.input_microcents_per_token
            + cached * self.cached_input_microcents_per_token
            + tokens("/completion_tokens") * self.output_microcents_per_token
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price() {
        let price = &Price::defaults()[0];
        assert_eq!(
            price.cost(&json!({"prompt_tokens": 10, "completion_tokens": 2})),
            720
        );
        let cached = json!({
            "prompt_tokens": 10,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 5},
        });
        assert_eq!(price.cost(&cached), 540);
        assert_eq!(price.cost(&json!(null)), 0);
    }
}

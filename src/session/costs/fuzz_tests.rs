// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes the price list.

use super::pricing::Prices;
use crate::fuzz::{JSON, fuzz};
use crate::session::json;
use crate::session::protocol::Usage;

#[test]
fn price_lists() {
    let most = Usage {
        prompt_tokens: u64::MAX,
        completion_tokens: u64::MAX,
        ..Usage::default()
    };
    fuzz("pricing", JSON, |input| {
        let parsed = json::parse(&String::from_utf8_lossy(input));
        let prices = parsed.ok().as_ref().and_then(Prices::read);
        for name in ["Qwen/Qwen3-VL-30B-A3B-Instruct", "a/b", "c"] {
            let price = prices.as_ref().and_then(|prices| prices.of(&[name]));
            // A billion tokens of each kind, at the highest price.
            assert!(price.is_none_or(|price| price.cost(most) <= 2_000_000_000_000_000_000));
        }
        prices.is_some()
    });
}

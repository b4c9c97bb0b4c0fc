// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Prices, and what answers are charged (src/v1/mod.rs).

use reqwest::Method;

use super::emulator::{Emulator, MODEL, detail, ok, text};

#[tokio::test]
async fn prices_are_listed_and_the_usage_is_charged() {
    let emulator = Emulator::start(|config| config.credits_cents = Some(10.0)).await;
    let get = |path: &str| emulator.without_key(Method::GET, &format!("/v1beta{path}"));
    let list = ok(get("/billing/pricing"), 200).await;
    let prices = list["data"].as_array().expect("a list");
    let price = prices.iter().find(|price| price["model"] == MODEL);
    let price = price.expect("the model has a price");
    assert!(price["provider"].is_string() && price["version"].is_u64());
    for name in [MODEL.to_owned(), MODEL.replace('/', "%2F")] {
        let one = ok(get(&format!("/billing/pricing/{name}")), 200).await;
        assert_eq!(&one, price);
    }
    detail(get("/billing/pricing/nobody"), 404).await;

    let answer = ok(emulator.ask(&[text("What is it?")]), 200).await;
    let number = |value: &serde_json::Value| value.as_u64().expect("a number");
    let usage = &answer["usage"];
    let cost = number(&usage["prompt_tokens"]) * number(&price["input_microcents_per_token"])
        + number(&usage["completion_tokens"]) * number(&price["output_microcents_per_token"]);
    let seen = emulator.control.snapshot();
    assert_eq!(seen.questions[0].cost_microcents, cost);
    assert_eq!(seen.spent_microcents, cost);
    let balance = emulator.request(Method::GET, "/billing/accounts/me/balance");
    let left = number(&ok(balance, 200).await["balance_microcents"]);
    assert!(left.abs_diff(10_000_000 - cost) <= 1, "{left}, {cost}");
    emulator.stop().await;
}

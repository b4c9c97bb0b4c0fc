// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The price list of API v1 (`GET /billing/pricing`), read leniently, and what an answer costs by it.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::session::error::{Error, Stage};
use crate::session::http::HttpClient;
use crate::session::json;
use crate::session::protocol::Usage;

/// The limit for the list; nothing waits for it.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);
/// A higher price is no price: 10 dollars for one token.
const MAX_MICROCENTS_PER_TOKEN: f64 = 1e9;
/// More tokens than any answer has. With the highest price, the cost still fits a `u64`.
const MAX_TOKENS: u64 = 1_000_000_000;

/// The price of a model, in microcents per token. A cent has 1,000,000 microcents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub input: f64,
    /// For the tokens of the prompt that the service had cached.
    pub cached_input: f64,
    pub output: f64,
}

impl Price {
    /// What these tokens cost, in microcents.
    pub fn cost(self, usage: Usage) -> u64 {
        let tokens = |count: u64| count.min(MAX_TOKENS);
        let prompt = tokens(usage.prompt_tokens);
        let cached = tokens(usage.cached_tokens()).min(prompt);
        let parts = [
            (prompt - cached, self.input),
            (cached, self.cached_input),
            (tokens(usage.completion_tokens), self.output),
        ];
        let cost: f64 = parts
            .map(|(tokens, price)| tokens as f64 * price)
            .iter()
            .sum();
        cost.round() as u64
    }

    /// Reads an entry of the list.
    fn read(entry: &Value) -> Option<Self> {
        let price = |kind: &str| {
            let price = json::number(entry.get(format!("{kind}_microcents_per_token"))?);
            price.filter(|price| (0.0..=MAX_MICROCENTS_PER_TOKEN).contains(price))
        };
        let input = price("input")?;
        Some(Self {
            input,
            cached_input: price("cached_input").unwrap_or(input),
            output: price("output")?,
        })
    }
}

/// The prices of models, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(HashMap<String, Price>);

impl Prices {
    /// Reads an array, or one in the member `data` or `pricing`. An odd entry costs only itself. `None`: there is
    /// no list.
    pub fn read(list: &Value) -> Option<Self> {
        let entries = match list {
            Value::Array(entries) => Some(entries),
            list => ["data", "pricing"]
                .iter()
                .find_map(|name| list.get(name)?.as_array()),
        };
        let prices = entries?.iter().filter_map(|entry| {
            let name = entry.get("model").or_else(|| entry.get("id"))?;
            Some((json::text(name)?, Price::read(entry)?))
        });
        Some(Self(prices.collect()))
    }

    /// The price of the first of these names that is listed.
    pub fn of(&self, names: &[&str]) -> Option<Price> {
        names.iter().find_map(|name| self.0.get(*name)).copied()
    }
}

/// The price list; `None` if the service gives none. The service's pages have it below the API's path, its OpenAPI file
/// on the host.
pub async fn fetch(http: &HttpClient, timeout: Duration) -> Option<Prices> {
    for http in [http.clone(), http.without_path()] {
        let (method, path) = (Method::GET, &["billing", "pricing"]);
        let timeout = timeout.min(MAX_TIMEOUT);
        let list: Result<Value, Error> = http
            .call(Stage::Balance, method, path, None::<&()>, timeout)
            .await;
        if let Some(prices) = list.ok().as_ref().and_then(Prices::read) {
            return Some(prices);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str) -> Usage {
        json::parse(text).expect(text)
    }

    #[test]
    fn costs_are_exact() {
        let price = Price {
            input: 40.0,
            cached_input: 4.0,
            output: 160.5,
        };
        for (tokens, cost) in [
            (r#"{"prompt_tokens":1000}"#, 40_000),
            (r#"{"prompt_tokens":"1000","completion_tokens":3}"#, 40_482),
            (
                r#"{"prompt_tokens":1000,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":600}}"#,
                400 * 40 + 600 * 4 + 321,
            ),
            // More than there are, odd, negative.
            (
                r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":600}}"#,
                40,
            ),
            (
                r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":"5"}}"#,
                220,
            ),
            (
                r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":-5}}"#,
                400,
            ),
            (
                r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":[]}}"#,
                400,
            ),
            (r#"{"prompt_tokens":10,"prompt_tokens_details":null}"#, 400),
            (r#"{"prompt_tokens":10,"prompt_tokens_details":7}"#, 400),
        ] {
            assert_eq!(price.cost(usage(tokens)), cost, "{tokens}");
        }
        let highest = Price {
            input: MAX_MICROCENTS_PER_TOKEN,
            cached_input: 0.0,
            output: MAX_MICROCENTS_PER_TOKEN,
        };
        let most = usage(r#"{"prompt_tokens":1e300,"completion_tokens":1e300}"#);
        assert_eq!(highest.cost(most), 2_000_000_000_000_000_000);
    }

    #[test]
    fn every_form_of_the_list_is_read() {
        let entry = r#"{"model":"a/b","provider":"x","version":3,"input_microcents_per_token":"40",
            "output_microcents_per_token":160,"cached_input_microcents_per_token":4}"#;
        let price = Price {
            input: 40.0,
            cached_input: 4.0,
            output: 160.0,
        };
        for list in [
            format!("[{entry}]"),
            format!(r#"{{"object":"list","data":[{entry}]}}"#),
            format!(r#"{{"pricing":[{entry}]}}"#),
            format!(r#"[null, 7, {{}}, {{"model":"c"}}, {entry}]"#),
        ] {
            let prices = Prices::read(&json::parse(&list).expect("JSON")).expect(&list);
            assert_eq!(prices.of(&["other", "a/b"]), Some(price), "{list}");
            assert_eq!(prices.of(&["c"]), None, "{list}");
        }
        for no_list in ["{}", "null", "7", r#"{"data":"a"}"#] {
            let read = Prices::read(&json::parse(no_list).expect("JSON"));
            assert_eq!(read, None, "{no_list}");
        }
    }

    #[test]
    fn an_odd_price_is_none() {
        let read = |input: &str, output: &str, cached: &str| {
            let entry = format!(
                r#"{{"input_microcents_per_token":{input},"output_microcents_per_token":{output},
                "cached_input_microcents_per_token":{cached}}}"#
            );
            Price::read(&json::parse(&entry).expect("JSON"))
        };
        for (input, output) in [
            ("-1", "2"),
            ("1", "null"),
            ("{}", "2"),
            ("NaN", "2"),
            ("1e30", "2"),
        ] {
            assert_eq!(read(input, output, "1"), None, "{input} {output}");
        }
        // Without a price of its own, a cached token costs what any other does.
        for odd in ["null", "-1", "[]"] {
            let price = read("3", "0", odd).expect("a price");
            assert_eq!((price.cached_input, price.output), (3.0, 0.0), "{odd}");
        }
    }
}

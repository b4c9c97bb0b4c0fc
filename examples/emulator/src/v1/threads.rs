// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The prompt cache: which texts the last question of a thread had.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::lock::lock;
use crate::v1::chat_request::ChatRequest;
use crate::vision::answer_text::count_tokens;

/// How many threads are remembered; the one that was not used for the longest time is forgotten first.
const MAX_THREADS: usize = 256;

/// The threads of all keys.
#[derive(Default)]
pub(crate) struct Threads(Mutex<VecDeque<Thread>>);

struct Thread {
    /// The key, the model and the `thread_id`.
    name: [String; 3],
    texts: Vec<String>,
}

impl Threads {
    /// How many tokens of this question's texts were in the last question of its thread too. Remembers them.
    pub(crate) fn cached_tokens(&self, owner: &str, request: &ChatRequest) -> usize {
        let Some(thread_id) = &request.thread_id else {
            return 0;
        };
        let name = [owner, &request.model, thread_id].map(str::to_owned);
        let mut threads = lock(&self.0);
        let known = threads.iter().position(|thread| thread.name == name);
        let before = known.and_then(|known| threads.remove(known));
        let before = before.map_or_else(Vec::new, |thread| thread.texts);
        let cached = request.texts.iter().filter(|text| before.contains(text));
        let cached = cached.map(|text| count_tokens(text)).sum();
        if threads.len() >= MAX_THREADS {
            threads.pop_front();
        }
        threads.push_back(Thread {
            name,
            texts: request.texts.clone(),
        });
        cached
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::v1::chat_request::read;

    fn request(thread_id: Option<&str>, system: &str, prompt: &str) -> ChatRequest {
        let body = json!({"model": "m", "thread_id": thread_id, "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": prompt},
        ]});
        read(body.to_string().as_bytes()).expect("a request")
    }

    #[test]
    fn texts_are_cached_by_thread_and_key() {
        let threads = Threads::default();
        let cached = |owner: &str, id: Option<&str>, system: &str, prompt: &str| {
            threads.cached_tokens(owner, &request(id, system, prompt))
        };
        let some = Some("a");
        assert_eq!(cached("k", some, "12345678", "1234"), 0);
        assert_eq!(cached("k", some, "12345678", "1234"), 3);
        assert_eq!(cached("k", some, "12345678", "other"), 2);
        assert_eq!(cached("k", Some("b"), "12345678", "other"), 0);
        assert_eq!(cached("l", some, "12345678", "other"), 0);
        assert_eq!(cached("k", None, "12345678", "other"), 0);
        for n in 0..2 * MAX_THREADS {
            assert_eq!(cached("k", Some(&n.to_string()), "1234", "1234"), 0);
        }
        assert_eq!(cached("k", some, "12345678", "other"), 0, "forgotten");
    }
}

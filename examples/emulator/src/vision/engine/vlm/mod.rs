// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A vision model behind an OpenAI-compatible endpoint: llama.cpp's server, vLLM, Ollama, or another.

mod completion;
mod error_text;
mod event_reader;
mod odd_json;
mod request;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::http_client;
use crate::lock::lock;
use crate::vision::engine::EngineError;
use crate::vision::model::{Model, ModelStatus};

pub(crate) use completion::{Completion, choice_failure, content_text};
pub(crate) use error_text::error_in;
use error_text::{error_message, root_cause};
pub(crate) use event_reader::{EventReader, LAST_EVENT_DATA, ModelEvent};
pub(crate) use odd_json::parse as parse_json;
pub(crate) use request::{VlmRequest, image};

/// How many pictures of a clip the model receives at most: each takes hundreds to thousands of tokens.
pub(crate) const MAX_PICTURES: usize = 8;
/// A model on a CPU is slow, and Ollama loads the model with the first question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Connecting and listing models are quick.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum length of an answer.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How many characters of an endpoint's error are repeated.
const MAX_ERROR_CHARACTERS: usize = 200;

/// A vision model at an endpoint that takes OpenAI's chat completions.
#[derive(Clone)]
pub struct Vlm {
    /// Without a slash at the end.
    base: String,
    key: Option<String>,
    model: Option<String>,
    timeout: Duration,
    parallel: usize,
    client: Client,
    permits: Arc<Semaphore>,
    /// The models that the endpoint listed last.
    listed: Arc<Mutex<Vec<String>>>,
}

/// An answer, or why there is none.
pub(crate) struct VlmAnswer {
    pub result: Result<Completion, EngineError>,
    /// The model that was asked.
    pub model: String,
    /// How long the endpoint took.
    pub took: Duration,
}

impl Vlm {
    /// The endpoint below a base URL, such as `http://127.0.0.1:8080/v1`, and its key, if it needs one.
    ///
    /// # Errors
    ///
    /// If the URL cannot be used. The text is a sentence that says why.
    pub fn new(url: &str, key: Option<String>) -> Result<Self, String> {
        let expected = "expected a base URL such as http://127.0.0.1:8080/v1";
        let parsed = Url::parse(url).map_err(|error| format!("{error}: {expected}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(format!(
                "`{}` is not http or https: {expected}",
                parsed.scheme()
            ));
        }
        if parsed.password().is_some() || !parsed.username().is_empty() {
            return Err(format!("the URL must not contain a key: {expected}"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(format!("the URL must not contain `?` or `#`: {expected}"));
        }
        let base = parsed.as_str().trim_end_matches('/');
        if base.ends_with("/chat/completions") {
            return Err(format!(
                "/chat/completions is added automatically: {expected}"
            ));
        }
        let mut client = http_client()
            .map_err(|error| error.to_string())?
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would send the key to another server.
            .redirect(redirect::Policy::none());
        if local(&parsed) {
            client = client.no_proxy();
        }
        Ok(Vlm {
            base: base.to_owned(),
            key: key.filter(|key| !key.is_empty()),
            model: None,
            timeout: ANSWER_TIMEOUT,
            parallel: 1,
            client: client.build().map_err(|error| error.to_string())?,
            permits: Arc::new(Semaphore::new(1)),
            listed: Arc::default(),
        })
    }

    /// Sets the model that always answers. Without it, the requested model answers if the endpoint lists it,
    /// and else the first listed model.
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// Sets how long an answer may take; for a streamed answer, how long each part may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many questions the endpoint is asked at a time.
    pub fn parallel(mut self, parallel: usize) -> Self {
        self.parallel = parallel.max(1);
        self.permits = Arc::new(Semaphore::new(self.parallel));
        self
    }

    pub(crate) fn max_parallel(&self) -> usize {
        self.parallel
    }

    /// Waits for a permit to ask the endpoint: first come, first served.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        let permit = self.permits.clone().acquire_owned().await;
        permit.map_err(|error| EngineError::Failed(error.to_string()))
    }

    /// The models and their current status.
    pub(crate) async fn models(&self) -> Vec<Model> {
        let now = self.list_models().await;
        let status = match &now {
            Ok(_) => ModelStatus::Ready,
            // The endpoint answers, but lists no models.
            Err(EngineError::Rejected { .. }) if self.model.is_some() => ModelStatus::Ready,
            Err(_) => ModelStatus::Unavailable,
        };
        let names = match &self.model {
            Some(model) => vec![model.clone()],
            None => now.unwrap_or_else(|_| lock(&self.listed).clone()),
        };
        let models = names.into_iter().map(|name| Model { name, status });
        models.collect()
    }

    /// The name of the model that answers if `asked` was requested.
    pub(crate) async fn model_for(&self, asked: &str) -> Result<String, EngineError> {
        if let Some(model) = &self.model {
            return Ok(model.clone());
        }
        let mut listed = lock(&self.listed).clone();
        if listed.is_empty() {
            listed = self.list_models().await?;
        }
        let same = listed.iter().find(|name| *name == asked);
        let name = same.or(listed.first()).map_or(asked, String::as_str);
        Ok(name.to_owned())
    }

    /// The names that the endpoint lists with OpenAI's `GET /models`, which all of these servers have.
    pub(crate) async fn list_models(&self) -> Result<Vec<String>, EngineError> {
        let request = async {
            let response = self.send(self.client.get(self.url("/models"))).await?;
            self.json(response).await
        };
        let body = timeout(CONNECT_TIMEOUT, request)
            .await
            .map_err(|_| self.timed_out(CONNECT_TIMEOUT))??;
        let data = body.get("data").and_then(Value::as_array);
        let data = data.ok_or_else(|| self.failed("its /models is not a list of models"))?;
        let id = |model: &Value| Some(model.get("id")?.as_str()?.to_owned());
        let names: Vec<String> = data.iter().filter_map(id).collect();
        lock(&self.listed).clone_from(&names);
        Ok(names)
    }

    /// Asks a question of the requested model.
    pub(crate) async fn answer(&self, asked: &str, question: VlmRequest<'_>) -> VlmAnswer {
        let model = match self.model_for(asked).await {
            Ok(model) => model,
            Err(error) => {
                return VlmAnswer {
                    result: Err(error),
                    model: asked.to_owned(),
                    took: Duration::ZERO,
                };
            }
        };
        let (result, took) = self.complete(&question.body(&model)).await;
        VlmAnswer {
            result,
            model,
            took,
        }
    }

    /// Waits for a permit, asks, and waits for the whole answer. Also returns how long the endpoint took.
    pub(crate) async fn complete(
        &self,
        body: &Value,
    ) -> (Result<Completion, EngineError>, Duration) {
        let permit = self.permit().await;
        let start = Instant::now();
        let request = async {
            let _turn = permit?;
            let response = self.ask(body).await?;
            self.completion(response).await
        };
        let answer = timeout(self.timeout, request).await;
        let answer = answer.unwrap_or_else(|_| Err(self.timed_out(self.timeout)));
        (answer, start.elapsed())
    }

    /// Reads an answer that is not streamed.
    pub(crate) async fn completion(&self, response: Response) -> Result<Completion, EngineError> {
        let body = self.json(response).await?;
        Completion::read(body).map_err(|why| self.failed(&why))
    }

    /// Asks, and returns the head of the answer.
    pub(crate) async fn ask(&self, body: &Value) -> Result<Response, EngineError> {
        let request = self.client.post(self.url("/chat/completions")).json(body);
        timeout(self.timeout, self.send(request))
            .await
            .unwrap_or_else(|_| Err(self.timed_out(self.timeout)))
    }

    /// The next bytes of an answer. `None`: the answer has ended.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        match timeout(self.timeout, response.chunk()).await {
            Ok(Ok(bytes)) => Ok(bytes.map(Vec::from)),
            Ok(Err(error)) => Err(self.failed(&root_cause(error))),
            Err(_) => Err(self.timed_out(self.timeout)),
        }
    }

    pub(crate) fn failed(&self, why: &str) -> EngineError {
        EngineError::Failed(format!(
            "the model at {}: {}",
            self.base,
            self.printable(why)
        ))
    }

    fn timed_out(&self, after: Duration) -> EngineError {
        EngineError::TimedOut {
            who: format!("the model at {}", self.base),
            after,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, EngineError> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response = request.send().await;
        let response = response.map_err(|error| self.failed(&root_cause(error)))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        // The endpoint's own text, if there is any. The status is known in any case.
        let body = self.bytes(response).await.unwrap_or_default();
        Err(EngineError::Rejected {
            who: format!("the model at {}", self.base),
            status,
            why: self.printable(&error_message(&body)),
        })
    }

    async fn json(&self, response: Response) -> Result<Value, EngineError> {
        let body = self.bytes(response).await?;
        let text = String::from_utf8_lossy(&body);
        parse_json(&text).ok_or_else(|| self.failed(&format!("its answer is not JSON: {text}")))
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, EngineError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            body.extend(chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(self.failed("its answer is too long"));
            }
        }
        Ok(body)
    }

    /// One short line without the key: some endpoints repeat the key.
    fn printable(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => text.replace(key, "…"),
            None => text.to_owned(),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").chars().take(MAX_ERROR_CHARACTERS).collect()
    }
}

impl fmt::Debug for Vlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vlm")
            .field("base", &self.base)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Whether the endpoint is on this machine, where requests need no proxy.
fn local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base_urls_are_accepted() {
        let base = |url| Vlm::new(url, None).map(|vlm| vlm.base);
        for (url, expected) in [
            ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
            ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
            ("https://models.example", "https://models.example"),
        ] {
            assert_eq!(base(url).as_deref(), Ok(expected));
        }
        for (url, why) in [
            ("127.0.0.1:8080", "a base URL such as"),
            ("ftp://models.example/v1", "not http or https"),
            (
                "http://user:pass@models.example/v1",
                "must not contain a key",
            ),
            ("http://models.example/v1?a=b", "`?`"),
            (
                "http://models.example/v1/chat/completions",
                "added automatically",
            ),
        ] {
            let error = base(url).expect_err(url);
            assert!(error.contains(why) && !error.contains("pass"), "{error}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let vlm = Vlm::new("http://127.0.0.1:1/v1", Some("sk-secret".to_owned()));
        let vlm = vlm.expect("a good URL");
        assert!(!format!("{vlm:?}").contains("secret"));
        let text = vlm.printable("bad key:\n sk-secret");
        assert_eq!(text, "bad key: …");
    }
}

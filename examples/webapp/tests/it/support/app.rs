// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The application on its own port. Dropping it stops it and joins its thread.

use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use overshoot_webapp::{Answerer, Config};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{KEY, Service};

/// Long enough for a busy machine.
const WAIT: Duration = Duration::from_secs(30);

pub struct WebApp {
    /// `http://127.0.0.1:…`
    pub url: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A new HTTP client.
pub fn http() -> reqwest::Client {
    let client = overshoot_emulator::http_client().expect("TLS");
    client.build().expect("a client")
}

impl WebApp {
    /// Starts the application with this emulator and the key of the tests.
    pub fn start(service: &Service) -> Self {
        Self::with(service, |_| {})
    }

    /// Starts it with changed settings.
    pub fn with(service: &Service, change: impl FnOnce(&mut Config)) -> Self {
        Self::on("127.0.0.1:0", service, change)
    }

    /// Starts it at a known address, as after a restart.
    pub fn on(address: &str, service: &Service, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Answerer::Service(overshoot_webapp::Service {
            key: KEY.to_owned(),
            url: Some(service.url.clone()),
        }));
        change(&mut config);
        // The runtime is on its own thread, because the test may run on another runtime.
        let listener = std::net::TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("a socket can");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let shutdown = async {
                // A dropped sender also completes this.
                let _ = stopped.await;
            };
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(4)
                .enable_all()
                .build()
                .expect("a runtime");
            let serving = async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                overshoot_webapp::run(listener, config, shutdown).await
            };
            runtime.block_on(serving).expect("the application runs");
        });
        Self {
            url,
            http: http(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `127.0.0.1:…`
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// Makes a call with JSON. Returns the status and the JSON (null for an empty body).
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("it answers");
        let status = response.status();
        let text = response.text().await.expect("it ends");
        assert!(!text.contains(KEY), "{text}");
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")),
        };
        (status, body)
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Uploads a file. Returns the session's id.
    pub async fn upload(&self, path: &Path) -> String {
        let bytes = std::fs::read(path).expect("the file is there");
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let (status, body) = self.send(name, bytes).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["session_id"].as_str().expect("an id").to_owned()
    }

    /// Sends these bytes in a form, as a file with this name.
    pub async fn send(&self, name: &str, bytes: Vec<u8>) -> (StatusCode, Value) {
        let part = Part::bytes(bytes).file_name(name.to_owned());
        let form = Form::new().part("file", part);
        let request = self.http.post(format!("{}/upload-video", self.url));
        let response = request.multipart(form).send().await.expect("it answers");
        (response.status(), response.json().await.expect("JSON"))
    }

    pub async fn start_stream(&self, id: &str, settings: Value) -> Value {
        let path = format!("/start-stream/{id}");
        let (status, body) = self.call(Method::POST, &path, Some(settings)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Waits until the health from `GET /` meets the condition.
    pub async fn wait(&self, why: &str, what: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + WAIT;
        loop {
            let health = self.get("/").await;
            if what(&health) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain for {why}: {health}"
            );
            // The server sends no notifications, so poll.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for WebApp {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            if !thread::panicking() {
                joined.expect("the application ends in order");
            }
        }
    }
}

//! The application on a port of its own, stopped and joined when it is dropped.

use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use overshoot_webapp::Config;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{KEY, Service};

/// For what takes some moments on a busy machine.
const WAIT: Duration = Duration::from_secs(30);

pub struct WebApp {
    /// `http://127.0.0.1:…`
    pub url: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A client of its own.
pub fn http() -> reqwest::Client {
    let client = overshoot_emulator::http_client().expect("TLS");
    client.build().expect("a client")
}

impl WebApp {
    /// Asks this emulator, by the tests' key.
    pub fn start(service: &Service) -> Self {
        Self::with(service, |_| {})
    }

    /// With other settings.
    pub fn with(service: &Service, change: impl FnOnce(&mut Config)) -> Self {
        Self::on("127.0.0.1:0", service, change)
    }

    /// On an address that was known before, as a server that comes back.
    pub fn on(address: &str, service: &Service, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            service: Some(overshoot_webapp::Service {
                key: KEY.to_owned(),
                url: Some(service.url.clone()),
            }),
            ..Config::default()
        };
        change(&mut config);
        // What needs a runtime is done on its own thread, as the test may be played on one.
        let listener = std::net::TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("a socket can");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let shutdown = async {
                // A dropped sender stops it too.
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

    /// A call with its JSON, and what came of it; nothing is null.
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

    /// Uploads a file; its session's id.
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

    /// Sends this in a form, as a file of this name.
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

    /// Waits until `what` holds of the health that `GET /` tells.
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
            // What is asked tells nobody by itself.
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

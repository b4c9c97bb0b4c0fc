//! The application on a port of its own, stopped and joined when it is dropped.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use overshoot_webapp::Config;
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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let shutdown = async {
                // A dropped sender stops it too.
                let _ = stopped.await;
            };
            runtime
                .block_on(overshoot_webapp::run(listener, config, shutdown))
                .expect("the application runs");
        });
        Self {
            url,
            http: reqwest::Client::new(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `127.0.0.1:…`
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// Waits until `what` holds of the health that `GET /` tells.
    pub async fn wait(&self, why: &str, what: impl Fn(&serde_json::Value) -> bool) {
        let deadline = Instant::now() + WAIT;
        loop {
            let response = self.http.get(&self.url).send().await.expect("it answers");
            let health = response.json().await.expect("JSON");
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

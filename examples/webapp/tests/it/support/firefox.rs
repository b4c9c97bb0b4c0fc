// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Headless Firefox, driven by WebDriver BiDi, which it serves itself.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Long enough for a busy machine.
const WAIT: Duration = Duration::from_secs(60);

pub struct Firefox {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    context: Value,
    last_id: u64,
    process: Child,
    _profile: TempDir,
}

impl Firefox {
    /// `None`: it is not installed. It prints why the test is skipped.
    pub async fn start() -> Option<Self> {
        let profile = TempDir::new().expect("a folder");
        let started = Command::new("firefox-esr")
            .args([
                "--headless",
                "--no-remote",
                "--remote-debugging-port=0",
                "--profile",
            ])
            .arg(profile.path())
            .env("HOME", profile.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(why) => {
                println!("SKIPPED: Firefox does not start (install firefox-esr): {why}");
                return None;
            }
        };
        let output = process.stderr.take().expect("it is piped");
        let reading = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let found = lines.find_map(|line| {
                Some(
                    line.split_once("WebDriver BiDi listening on ")?
                        .1
                        .to_owned(),
                )
            });
            // Firefox must not wait for a reader of its other messages.
            std::thread::spawn(move || lines.for_each(drop));
            found
        });
        let address = timeout(WAIT, reading).await.expect("it starts in time");
        let address = address.expect("no panic").expect("it prints its address");
        let (socket, _) = connect_async(format!("{}/session", address.trim()))
            .await
            .expect("it listens");
        let mut firefox = Self {
            socket,
            context: Value::Null,
            last_id: 0,
            process,
            _profile: profile,
        };
        let capabilities = json!({"alwaysMatch": {"acceptInsecureCerts": false}});
        firefox
            .command("session.new", json!({"capabilities": capabilities}))
            .await;
        let mut tree = firefox.command("browsingContext.getTree", json!({})).await;
        firefox.context = tree["contexts"][0]["context"].take();
        Some(firefox)
    }

    async fn command(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let command = json!({"id": self.last_id, "method": method, "params": params});
        let sent = self
            .socket
            .send(Message::Text(command.to_string().into()))
            .await;
        sent.expect("it reads");
        loop {
            let message = timeout(WAIT, self.socket.next()).await.expect("in time");
            let Message::Text(text) = message.expect("it runs").expect("no error") else {
                continue;
            };
            let mut reply: Value = serde_json::from_str(&text).expect("JSON");
            if reply["id"] == self.last_id {
                assert_eq!(reply["type"], "success", "{method}: {reply}");
                return reply["result"].take();
            }
        }
    }

    pub async fn open(&mut self, url: &str) {
        let params = json!({"context": self.context, "url": url, "wait": "complete"});
        self.command("browsingContext.navigate", params).await;
    }

    pub async fn reload(&mut self) {
        let params = json!({"context": self.context, "wait": "complete"});
        self.command("browsingContext.reload", params).await;
    }

    /// Evaluates an expression. Returns its value, of a string, number or boolean.
    pub async fn run(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "target": {"context": self.context}, "awaitPromise": true,
        });
        let mut reply = self.command("script.evaluate", params).await;
        assert_eq!(reply["type"], "success", "{expression}: {reply}");
        reply["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub async fn wait(&mut self, expression: &str) {
        let deadline = Instant::now() + WAIT;
        while self.run(expression).await != true {
            if Instant::now() > deadline {
                let page = self.run("document.body.innerText").await;
                panic!("waited in vain for {expression}: {page}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page shows this state.
    pub async fn state(&mut self, state: &str) {
        self.wait(&format!(
            "document.getElementById('dot').className === 'dot {state}'"
        ))
        .await;
    }

    pub async fn choose_file(&mut self, path: &Path) {
        let params = json!({
            "expression": "document.getElementById('file')",
            "target": {"context": self.context}, "awaitPromise": false,
        });
        let reply = self.command("script.evaluate", params).await;
        let element = json!({"sharedId": reply["result"]["sharedId"]});
        let params = json!({"context": self.context, "element": element, "files": [path]});
        self.command("input.setFiles", params).await;
    }

    /// Saves a screenshot in the folder OVERSHOOT_WEBAPP_SHOTS, if that variable is set.
    pub async fn shot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("OVERSHOOT_WEBAPP_SHOTS") else {
            return;
        };
        let params = json!({"context": self.context});
        let picture = self
            .command("browsingContext.captureScreenshot", params)
            .await;
        let picture = gst::glib::base64_decode(picture["data"].as_str().expect("text"));
        let path = Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, picture).expect("the folder is there");
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

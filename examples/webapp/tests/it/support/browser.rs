// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Headless Chromium, driven by WebDriver, with a camera that shows a test picture.

use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Long enough for a busy machine.
const WAIT: Duration = Duration::from_secs(40);

/// How the page is displayed.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: u32,
    pub phone: bool,
    pub dark: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1280,
            phone: false,
            dark: false,
        }
    }
}

pub struct Browser {
    pub client: Client,
}

/// Runs this in a desktop browser.
pub fn browse(body: impl AsyncFnOnce(&Browser)) {
    browse_as(Look::default(), body);
}

/// Runs this in a browser, and closes the browser at the end. Without a browser it prints why it is skipped.
pub fn browse_as(look: Look, body: impl AsyncFnOnce(&Browser)) {
    let Some(driver) = Driver::start() else {
        return;
    };
    let played = super::play(async {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(look));
        let client = builder.connect(&driver.url).await;
        let browser = Browser {
            client: client.expect("Chromium starts"),
        };
        let played = AssertUnwindSafe(body(&browser)).catch_unwind().await;
        let closed = browser.client.close().await;
        played.map(|()| closed.map_err(|error| error.to_string()))
    });
    match played {
        Ok(closed) => closed.expect("Chromium closes"),
        Err(panic) => resume_unwind(panic),
    }
}

/// chromedriver on its own port.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start() -> Option<Self> {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(why) => {
                println!("SKIPPED: chromedriver does not start (install chromium-driver): {why}");
                return None;
            }
        };
        let output = process.stdout.take().expect("it is piped");
        let mut driver = Self {
            process,
            url: String::new(),
        };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("chromedriver prints its port");
        driver.url = format!("http://127.0.0.1:{port}");
        Some(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn capabilities(look: Look) -> serde_json::Map<String, Value> {
    let size = format!("--window-size={},900", look.width);
    let mut arguments = vec![
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        // The second one of these cameras shows depths, which nobody can encode.
        "--use-fake-device-for-media-stream=device-count=3",
        "--use-fake-ui-for-media-stream",
        &size,
        "--lang=en-GB",
    ];
    if look.dark {
        arguments.push("--blink-settings=preferredColorScheme=0");
    }
    let mut options = json!({"args": arguments});
    if look.phone {
        options["mobileEmulation"] = json!({
            "deviceMetrics": {"width": look.width, "height": 844, "pixelRatio": 2.0},
        });
    }
    let Value::Object(map) = json!({"goog:chromeOptions": options}) else {
        unreachable!("it is an object");
    };
    map
}

impl Browser {
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page loads");
        self.wait(
            "the page's list of models",
            "return document.getElementById('model').options.length > 1",
        )
        .await;
    }

    /// Runs a script and returns its result.
    pub async fn run(&self, script: &str) -> Value {
        let result = self.client.execute(script, Vec::new()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script returns true.
    pub async fn wait(&self, why: &str, script: &str) {
        let deadline = Instant::now() + WAIT;
        while self.run(script).await != true {
            if Instant::now() > deadline {
                let page = self.run("return document.body.innerText").await;
                panic!(
                    "waited in vain for {why}: {}",
                    page.as_str().unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page shows this state.
    pub async fn state(&self, state: &str) {
        let script = format!("return document.getElementById('dot').className == 'dot {state}'");
        self.wait(state, &script).await;
    }

    /// Waits until the list has this many answers.
    pub async fn answers(&self, number: usize) {
        let script =
            format!("return document.querySelectorAll('#answers .answer').length >= {number}");
        self.wait("answers", &script).await;
    }

    /// The visible text of an element.
    pub async fn text(&self, id: &str) -> String {
        let element = self.client.find(Locator::Id(id)).await;
        let text = element.expect("it is on the page").text().await;
        text.expect("it has a text")
    }

    pub async fn click(&self, id: &str) {
        let element = self.client.find(Locator::Id(id)).await;
        let clicked = element.expect("it is on the page").click().await;
        clicked.unwrap_or_else(|error| panic!("{id}: {error}"));
    }

    /// Replaces the text of a field.
    pub async fn write(&self, id: &str, text: &str) {
        let element = self.client.find(Locator::Id(id)).await.expect("a field");
        element.clear().await.expect("it can be cleared");
        element.send_keys(text).await.expect("it can be written to");
    }

    pub async fn choose_file(&self, path: &Path) {
        let input = self.client.find(Locator::Id("file")).await;
        let path = path.to_str().expect("a name of text");
        let chosen = input.expect("it is on the page").send_keys(path).await;
        chosen.expect("a file can be chosen");
    }

    /// Presses Ctrl+Enter.
    pub async fn press_ctrl_enter(&self) {
        self.chord(&[Key::Control, Key::Enter]).await;
    }

    /// Presses a key. The focused element gets it.
    pub async fn press(&self, key: Key) {
        self.chord(&[key]).await;
    }

    /// Presses several keys together.
    async fn chord(&self, keys: &[Key]) {
        let keys = || keys.iter().map(|key| char::from(*key));
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys() {
            actions = actions.then(KeyAction::Down { value });
        }
        for value in keys().rev() {
            actions = actions.then(KeyAction::Up { value });
        }
        let pressed = self.client.perform_actions(actions).await;
        pressed.expect("there is a keyboard");
    }

    /// The id of the focused element.
    pub async fn focus(&self) -> String {
        let id = self.run("return document.activeElement.id").await;
        id.as_str().unwrap_or_default().to_owned()
    }

    /// Saves a screenshot in the folder OVERSHOOT_WEBAPP_SHOTS, if that variable is set.
    pub async fn shot(&self, name: &str) {
        let Some(folder) = std::env::var_os("OVERSHOOT_WEBAPP_SHOTS") else {
            return;
        };
        let picture = self.client.screenshot().await.expect("a picture");
        let path = Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, picture).expect("the folder is there");
    }

    /// Saves a screenshot of the whole page.
    pub async fn shot_of_all(&self, name: &str) {
        let height = self
            .run("return Math.ceil(document.documentElement.scrollHeight)")
            .await;
        let script = "return window.innerWidth";
        let width = self.run(script).await;
        if let (Some(width), Some(height)) = (width.as_u64(), height.as_u64()) {
            let size = self
                .client
                .set_window_size(width as u32, height as u32 + 150)
                .await;
            size.expect("windows can be made larger");
        }
        self.shot(name).await;
    }

    /// The error that the page shows.
    pub async fn problem(&self) -> String {
        self.text("problem").await
    }

    /// Moves the focus back to this element by Shift+Tab.
    pub async fn back_to(&self, id: &str) {
        for _ in 0..20 {
            if self.focus().await == id {
                return;
            }
            let focused = self
                .client
                .active_element()
                .await
                .expect("something has it");
            let keys = Key::Shift + &Key::Tab.to_string();
            focused.send_keys(&keys).await.expect("it takes keys");
        }
        panic!("{id} can't be reached by Shift+Tab");
    }

    /// Checks that nothing is wider than the screen.
    pub async fn fits(&self) {
        let wide = self
            .run(
                "const width = document.documentElement.clientWidth;
                return [...document.querySelectorAll('body *')]
                    .filter((e) => e.checkVisibility() && !e.closest('.unseen') && e.getBoundingClientRect().right > width + 1)
                    .map((e) => e.outerHTML.slice(0, 80)).join('\\n')",
            )
            .await;
        assert_eq!(wide, "");
    }

    /// Checks that all text has the contrast that WCAG 2.2 AA requires (4.5 to 1).
    pub async fn legible(&self) {
        let faint = self.run(include_str!("faint.js")).await;
        assert_eq!(faint, "");
    }

    /// Checks by axe-core that nothing on the page keeps people with disabilities out.
    pub async fn accessible(&self) {
        if self.run("return typeof axe === 'undefined'").await == true {
            let path = std::env::var("OVERSHOOT_TEST_AXE").expect("`bash tests/run.sh` sets it");
            let script = std::fs::read_to_string(path).expect("`bash tests/run.sh` fetches it");
            self.run(&script).await;
        }
        let violations = self.run(include_str!("violations.js")).await;
        assert_eq!(violations, "");
    }
}

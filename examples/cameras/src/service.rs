//! Which service is asked, and by which keys; without a key, an emulator of it in this process.

use std::time::Duration;

use overshoot_emulator::{Config, Local};
use tokio::time::timeout;

use crate::camera::Api;
use crate::config::{KEY_VARIABLE, Settings, Wrong, read_secret};
use crate::log::Log;

/// What the emulator may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

pub struct Service {
    keys: Vec<String>,
    emulator: Option<Local>,
}

impl Service {
    pub async fn of(settings: &Settings, log: &Log) -> Result<Self, Box<dyn std::error::Error>> {
        let named = settings.keys.iter();
        let keys = named.map(|variable| read_secret("keys", variable));
        let keys = keys.collect::<Result<Vec<_>, Wrong>>()?;
        if !keys.is_empty() {
            return Ok(Self::real(keys));
        }
        if let Ok(key) = read_secret("keys", KEY_VARIABLE) {
            return Ok(Self::real(vec![key]));
        }
        let emulator = Local::start(Config::default()).await?;
        log.say(format_args!(
            "no {KEY_VARIABLE}: asking an emulator in this process, {}",
            emulator.url()
        ));
        Ok(Self {
            keys: vec!["any".to_owned()],
            emulator: Some(emulator),
        })
    }

    fn real(keys: Vec<String>) -> Self {
        Self {
            keys,
            emulator: None,
        }
    }

    pub fn keys(&self) -> Vec<String> {
        self.keys.clone()
    }

    /// The element itself reads `OVERSHOOT_API_URL`, where it is not the emulator.
    pub fn api(&self) -> Api {
        Api {
            url: self.emulator.as_ref().map(Local::url),
        }
    }

    /// After the last stream was deleted.
    pub async fn end(self) {
        if let Some(emulator) = self.emulator {
            // It ends with the process, if not by itself.
            let _ = timeout(FAREWELL, emulator.stop()).await;
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The service that is asked: its address and API keys. Without a key, an emulator in this process answers.
//!
//! `slots` hands out the streams that the keys allow. Requests to the service are not made here: the element
//! makes them (`camera/pipeline.rs`).

mod slots;

use std::time::Duration;

use overshoot_emulator::{Config, Local};
use tokio::time::timeout;

use crate::config::{ConfigError, KEY_VARIABLE, Settings, read_secret};
use crate::log::Log;
pub use slots::{StreamSlot, StreamSlots};

/// How long to wait for the emulator to stop.
const EMULATOR_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of the service.
#[derive(Clone, Debug)]
pub struct Api {
    /// Unset: the element reads `OVERSHOOT_API_URL` or uses its default.
    pub url: Option<String>,
}

pub struct Service {
    keys: Vec<String>,
    emulator: Option<Local>,
}

impl Service {
    pub async fn open(settings: &Settings, log: &Log) -> Result<Self, Box<dyn std::error::Error>> {
        let named = settings.keys.iter();
        let keys = named.map(|variable| read_secret("keys", variable));
        let keys = keys.collect::<Result<Vec<_>, ConfigError>>()?;
        if !keys.is_empty() {
            return Ok(Self::remote(keys));
        }
        if let Ok(key) = read_secret("keys", KEY_VARIABLE) {
            return Ok(Self::remote(vec![key]));
        }
        let emulator = Local::start(Config::default()).await?;
        log.line(format_args!(
            "no {KEY_VARIABLE}: asking an emulator in this process, {}",
            emulator.url()
        ));
        Ok(Self {
            keys: vec!["any".to_owned()],
            emulator: Some(emulator),
        })
    }

    fn remote(keys: Vec<String>) -> Self {
        Self {
            keys,
            emulator: None,
        }
    }

    pub fn keys(&self) -> Vec<String> {
        self.keys.clone()
    }

    /// The address is set only for the emulator.
    pub fn api(&self) -> Api {
        Api {
            url: self.emulator.as_ref().map(Local::url),
        }
    }

    /// To call after the last stream was deleted.
    pub async fn stop(self) {
        if let Some(emulator) = self.emulator {
            // If it does not stop in time, it ends with the process.
            let _ = timeout(EMULATOR_STOP_TIMEOUT, emulator.stop()).await;
        }
    }
}

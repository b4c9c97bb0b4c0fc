// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The service that is asked: its address and API keys. Only with `--emulator` an emulator in this process answers:
//! its answers are invented, and nobody may take them for those of a model.
//!
//! `slots` hands out the streams that the keys allow. Requests to the service are not made here: the element
//! makes them (`camera/pipeline.rs`).

mod address;
mod api_key;
mod slots;

use std::error::Error;
use std::time::Duration;

use overshoot_emulator::{Config, Local};
use tokio::time::timeout;

use crate::config::{KEY_VARIABLE, Settings, read_secret};
use crate::log::Log;
pub use address::{Address, URL_VARIABLE};
pub use api_key::ApiKey;
pub use slots::{StreamSlot, StreamSlots};

/// What events say in place of a host.
const EMULATOR: &str = "emulator";
/// How long to wait for the emulator to stop.
const EMULATOR_STOP_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Service {
    address: Address,
    keys: Vec<ApiKey>,
    emulator: Option<Local>,
}

impl Service {
    /// The service that the environment and the file name, or an emulator.
    ///
    /// # Errors
    /// A key is missing, or the address is none.
    pub async fn open(
        settings: &Settings,
        emulator: bool,
        log: &Log,
    ) -> Result<Self, Box<dyn Error>> {
        let address = Address::from_environment()?;
        match emulator {
            true if address.url.is_some() => Err(format!(
                "--emulator and {URL_VARIABLE} name two services: unset {URL_VARIABLE}, or leave out --emulator"
            )
            .into()),
            true => Self::start_emulator(settings, log).await,
            false => Ok(Self {
                address,
                keys: read_keys(settings)?,
                emulator: None,
            }),
        }
    }

    async fn start_emulator(settings: &Settings, log: &Log) -> Result<Self, Box<dyn Error>> {
        let emulator = Local::start(Config::default()).await?;
        let url = emulator.url();
        log.line(format_args!(
            "--emulator: an emulator in this process, {url}, INVENTS all answers; no model sees the video"
        ));
        // As many slots as with the real keys.
        let keys = key_variables(settings).enumerate();
        let keys = keys.map(|(number, variable)| ApiKey {
            variable: variable.to_owned(),
            secret: format!("{EMULATOR}-{number}"),
        });
        Ok(Self {
            address: Address {
                url: Some(url),
                name: EMULATOR.to_owned(),
            },
            keys: keys.collect(),
            emulator: Some(emulator),
        })
    }

    pub fn keys(&self) -> Vec<ApiKey> {
        self.keys.clone()
    }

    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// To call after the last stream was deleted.
    pub async fn stop(self) {
        if let Some(emulator) = self.emulator {
            // If it does not stop in time, it ends with the process.
            let _ = timeout(EMULATOR_STOP_TIMEOUT, emulator.stop()).await;
        }
    }
}

fn key_variables(settings: &Settings) -> impl Iterator<Item = &str> {
    let default = settings.keys.is_empty().then_some(KEY_VARIABLE);
    settings.keys.iter().map(String::as_str).chain(default)
}

/// All missing keys are one error.
fn read_keys(settings: &Settings) -> Result<Vec<ApiKey>, String> {
    let (mut keys, mut missing) = (Vec::new(), Vec::new());
    for variable in key_variables(settings) {
        match read_secret("keys", variable) {
            Ok(secret) => keys.push(ApiKey {
                variable: variable.to_owned(),
                secret,
            }),
            Err(_) => missing.push(variable),
        }
    }
    match missing.is_empty() {
        true => Ok(keys),
        false => Err(format!(
            "there is no API key in {}: export it with the key of your account, or change keys in the file. To try the program without a service, start it with --emulator: then an emulator invents the answers",
            missing.join(" and in ")
        )),
    }
}

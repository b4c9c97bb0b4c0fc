// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of the application, and the environment variables that set them.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8000;
const MAX_UPLOAD_BYTES: u64 = 500 * 1024 * 1024;
const MAX_SESSIONS: usize = 16;
/// The service allows this many streams per API key.
const MAX_STREAMS: usize = 5;
const START_TIMEOUT: Duration = Duration::from_secs(45);
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const UNWATCHED_TIMEOUT: Duration = Duration::from_secs(60);

/// The settings of the application. With `Default`, an emulator on this machine answers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service to ask. With `None` the application starts an emulator and asks it.
    pub service: Option<Service>,
    /// The host names that are accepted besides `localhost` and IP addresses. Other names are refused, because
    /// an attacker's name may point to this server (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Where the folder for uploads is created.
    pub folder: PathBuf,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// The maximum number of sessions (videos and webcams).
    pub max_sessions: usize,
    /// The maximum number of running streams.
    pub max_streams: usize,
    /// How long a start may take. It is longer than the element's own timeouts, whose errors say more.
    pub start_timeout: Duration,
    /// After this time an unused session is closed and its upload deleted.
    pub idle_timeout: Duration,
    /// After this time a stream whose answers nobody reads is stopped, because it costs credits.
    pub unwatched_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            service: None,
            allowed_hosts: Vec::new(),
            folder: std::env::temp_dir(),
            max_upload_bytes: MAX_UPLOAD_BYTES,
            max_sessions: MAX_SESSIONS,
            max_streams: MAX_STREAMS,
            start_timeout: START_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            unwatched_timeout: UNWATCHED_TIMEOUT,
        }
    }
}

/// The address of a service, and the API key for it.
#[derive(Clone)]
pub struct Service {
    /// The API key. It is sent only to the service.
    pub key: String,
    /// The address of the API. With `None` the element uses its default.
    pub url: Option<String>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The settings from the environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `BACKEND_HOST`.
    pub host: String,
    /// `BACKEND_PORT`.
    pub port: u16,
    /// The other settings.
    pub config: Config,
    /// Warnings about variables that have no effect.
    pub warnings: Vec<String>,
}

impl Environment {
    /// Reads the variables. An empty variable counts as unset.
    ///
    /// # Errors
    /// If the value of a variable is invalid. The error names the variable.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| {
            let text = variable(name)?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let host = set("BACKEND_HOST").unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let port = match set("BACKEND_PORT") {
            None => DEFAULT_PORT,
            Some(text) => text.parse().map_err(|_| {
                format!("BACKEND_PORT={text} is not a port. Set a number up to 65535, or 0 for any free port.")
            })?,
        };
        let url = set("OVERSHOOT_API_URL");
        let mut warnings = Vec::new();
        let service = match set("OVERSHOOT_API_KEY") {
            Some(key) => Some(Service { key, url }),
            None => {
                if url.is_some() {
                    warnings.push(
                        "OVERSHOOT_API_URL is ignored because OVERSHOOT_API_KEY is not set"
                            .to_owned(),
                    );
                }
                None
            }
        };
        let mut allowed_hosts: Vec<String> = set("BACKEND_ALLOWED_HOSTS")
            .iter()
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        if host.parse::<IpAddr>().is_err() {
            allowed_hosts.push(host.to_ascii_lowercase());
        }
        let config = Config {
            service,
            allowed_hosts,
            ..Config::default()
        };
        Ok(Self {
            host,
            port,
            config,
            warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::read(|name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_defaults_are_a_local_server_and_the_emulator() {
        let environment = read(&[]).expect("nothing is needed");
        assert_eq!(
            (environment.host.as_str(), environment.port),
            ("127.0.0.1", 8000)
        );
        assert!(environment.config.service.is_none());
        assert!(environment.config.allowed_hosts.is_empty());
        assert!(environment.warnings.is_empty());
    }

    #[test]
    fn the_key_is_not_shown() {
        let environment = read(&[
            ("OVERSHOOT_API_KEY", " secret-key "),
            ("OVERSHOOT_API_URL", "https://example.org/v1"),
        ])
        .expect("both are fine");
        let service = environment.config.service.as_ref().expect("a key is set");
        assert_eq!(service.key, "secret-key");
        assert_eq!(service.url.as_deref(), Some("https://example.org/v1"));
        assert!(!format!("{environment:?}").contains("secret-key"));
    }

    #[test]
    fn an_address_without_a_key_causes_a_warning() {
        let environment = read(&[
            ("OVERSHOOT_API_URL", "https://example.org/v1"),
            ("OVERSHOOT_API_KEY", ""),
        ])
        .expect("it is ignored");
        assert!(environment.config.service.is_none());
        assert!(environment.warnings[0].contains("OVERSHOOT_API_KEY is not set"));
    }

    #[test]
    fn an_invalid_port_is_named() {
        let error = read(&[("BACKEND_PORT", "80000")]).expect_err("too large");
        assert!(error.contains("BACKEND_PORT=80000"), "{error}");
    }

    #[test]
    fn the_allowed_hosts_include_the_own_host() {
        let environment = read(&[
            ("BACKEND_HOST", "Kiosk"),
            ("BACKEND_ALLOWED_HOSTS", "app.example.com, , Other"),
        ])
        .expect("all fine");
        assert_eq!(
            environment.config.allowed_hosts,
            ["app.example.com", "other", "kiosk"]
        );
    }
}

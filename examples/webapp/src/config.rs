//! What the application is told before it starts.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8000;
const MAX_UPLOAD: u64 = 500 * 1024 * 1024;
const MAX_SESSIONS: usize = 16;
/// As many as the service lets one key have.
const MAX_STREAMS: usize = 5;
const STARTING: Duration = Duration::from_secs(45);
const IDLE: Duration = Duration::from_secs(300);
const UNWATCHED: Duration = Duration::from_secs(60);

/// The settings of one application. `Default` asks an emulator on this machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// The service that is asked; `None`: an emulator, which is started beside the application.
    pub service: Option<Service>,
    /// The names that browsers may call it by, besides `localhost` and IP addresses. Other names are
    /// refused, as they may be a stranger's that leads here (DNS rebinding).
    pub names: Vec<String>,
    /// Where the folder for uploads is made.
    pub folder: PathBuf,
    /// The largest upload, in bytes.
    pub max_upload: u64,
    /// How many videos and webcams there may be at a time.
    pub max_sessions: usize,
    /// How many of them may be asked about at a time.
    pub max_streams: usize,
    /// How long a start may take; more than the element's own limits, which say more.
    pub starting: Duration,
    /// After how long a session that nobody uses is removed, and its upload deleted.
    pub idle: Duration,
    /// After how long a stream whose answers nobody reads is stopped, as it costs credits.
    pub unwatched: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            service: None,
            names: Vec::new(),
            folder: std::env::temp_dir(),
            max_upload: MAX_UPLOAD,
            max_sessions: MAX_SESSIONS,
            max_streams: MAX_STREAMS,
            starting: STARTING,
            idle: IDLE,
            unwatched: UNWATCHED,
        }
    }
}

/// A deployment of the service, and the key for it.
#[derive(Clone)]
pub struct Service {
    /// The key. It goes to the service and nowhere else.
    pub key: String,
    /// The API's address; `None`: the element's default.
    pub url: Option<String>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `BACKEND_HOST`.
    pub host: String,
    /// `BACKEND_PORT`.
    pub port: u16,
    /// The rest.
    pub config: Config,
    /// What was set in vain.
    pub remarks: Vec<String>,
}

impl Environment {
    /// Reads the variables; one that is empty is not set.
    ///
    /// # Errors
    /// Where one makes no sense, with its name.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name: &str| {
            let text = variable(name)?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let host = set("BACKEND_HOST").unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let port = match set("BACKEND_PORT") {
            None => DEFAULT_PORT,
            Some(text) => text.parse().map_err(|_| {
                format!("BACKEND_PORT={text} is no port: it is a number up to 65535, and 0 takes a free one.")
            })?,
        };
        let url = set("OVERSHOOT_API_URL");
        let mut remarks = Vec::new();
        let service = match set("OVERSHOOT_API_KEY") {
            Some(key) => Some(Service { key, url }),
            None => {
                if url.is_some() {
                    remarks.push(
                        "OVERSHOOT_API_URL is ignored, as OVERSHOOT_API_KEY is not set".to_owned(),
                    );
                }
                None
            }
        };
        let mut names: Vec<String> = set("BACKEND_ALLOWED_HOSTS")
            .iter()
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        if host.parse::<IpAddr>().is_err() {
            names.push(host.to_ascii_lowercase());
        }
        let config = Config {
            service,
            names,
            ..Config::default()
        };
        Ok(Self {
            host,
            port,
            config,
            remarks,
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
    fn without_anything_it_is_local_and_asks_the_emulator() {
        let environment = read(&[]).expect("nothing is needed");
        assert_eq!(
            (environment.host.as_str(), environment.port),
            ("127.0.0.1", 8000)
        );
        assert!(environment.config.service.is_none());
        assert!(environment.config.names.is_empty());
        assert!(environment.remarks.is_empty());
    }

    #[test]
    fn a_key_is_for_the_service_and_is_not_shown() {
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
    fn an_address_without_a_key_is_told_to_be_ignored() {
        let environment = read(&[
            ("OVERSHOOT_API_URL", "https://example.org/v1"),
            ("OVERSHOOT_API_KEY", ""),
        ])
        .expect("it is ignored");
        assert!(environment.config.service.is_none());
        assert!(environment.remarks[0].contains("OVERSHOOT_API_KEY is not set"));
    }

    #[test]
    fn a_port_that_is_none_is_named() {
        let error = read(&[("BACKEND_PORT", "80000")]).expect_err("too large");
        assert!(error.contains("BACKEND_PORT=80000"), "{error}");
    }

    #[test]
    fn names_are_the_host_and_those_that_are_allowed() {
        let environment = read(&[
            ("BACKEND_HOST", "Kiosk"),
            ("BACKEND_ALLOWED_HOSTS", "app.example.com, , Other"),
        ])
        .expect("all fine");
        assert_eq!(
            environment.config.names,
            ["app.example.com", "other", "kiosk"]
        );
    }
}

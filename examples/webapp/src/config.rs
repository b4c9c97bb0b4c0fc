// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of the application.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};
use url::Url;

use crate::login::Password;

const MAX_UPLOAD_BYTES: u64 = 500 * 1024 * 1024;
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
const MAX_SESSIONS: usize = 16;
/// The service allows this many streams per API key.
const MAX_STREAMS: usize = 5;
const START_TIMEOUT: Duration = Duration::from_secs(45);
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const UNWATCHED_TIMEOUT: Duration = Duration::from_secs(60);
/// The host of the service if no address is set.
const PUBLIC_HOST: &str = "api.overshoot.ai";

/// The settings of the application.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who answers.
    pub answerer: Answerer,
    /// The host names that are accepted besides `localhost` and IP addresses. Other names are refused, because
    /// an attacker's name may point to this server (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// The origins, such as `https://app.example.com`, of other pages that may use the API.
    pub cors_origins: Vec<String>,
    /// The password for everything but the health. `None`: whoever can reach the server can use it.
    pub password: Option<Password>,
    /// The hosts of cameras and files that users may name by URL.
    pub source_hosts: SourceHosts,
    /// Where the folder for uploads is created.
    pub folder: PathBuf,
    /// Where answers are stored. With `None` they are deleted with the uploads.
    pub answers_folder: Option<PathBuf>,
    /// How many bytes of answers are kept. The oldest ones are deleted.
    pub max_answer_bytes: u64,
    /// How often the server reports to each page that all is well.
    pub heartbeat_interval: Duration,
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

impl Config {
    /// The default settings.
    pub fn new(answerer: Answerer) -> Self {
        Self {
            answerer,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            password: None,
            source_hosts: SourceHosts::default(),
            folder: std::env::temp_dir(),
            answers_folder: None,
            max_answer_bytes: MAX_ANSWER_BYTES,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            max_upload_bytes: MAX_UPLOAD_BYTES,
            max_sessions: MAX_SESSIONS,
            max_streams: MAX_STREAMS,
            start_timeout: START_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            unwatched_timeout: UNWATCHED_TIMEOUT,
        }
    }
}

/// Which hosts users may name in URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceHosts {
    /// Names and IP addresses, in lower case. They may be in the server's own network.
    pub listed: Vec<String>,
    /// Also all others, but not in the server's own network.
    pub public: bool,
}

impl Default for SourceHosts {
    /// All but the server's own network.
    fn default() -> Self {
        Self {
            listed: Vec::new(),
            public: true,
        }
    }
}

impl SourceHosts {
    pub(crate) fn allows_any(&self) -> bool {
        self.public || !self.listed.is_empty()
    }

    pub(crate) fn is_listed(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        self.listed.iter().any(|listed| listed == bare)
    }
}

/// Who answers the questions.
#[derive(Clone, Debug)]
pub enum Answerer {
    /// A service with models.
    Service(Service),
    /// An emulator that the application starts on this machine. It invents its answers, so it must be asked for.
    Emulator,
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

/// Who answers, as clients of the API see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AnswersFrom {
    /// `emulator`, or the host of the API.
    pub name: String,
    pub emulator: bool,
    pub api: KnownApi,
}

/// The API version, as far as it is known. If no address is set, the element finds it out at each start. All clones know
/// what was found last.
#[derive(Clone, Debug)]
pub(crate) struct KnownApi {
    configured: Option<Api>,
    found: Arc<Mutex<Option<Api>>>,
}

impl KnownApi {
    fn new(configured: Option<Api>) -> Self {
        Self {
            configured,
            found: Arc::default(),
        }
    }

    /// The version of the address that is set.
    pub(crate) fn configured(&self) -> Option<Api> {
        self.configured
    }

    /// The version that the service has answered with.
    pub(crate) fn set_found(&self, api: Api) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(api);
    }

    fn get(&self) -> Option<Api> {
        let found = || *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        self.configured.or_else(found)
    }
}

impl Serialize for KnownApi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

/// The API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Api {
    #[serde(rename = "v0.2")]
    V02,
    #[serde(rename = "v1")]
    V1,
}

impl Api {
    /// The value of the element's property `api-version`.
    pub(crate) fn nick(self) -> &'static str {
        match self {
            Self::V02 => "v0.2",
            Self::V1 => "v1",
        }
    }

    /// As the element: v1 if the last segment of the path begins with `v1`.
    pub(crate) fn at(url: &Url) -> Self {
        let mut segments = url.path_segments().into_iter().flatten();
        match segments.rfind(|segment| !segment.is_empty()) {
            Some(last) if last.starts_with("v1") => Self::V1,
            _ => Self::V02,
        }
    }
}

impl Answerer {
    pub(crate) fn answers_from(&self) -> AnswersFrom {
        let Self::Service(service) = self else {
            return AnswersFrom {
                name: "emulator".to_owned(),
                emulator: true,
                api: KnownApi::new(Some(Api::V02)),
            };
        };
        let url = service.url.as_deref().and_then(|url| Url::parse(url).ok());
        let host = url.as_ref().and_then(|url| {
            let port = url.port().map(|port| format!(":{port}"));
            Some(format!("{}{}", url.host_str()?, port.unwrap_or_default()))
        });
        AnswersFrom {
            name: host.unwrap_or_else(|| PUBLIC_HOST.to_owned()),
            emulator: false,
            api: KnownApi::new(url.as_ref().map(Api::at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_learn_who_answers() {
        let of = |url: Option<&str>| {
            let url = url.map(str::to_owned);
            let key = "k".to_owned();
            let from = Answerer::Service(Service { key, url }).answers_from();
            (from.name, from.emulator, from.api.get())
        };
        let public = "api.overshoot.ai".to_owned();
        assert_eq!(of(None), (public, false, None));
        for (url, name, api) in [
            ("http://127.0.0.1:99/v0.2", "127.0.0.1:99", Api::V02),
            (
                "https://vision.example/api/v1beta/",
                "vision.example",
                Api::V1,
            ),
            ("https://vision.example", "vision.example", Api::V02),
        ] {
            assert_eq!(of(Some(url)), (name.to_owned(), false, Some(api)));
        }
        let emulator = Answerer::Emulator.answers_from();
        assert!(emulator.emulator && emulator.name == "emulator");
    }

    #[test]
    fn a_version_that_was_found_is_known_everywhere() {
        let of = |url: Option<&str>| {
            let url = url.map(str::to_owned);
            let key = "k".to_owned();
            Answerer::Service(Service { key, url }).answers_from()
        };
        let api = |from: &AnswersFrom| serde_json::to_value(from).expect("JSON")["api"].clone();
        let public = of(None);
        let earlier = public.clone();
        assert_eq!(api(&earlier), serde_json::Value::Null);
        for (found, name) in [(Api::V1, "v1"), (Api::V02, "v0.2")] {
            public.api.set_found(found);
            assert_eq!(api(&earlier), name);
        }
        // An address that is set decides.
        let own = of(Some("http://127.0.0.1:99/v0.2"));
        own.api.set_found(Api::V1);
        assert_eq!(api(&own), "v0.2");
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The environment variables that set the settings. All of them are checked at the start, and one error names
//! everything that is wrong.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use url::{Host, Url};

use crate::config::{Answerer, Config, Service, SourceHosts};
use crate::login::Password;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8000;

/// All variables, with a description for `--help`.
pub const VARIABLES: [(&str, &str); 9] = [
    (
        "OVERSHOOT_API_KEY",
        "Your key. It stays on the server. Required without --emulator",
    ),
    (
        "OVERSHOOT_API_URL",
        "Address of the API, for a service of your own [default: the public service]",
    ),
    ("BACKEND_HOST", "Address to listen on [default: 127.0.0.1]"),
    (
        "BACKEND_PORT",
        "Port; 0: any free one, which is printed [default: 8000]",
    ),
    (
        "BACKEND_ALLOWED_HOSTS",
        "Host names, separated by commas, that browsers may use for this server besides localhost, IP addresses and BACKEND_HOST",
    ),
    (
        "BACKEND_CORS_ORIGINS",
        "Origins, separated by commas, of other pages that may use the API, such as https://app.example.com",
    ),
    (
        "BACKEND_PASSWORD",
        "Password for the page and the API, at least 8 characters [default: everybody may use them]",
    ),
    (
        "BACKEND_SOURCE_HOSTS",
        "Hosts, separated by commas, whose RTSP and HTTP URLs users may give, also in this server's own network; * adds all hosts outside of it, none allows no URLs [default: *]",
    ),
    (
        "BACKEND_ANSWERS_FOLDER",
        "Folder for the answers, which stay there, at most 256 MB; none: they are deleted at the end [default: overshoot-webapp in the folder for the state of programs, such as ~/.local/state]",
    ),
];

/// The settings from the environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `BACKEND_HOST`.
    pub host: String,
    /// `BACKEND_PORT`.
    pub port: u16,
    /// The other settings.
    pub config: Config,
    /// Sentences about variables that have no effect, and about risks.
    pub notes: Vec<String>,
}

impl Environment {
    /// Reads the variables. An empty variable counts as unset. `emulator`: the emulator was asked for.
    ///
    /// # Errors
    /// If values are invalid, or nobody is set to answer. The text names each variable and says how to fix it.
    pub fn read(
        emulator: bool,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, String> {
        let mut reader = Reader::new(variables);
        let answerer = reader.answerer(emulator);
        let host = reader.host();
        let port = reader.port();
        let mut allowed_hosts = reader.allowed_hosts();
        if host.parse::<IpAddr>().is_err() {
            allowed_hosts.push(host.to_ascii_lowercase());
        }
        let cors_origins = reader.cors_origins();
        let is_local =
            host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) || host == "localhost";
        let config = Config {
            allowed_hosts,
            cors_origins,
            password: reader.password(),
            source_hosts: reader.source_hosts(),
            answers_folder: reader.answers_folder(),
            ..Config::new(answerer)
        };
        if !is_local && config.password.is_none() {
            reader.notes.push(
                "everybody in the network can use this server and spend its credits. Set BACKEND_PASSWORD to prevent it".to_owned(),
            );
        }
        match reader.errors.as_slice() {
            [] => Ok(Self {
                host,
                port,
                config,
                notes: reader.notes,
            }),
            [one] => Err(one.clone()),
            errors => Err(format!(
                "{} settings are wrong:\n- {}",
                errors.len(),
                errors.join("\n- ")
            )),
        }
    }
}

/// Reads the variables one by one and collects what is wrong.
struct Reader {
    set: HashMap<String, String>,
    /// Folders of the user.
    folders: HashMap<String, PathBuf>,
    errors: Vec<String>,
    notes: Vec<String>,
}

impl Reader {
    fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut reader = Self {
            set: HashMap::new(),
            folders: HashMap::new(),
            errors: Vec::new(),
            notes: Vec::new(),
        };
        for (name, value) in variables {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if ["XDG_STATE_HOME", "HOME"].contains(&name.as_str()) {
                let folder = PathBuf::from(value);
                if folder.is_absolute() {
                    reader.folders.insert(name, folder);
                }
                continue;
            }
            if !VARIABLES.iter().any(|(known, _)| *known == name) {
                if name.starts_with("BACKEND_") {
                    reader.notes.push(format!(
                        "{name} is not a setting of this program, so it has no effect. See --help"
                    ));
                }
                continue;
            }
            match value.into_string() {
                Ok(value) if value.trim().is_empty() => {}
                Ok(value) => {
                    reader.set.insert(name, value.trim().to_owned());
                }
                Err(_) => reader.errors.push(format!("{name} is not UTF-8 text.")),
            }
        }
        // The environment has no order.
        reader.notes.sort();
        reader.errors.sort();
        reader
    }

    fn answerer(&mut self, emulator: bool) -> Answerer {
        let (key, url) = (
            self.set.get("OVERSHOOT_API_KEY").cloned(),
            self.set.get("OVERSHOOT_API_URL").cloned(),
        );
        if let Some(why) = url.as_deref().and_then(wrong_api_url) {
            self.errors.push(format!(
                "OVERSHOOT_API_URL {why}. Set it to an address like https://api.overshoot.ai/v1beta, or unset it to ask the public service."
            ));
        }
        if let Some(why) = key.as_deref().and_then(wrong_key) {
            // The key itself is not shown.
            self.errors
                .push(format!("OVERSHOOT_API_KEY {why}. Set it to the key alone."));
        }
        match (emulator, key, url) {
            (true, None, Some(_)) => self.errors.push(
                "--emulator and OVERSHOOT_API_URL exclude each other: start without --emulator and set OVERSHOOT_API_KEY to ask the service at that address, or unset OVERSHOOT_API_URL.".to_owned(),
            ),
            (true, Some(_), _) => self.notes.push(
                "OVERSHOOT_API_KEY is set but not used, because --emulator was given".to_owned(),
            ),
            (true, None, None) => {}
            (false, Some(key), url) => return Answerer::Service(Service { key, url }),
            (false, None, Some(_)) => self.errors.push(
                "OVERSHOOT_API_URL is set, but OVERSHOOT_API_KEY is not. Set OVERSHOOT_API_KEY to a key of that service. If that service does not check keys, any text will do.".to_owned(),
            ),
            (false, None, None) => self.errors.push(
                "OVERSHOOT_API_KEY is not set. Set it to your key, in the environment or in a file .env, to ask the Overshoot service. To only try this program, start it with --emulator: then an emulator on this machine invents the answers.".to_owned(),
            ),
        }
        Answerer::Emulator
    }

    fn host(&mut self) -> String {
        let host = self.set.get("BACKEND_HOST").cloned();
        let host = host.unwrap_or_else(|| DEFAULT_HOST.to_owned());
        if !is_host(&host) {
            self.errors.push(format!(
                "BACKEND_HOST={host} is not an IP address or a host name. Set 127.0.0.1 for this machine only, or 0.0.0.0 for all networks. The port goes into BACKEND_PORT."
            ));
        }
        host
    }

    fn port(&mut self) -> u16 {
        let Some(text) = self.set.get("BACKEND_PORT") else {
            return DEFAULT_PORT;
        };
        text.parse().unwrap_or_else(|_| {
            self.errors.push(format!("BACKEND_PORT={text} is not a port. Set a number up to 65535, or 0 for any free port."));
            DEFAULT_PORT
        })
    }

    fn allowed_hosts(&mut self) -> Vec<String> {
        let names = self.list("BACKEND_ALLOWED_HOSTS");
        for name in names.iter().filter(|name| !is_host(name)) {
            self.errors.push(format!(
                "BACKEND_ALLOWED_HOSTS contains {name}, which is not a host name. Write names such as app.example.com, without https:// and port."
            ));
        }
        names
    }

    /// By the rules of freedesktop.org. Without a home the answers go with the uploads.
    fn answers_folder(&mut self) -> Option<PathBuf> {
        match self.set.get("BACKEND_ANSWERS_FOLDER").map(String::as_str) {
            Some("none") => return None,
            Some(folder) => return Some(PathBuf::from(folder)),
            None => {}
        }
        let state = self.folders.get("XDG_STATE_HOME").cloned();
        let home = self.folders.get("HOME");
        let state = state.or_else(|| home.map(|home| home.join(".local/state")));
        state.map(|state| state.join("overshoot-webapp"))
    }

    fn cors_origins(&mut self) -> Vec<String> {
        let origins = self.list("BACKEND_CORS_ORIGINS");
        // As some frameworks write it: a JSON list.
        let origins = origins.iter().map(|origin| {
            let origin = origin
                .trim_matches(|c: char| c == '[' || c == ']' || c == '"' || c.is_whitespace());
            origin.trim_end_matches('/').to_owned()
        });
        let origins: Vec<_> = origins.filter(|origin| !origin.is_empty()).collect();
        for origin in origins.iter().filter(|origin| !is_origin(origin)) {
            self.errors.push(format!(
                "BACKEND_CORS_ORIGINS contains {origin}, which is not an origin. List each one, such as https://app.example.com or http://localhost:3000."
            ));
        }
        origins
    }

    fn password(&mut self) -> Option<Password> {
        let text = self.set.get("BACKEND_PASSWORD")?.clone();
        let password = Password::new(text);
        let error =
            |why| format!("BACKEND_PASSWORD {why}. Set one of 8 to 256 characters, or unset it.");
        password.map_err(|why| self.errors.push(error(why))).ok()
    }

    fn source_hosts(&mut self) -> SourceHosts {
        let mut listed = self.list("BACKEND_SOURCE_HOSTS");
        if listed.is_empty() {
            return SourceHosts::default();
        }
        let public = listed.iter().any(|host| host == "*");
        listed.retain(|host| host != "*" && host != "none");
        for host in listed.iter().filter(|host| !is_host(host)) {
            self.errors.push(format!(
                "BACKEND_SOURCE_HOSTS contains {host}, which is not a host. List names and IP addresses such as camera.lan or 192.168.1.20, without rtsp:// and port, * for all hosts outside of the own network, or none."
            ));
        }
        SourceHosts { listed, public }
    }

    /// The entries of a list that is separated by commas, in lower case.
    fn list(&self, name: &str) -> Vec<String> {
        let text = self.set.get(name).map(String::as_str).unwrap_or_default();
        let names = text.split(',').map(|name| name.trim().to_ascii_lowercase());
        names.filter(|name| !name.is_empty()).collect()
    }
}

/// What is wrong with the address of an API. The text does not repeat the address: it may hold a password.
fn wrong_api_url(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else {
        return Some("is not an address");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        Some("is not an http or https address")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("contains a user name or a password")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("contains a query or a fragment")
    } else {
        None
    }
}

/// What is wrong with an API key, as it is often pasted.
fn wrong_key(key: &str) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase();
    if key.contains(['"', '\'', '“', '”']) {
        Some("contains quotes")
    } else if lower.starts_with("bearer") || lower.starts_with("authorization") {
        Some("begins with the name of a header")
    } else if !key.chars().all(|c| c.is_ascii_graphic()) {
        Some("contains spaces or other characters that no key has")
    } else {
        None
    }
}

/// Whether this is an origin as browsers send it: scheme, host, and port if it is not the default.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

/// Whether this is an IP address or a host name, without scheme, port and path.
fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || matches!(Host::parse(text), Ok(Host::Domain(_))) && !text.contains([':', '/', '@', '*'])
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Where events (answers, recordings, and the status of cameras) go besides stdout.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::ConfigError;
use super::host::host_problem;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// The topic of a camera is `<topic>/<camera>`, and that of its status `<topic>/<camera>/status`.
    pub mqtt: Option<Broker>,
    /// The subject of a camera is `<topic>.<camera>`.
    pub nats: Option<Broker>,
    pub webhook: Option<Webhook>,
}

/// A broker with a URL such as `mqtt://user@host:port`, `mqtts://…`, `nats://…` or `tls://…`.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Broker {
    #[serde(deserialize_with = "deserialize_secret_url")]
    pub url: Url,
    #[serde(default = "topic")]
    pub topic: String,
    /// The environment variable that holds the password.
    password_env: Option<String>,
    /// Only for MQTT: announces the cameras to Home Assistant.
    #[serde(default)]
    pub home_assistant: bool,
}

/// Each event is sent to this URL by POST.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    #[serde(deserialize_with = "deserialize_secret_url")]
    pub url: Url,
    /// The environment variable that holds a token. It is sent as `Authorization: Bearer …`.
    token_env: Option<String>,
}

/// Parses a URL without repeating it in errors: it may hold a secret.
fn deserialize_secret_url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    Url::parse(&text).map_err(|error| D::Error::custom(format!("the url is invalid: {error}")))
}

fn topic() -> String {
    "overshoot".to_owned()
}

impl Deliver {
    pub fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if let Some(broker) = &self.mqtt {
            errors.extend(check_url(
                "deliver.mqtt.url",
                &broker.url,
                &["mqtt", "mqtts"],
            ));
            errors.extend(check_topic(
                "deliver.mqtt.topic",
                &broker.topic,
                &['+', '#'],
            ));
            errors.extend(broker.password("deliver.mqtt.password-env").err());
        }
        if let Some(broker) = &self.nats {
            errors.extend(check_url("deliver.nats.url", &broker.url, &["nats", "tls"]));
            errors.extend(check_topic(
                "deliver.nats.topic",
                &broker.topic,
                &['*', '>'],
            ));
            errors.extend(broker.password("deliver.nats.password-env").err());
            if broker.home_assistant {
                errors.push(ConfigError::new(
                    "deliver.nats.home-assistant",
                    "Home Assistant uses MQTT: set it in [deliver.mqtt]",
                ));
            }
        }
        if let Some(webhook) = &self.webhook {
            errors.extend(check_url(
                "deliver.webhook.url",
                &webhook.url,
                &["http", "https"],
            ));
            errors.extend(webhook.token().err());
        }
        errors
    }
}

impl Broker {
    /// A broker with the default topic and no password variable.
    pub fn with_url(url: Url) -> Self {
        Self {
            url,
            topic: topic(),
            password_env: None,
            home_assistant: false,
        }
    }

    /// The host, for messages.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The password from the environment, or else from the URL.
    pub fn password(&self, field: &'static str) -> Result<Option<String>, ConfigError> {
        match &self.password_env {
            Some(variable) => read_secret(field, variable).map(Some),
            None => Ok(self.url.password().map(str::to_owned)),
        }
    }
}

impl Webhook {
    pub fn token(&self) -> Result<Option<String>, ConfigError> {
        let variable = self.token_env.as_ref();
        variable
            .map(|variable| read_secret("deliver.webhook.token-env", variable))
            .transpose()
    }
}

/// Reads a secret from the environment.
pub fn read_secret(field: &str, variable: &str) -> Result<String, ConfigError> {
    match std::env::var(variable) {
        Ok(secret) if !secret.trim().is_empty() => Ok(secret.trim().to_owned()),
        _ => Err(ConfigError::new(
            field,
            &format!("the environment variable {variable} is not set: export it"),
        )),
    }
}

fn check_url(field: &str, url: &Url, schemes: &[&str]) -> Option<ConfigError> {
    let write = format!("write {}://host", schemes.join(":// or "));
    let problem = match schemes.contains(&url.scheme()) {
        true => format!("the url {}: {write}", host_problem(url)?),
        false => format!("the url is of another kind: {write}"),
    };
    Some(ConfigError::new(field, &problem))
}

fn check_topic(field: &str, topic: &str, wild: &[char]) -> Option<ConfigError> {
    let bad = topic.is_empty() || topic.contains(char::is_whitespace) || topic.contains(wild);
    bad.then(|| {
        ConfigError::new(
            field,
            "the topic is empty or contains spaces or wildcards: write a plain name",
        )
    })
}

/// Shows the host only: URLs may hold secrets.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

//! Where answers go besides stdout.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::Wrong;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// `topic` and the camera's name, with a `/` between.
    pub mqtt: Option<Broker>,
    /// `topic` and the camera's name, with a `.` between.
    pub nats: Option<Broker>,
    pub webhook: Option<Webhook>,
}

/// A broker, by `mqtt(s)://user@host:port` or `nats://…`, `tls://…`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Broker {
    #[serde(deserialize_with = "unrepeated")]
    pub url: Url,
    #[serde(default = "topic")]
    pub topic: String,
    /// The environment's variable with the password.
    password_env: Option<String>,
}

/// Where each answer is POSTed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    #[serde(deserialize_with = "unrepeated")]
    pub url: Url,
    /// The environment's variable with a token, which goes out as `Authorization: Bearer …`.
    token_env: Option<String>,
}

/// A URL that no error repeats: it may hold a secret.
fn unrepeated<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    Url::parse(&text).map_err(|error| D::Error::custom(format!("the url is none: {error}")))
}

fn topic() -> String {
    "overshoot".to_owned()
}

impl Deliver {
    pub fn check(&self) -> Result<(), Wrong> {
        if let Some(broker) = &self.mqtt {
            check_scheme("deliver.mqtt.url", &broker.url, &["mqtt", "mqtts"])?;
            check_topic("deliver.mqtt.topic", &broker.topic, &['+', '#'])?;
            broker.password("deliver.mqtt.password-env")?;
        }
        if let Some(broker) = &self.nats {
            check_scheme("deliver.nats.url", &broker.url, &["nats", "tls"])?;
            check_topic("deliver.nats.topic", &broker.topic, &['*', '>'])?;
            broker.password("deliver.nats.password-env")?;
        }
        if let Some(webhook) = &self.webhook {
            check_scheme("deliver.webhook.url", &webhook.url, &["http", "https"])?;
            webhook.token()?;
        }
        Ok(())
    }
}

impl Broker {
    /// At an address alone.
    pub fn at(url: Url) -> Self {
        Self {
            url,
            topic: topic(),
            password_env: None,
        }
    }

    /// For people.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// As the environment has it; else that of the URL.
    pub fn password(&self, field: &'static str) -> Result<Option<String>, Wrong> {
        match &self.password_env {
            Some(variable) => read(field, variable).map(Some),
            None => Ok(self.url.password().map(str::to_owned)),
        }
    }
}

impl Webhook {
    pub fn token(&self) -> Result<Option<String>, Wrong> {
        let variable = self.token_env.as_ref();
        variable
            .map(|variable| read("deliver.webhook.token-env", variable))
            .transpose()
    }
}

/// A secret in the environment.
pub fn read(field: &str, variable: &str) -> Result<String, Wrong> {
    match std::env::var(variable) {
        Ok(secret) if !secret.trim().is_empty() => Ok(secret.trim().to_owned()),
        _ => Err(Wrong::new(
            field,
            &format!("{variable} is not set in the environment: export it"),
        )),
    }
}

fn check_scheme(field: &str, url: &Url, schemes: &[&str]) -> Result<(), Wrong> {
    match schemes.contains(&url.scheme()) && url.host_str().is_some() {
        true => Ok(()),
        false => Err(Wrong::new(
            field,
            &format!("write {}://host", schemes.join(":// or ")),
        )),
    }
}

fn check_topic(field: &str, topic: &str, wild: &[char]) -> Result<(), Wrong> {
    let bad = topic.is_empty() || topic.contains(char::is_whitespace) || topic.contains(wild);
    match bad {
        false => Ok(()),
        true => Err(Wrong::new(
            field,
            "it is empty, or has spaces or wildcards in it",
        )),
    }
}

/// The host alone: URLs may hold secrets.
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

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The address of the service, from `OVERSHOOT_API_URL`.

use url::Url;

/// The environment variable with the address.
pub const URL_VARIABLE: &str = "OVERSHOOT_API_URL";

/// The host of the public service, which the element asks without an address.
const PUBLIC_HOST: &str = "api.overshoot.ai";

/// Where the requests of the cameras go.
#[derive(Clone, Debug)]
pub struct Address {
    /// Unset: the element finds the public service by itself.
    pub url: Option<String>,
    /// Host and port, for events.
    pub name: String,
}

impl Address {
    /// From the environment.
    ///
    /// # Errors
    /// The variable holds no address of a service.
    pub fn from_environment() -> Result<Self, String> {
        match std::env::var(URL_VARIABLE) {
            Ok(text) if !text.trim().is_empty() => Self::parse(text.trim()),
            _ => Ok(Self {
                url: None,
                name: PUBLIC_HOST.to_owned(),
            }),
        }
    }

    /// The errors do not repeat the address: it may hold a secret.
    fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            format!(
                "{URL_VARIABLE} {why}: write an address with the version of its API, such as https://{PUBLIC_HOST}/v1beta, or unset it to use the public service"
            )
        };
        let url =
            Url::parse(text).map_err(|error| refuse(&format!("is not an address ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("does not begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("contains a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("contains a ? or a #"));
        }
        if url.port() == Some(0) {
            return Err(refuse("has the port 0"));
        }
        let host = url.host_str().unwrap_or_default();
        let name = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            url: Some(text.to_owned()),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_bad_one_says_why() {
        let name = |text| Address::parse(text).expect("valid").name;
        assert_eq!(name("https://api.example/v1beta"), "api.example");
        assert_eq!(name("http://127.0.0.1:8787/v0.2"), "127.0.0.1:8787");
        for (text, why) in [
            ("api.example/v1", "is not an address"),
            ("ftp://api.example", "does not begin with https://"),
            ("https://k3y@api.example/v1", "a user name"),
            ("https://api.example/v1?key=k3y", "contains a ?"),
            ("https://api.example:99999/v1", "invalid port number"),
            ("https://api.example:0/v1", "the port 0"),
            ("https://300.1.1.1/v1", "invalid IPv4 address"),
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(error.contains(why) && !error.contains("k3y"), "{error}");
            assert!(error.starts_with(URL_VARIABLE), "{error}");
        }
    }
}

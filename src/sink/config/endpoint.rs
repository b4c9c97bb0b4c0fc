// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The address of the service, and the version of its API.

use url::Url;

use super::settings::{self, DEFAULT_API_URL, Settings};
use crate::session::Api;
use crate::session::error::Error;
use crate::session::public_service;
use crate::session::secret::Secret;
use crate::sink::enums::{ApiVersion, Backend, SchemaMode, Transport};

/// An address, and the API that is spoken there.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub api: Api,
    pub url: Url,
    /// An address of the public service, and not one that was set.
    pub is_public: bool,
}

impl Settings {
    /// Where to find the service: the address that is set, or else those of the public service, the likeliest first.
    /// There is at least one.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, Error> {
        if let Some(text) = self.set_api_url() {
            let url = parse(&text)?;
            return Ok(vec![Endpoint {
                api: self.api(&url),
                url,
                is_public: false,
            }]);
        }
        let wanted = match self.api_version {
            ApiVersion::V02 => Some(Api::V02),
            ApiVersion::V1 => Some(Api::V1),
            ApiVersion::Auto if self.needs_v02() => Some(Api::V02),
            ApiVersion::Auto if self.needs_v1() => Some(Api::V1),
            ApiVersion::Auto => None,
        };
        public_service::addresses()
            .into_iter()
            .filter(|(api, _)| wanted.is_none_or(|wanted| wanted == *api))
            .map(|(api, url)| {
                Ok(Endpoint {
                    api,
                    url: parse(url)?,
                    is_public: true,
                })
            })
            .collect()
    }

    /// The same, and the API key.
    ///
    /// # Errors
    /// If the address or the key cannot be used.
    pub fn service(&self) -> Result<(Vec<Endpoint>, Secret), Error> {
        Ok((self.endpoints()?, self.api_key()?))
    }

    /// Properties that only v0.2 knows.
    fn needs_v02(&self) -> bool {
        let has_text = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.trim().is_empty());
        self.backend != Backend::Overshoot
            || self.transport == Transport::Webrtc
            || has_text(&self.livekit_url)
            || self.livekit_token.is_some()
    }

    /// Properties that only v1 knows.
    fn needs_v1(&self) -> bool {
        !self.questions.is_empty()
            || self.stream_partial
            || self.system_prompt().is_some()
            || self.temperature != settings::DEFAULT_TEMPERATURE
            || self.schema_mode == SchemaMode::Prompt
    }

    /// The API version at an address that was set. With `api-version=auto` the address decides: v1 if the last
    /// segment of its path starts with `v1`, else v0.2.
    pub(super) fn api(&self, url: &Url) -> Api {
        let mut segments = url.path_segments().into_iter().flatten();
        match self.api_version {
            ApiVersion::V02 => Api::V02,
            ApiVersion::V1 => Api::V1,
            ApiVersion::Auto => match segments.rfind(|segment| !segment.is_empty()) {
                Some(last) if last.starts_with("v1") => Api::V1,
                _ => Api::V02,
            },
        }
    }

    /// `api-url`, else `OVERSHOOT_API_URL` from the environment.
    fn set_api_url(&self) -> Option<String> {
        let set = |text: &String| !text.trim().is_empty();
        let text = self.api_url.clone().filter(set);
        let text = text.or_else(|| std::env::var("OVERSHOOT_API_URL").ok().filter(set));
        text.map(|text| text.trim().to_owned())
    }

    /// The address that is set, else the first one of the public service.
    pub fn api_url_text(&self) -> String {
        self.set_api_url()
            .unwrap_or_else(|| DEFAULT_API_URL.to_owned())
    }
}

fn parse(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| {
        Error::settings(format!(
            "api-url {text:?} is not an address ({error}): set it to an address that looks like {DEFAULT_API_URL}."
        ))
    })?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(Error::settings(format!(
            "api-url must be a plain http or https address without a query, such as {DEFAULT_API_URL}."
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::settings(
            "api-url must not contain a user name or a password: set the key in api-key.",
        ));
    }
    Ok(url)
}

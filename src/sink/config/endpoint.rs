// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The address of the service, and the version of its API.

use url::Url;

use super::settings::{DEFAULT_API_URL, Settings};
use crate::session::Api;
use crate::session::error::Error;
use crate::session::secret::Secret;
use crate::sink::enums::ApiVersion;

impl Settings {
    /// The API version, the address of the service, and the API key.
    ///
    /// # Errors
    /// If the address or the key cannot be used.
    pub fn service(&self) -> Result<(Api, Url, Secret), Error> {
        let url = self.api_url()?;
        Ok((self.api(&url), url, self.api_key()?))
    }

    /// The API version. With `api-version=auto` the address decides: v1 if the last segment of its path
    /// starts with `v1`, else v0.2.
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

    pub(super) fn api_url(&self) -> Result<Url, Error> {
        let text = self.api_url_text();
        let url = Url::parse(&text).map_err(|error| {
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

    /// `api-url`, else `OVERSHOOT_API_URL` from the environment, else the service's own address.
    pub fn api_url_text(&self) -> String {
        let set = |text: &String| !text.trim().is_empty();
        self.api_url
            .clone()
            .filter(set)
            .or_else(|| std::env::var("OVERSHOOT_API_URL").ok().filter(set))
            .map_or_else(|| DEFAULT_API_URL.to_owned(), |text| text.trim().to_owned())
    }
}

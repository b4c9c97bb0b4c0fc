// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The RTSP URL of a camera. User and password are kept apart from the rest. Only host and port are ever
//! shown, because paths may contain passwords too.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

/// Of all the schemes: GStreamer has no other one for `rtsps`.
const DEFAULT_PORT: u16 = 554;
const SCHEMES: [&str; 4] = ["rtsp", "rtsps", "rtspt", "rtspu"];

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RtspUrl {
    url: Url,
}

impl RtspUrl {
    /// For the property `location`, which GStreamer logs.
    pub fn without_login(&self) -> String {
        let mut url = self.url.clone();
        // These calls fail only for URLs without a host. These URLs have one.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.into()
    }

    /// Where to connect to.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let port = self.url.port().unwrap_or(DEFAULT_PORT);
        Some((self.url.host_str()?, port))
    }

    pub fn user(&self) -> Option<Cow<'_, str>> {
        let user = self.url.username();
        (!user.is_empty()).then(|| percent_decode_str(user).decode_utf8_lossy())
    }

    pub fn password(&self) -> Option<Cow<'_, str>> {
        let password = self.url.password()?;
        Some(percent_decode_str(password).decode_utf8_lossy())
    }

    /// Whether the URL does not choose the RTP transport (`rtspt` is TCP, `rtspu` is UDP).
    pub fn allows_any_transport(&self) -> bool {
        self.url.scheme() == "rtsp"
    }

    /// Removes everything that may be a secret from a text of another component.
    pub fn redact(&self, text: &str) -> String {
        let login = [self.password(), self.user()].into_iter().flatten();
        let path = [self.url.query(), Some(self.url.path())]
            .into_iter()
            .flatten();
        let secrets = login.chain(path.map(Cow::Borrowed));
        secrets
            .filter(|secret| secret.len() > 1)
            .fold(text.to_owned(), |text, secret| text.replace(&*secret, "…"))
    }
}

impl TryFrom<String> for RtspUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The error must not repeat the text: it may hold a password.
        let url = Url::parse(&text)
            .map_err(|error| format!("the url is invalid ({error}): write rtsp://host/path"))?;
        if !SCHEMES.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err("this is not the url of an RTSP camera: write rtsp://host/path".to_owned());
        }
        Ok(Self { url })
    }
}

impl From<RtspUrl> for String {
    fn from(address: RtspUrl) -> Self {
        address.url.into()
    }
}

impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url.host_str().unwrap_or_default())?;
        match self.url.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

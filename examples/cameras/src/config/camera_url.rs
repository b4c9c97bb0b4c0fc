// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Where a camera's video comes from: a URL, a device or a file. User and password are kept apart from the rest. Of
//! cameras in a network only host and port are ever shown, because paths may contain passwords too.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use super::host::host_problem;

const RTSP: [&str; 4] = ["rtsp", "rtsps", "rtspt", "rtspu"];
const OTHER: [&str; 5] = ["http", "https", "rtmp", "rtmps", "srt"];
const FILE: &str = "file";
/// A camera of this machine, by Video4Linux.
const DEVICE: &str = "v4l2";
const HELP: &str = "write rtsp://host/path, a URL with http, https, rtmp, rtmps or srt, v4l2:/dev/video0, or the path of a file that begins with / or ./";

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraUrl {
    url: Url,
}

impl CameraUrl {
    pub fn is_rtsp(&self) -> bool {
        RTSP.contains(&self.url.scheme())
    }

    pub fn is_file(&self) -> bool {
        self.url.scheme() == FILE
    }

    /// The path of the device, if it is one.
    pub fn device(&self) -> Option<&str> {
        (self.url.scheme() == DEVICE).then(|| self.url.path())
    }

    fn is_local(&self) -> bool {
        self.is_file() || self.device().is_some()
    }

    /// For properties such as `location`, which GStreamer logs.
    pub fn without_login(&self) -> String {
        let mut url = self.url.clone();
        // These calls fail only for URLs without a host, which have no login.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.into()
    }

    /// Where to connect to by TCP.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        let default = match self.url.scheme() {
            // GStreamer has no other port for rtsps.
            "rtsp" | "rtsps" | "rtspt" | "rtspu" => 554,
            "http" => 80,
            "https" | "rtmps" => 443,
            "rtmp" => 1935,
            _ => return None,
        };
        Some((self.url.host_str()?, self.url.port().unwrap_or(default)))
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

    /// Whether RTP comes over UDP only.
    pub fn uses_udp(&self) -> bool {
        self.url.scheme() == "rtspu"
    }

    /// Removes everything that may be a secret from a text of another component.
    pub fn redact(&self, text: &str) -> String {
        if self.is_local() {
            return text.to_owned();
        }
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

impl TryFrom<String> for CameraUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with(['/', '.']) {
            let path = std::path::absolute(&text).map_err(|error| error.to_string())?;
            let url = Url::from_file_path(path).map_err(|()| HELP.to_owned())?;
            return Ok(Self { url });
        }
        // The error must not repeat the text: it may hold a password.
        let url =
            Url::parse(&text).map_err(|error| format!("the url is invalid ({error}): {HELP}"))?;
        let scheme = url.scheme();
        let is_local = scheme == FILE || scheme == DEVICE;
        let valid = match is_local {
            true => url.path().len() > 1,
            false => RTSP.contains(&scheme) || OTHER.contains(&scheme),
        };
        if !valid {
            return Err(format!("this is not the url of a camera: {HELP}"));
        }
        match host_problem(&url).filter(|_| !is_local) {
            Some(problem) => Err(format!("the url {problem}: {HELP}")),
            None => Ok(Self { url }),
        }
    }
}

impl From<CameraUrl> for String {
    fn from(address: CameraUrl) -> Self {
        address.url.into()
    }
}

impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local() {
            let path = percent_decode_str(self.url.path());
            return write!(f, "{}", path.decode_utf8_lossy());
        }
        write!(f, "{}", self.url.host_str().unwrap_or_default())?;
        match self.url.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

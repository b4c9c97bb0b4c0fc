//! Where a camera is. Its user and password are kept apart from the rest, and what is shown is the
//! host alone: passwords may stand in the path, too.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

const SCHEMES: [&str; 4] = ["rtsp", "rtsps", "rtspt", "rtspu"];

#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    url: Url,
}

impl Address {
    /// For `location`, which GStreamer logs.
    pub fn without_login(&self) -> String {
        let mut url = self.url.clone();
        // Refused only for URLs without a host, which these have.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.into()
    }

    pub fn user(&self) -> Option<Cow<'_, str>> {
        let user = self.url.username();
        (!user.is_empty()).then(|| percent_decode_str(user).decode_utf8_lossy())
    }

    pub fn password(&self) -> Option<Cow<'_, str>> {
        let password = self.url.password()?;
        Some(percent_decode_str(password).decode_utf8_lossy())
    }

    /// Whether the URL leaves the way of the packets to us.
    pub fn any_transport(&self) -> bool {
        self.url.scheme() == "rtsp"
    }

    /// A text from elsewhere without what may be a secret.
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

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text itself is not repeated.
        let url = Url::parse(&text)
            .map_err(|error| format!("the url is none ({error}): write rtsp://host/path"))?;
        if !SCHEMES.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err("the url is not of an RTSP camera: write rtsp://host/path".to_owned());
        }
        Ok(Self { url })
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.url.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url.host_str().unwrap_or_default())?;
        match self.url.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

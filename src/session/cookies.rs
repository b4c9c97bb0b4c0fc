// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The cookies of one stream (RFC 6265), and why one is not sent. A gateway finds the stream by its cookie.

use std::cmp::Reverse;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use cookie_store::{Cookie, CookieError};
use reqwest::header::{DATE, HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use crate::lock::lock;

/// The longest name of a cookie that a message repeats.
const MAX_NAME_CHARS: usize = 60;
/// A cookie that lives longer than this lives as long as the stream: an instant too far ahead can't be
/// represented.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Default)]
pub struct Cookies(Mutex<Jar>);

#[derive(Default)]
struct Jar {
    kept: Vec<KeptCookie>,
    /// The names of cookies that were not kept, and why.
    refused: Vec<(String, &'static str)>,
}

struct KeptCookie {
    cookie: Cookie<'static>,
    /// By the monotonic clock, as the clock of this machine may be wrong, and may be set at any time.
    expires_at: Option<Instant>,
}

impl Cookies {
    /// Keeps the cookies of a response from this address.
    pub fn store(&self, headers: &HeaderMap, url: &Url) {
        let mut jar = lock(&self.0);
        for header in headers.get_all(SET_COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
            let name = text.split(['=', ';']).next().unwrap_or_default().trim();
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            jar.refused.retain(|(refused, _)| *refused != name);
            let stored = match Cookie::parse(text, url) {
                Ok(cookie) => jar.keep(cookie.into_owned(), service_time(headers)),
                Err(CookieError::DomainMismatch) => Err("its Domain is not the service's host"),
                Err(_) => Err("it can't be read"),
            };
            if let Err(why) = stored {
                jar.refused.push((name, why));
            }
        }
    }

    /// The `Cookie` header of a request to this address.
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        let jar = lock(&self.0);
        let sent = jar.kept.iter().filter(|kept| kept.withheld(url).is_none());
        let mut sent: Vec<_> = sent.map(|kept| &kept.cookie).collect();
        // RFC 6265, 5.4: cookies with longer paths come first.
        sent.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let pairs: Vec<_> = sent
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        let mut header = HeaderValue::from_bytes(pairs.join("; ").as_bytes()).ok()?;
        header.set_sensitive(true);
        (!pairs.is_empty()).then_some(header)
    }

    /// Why the service may not find the stream at this address: a sentence about a cookie that it has set
    /// and does not get.
    pub fn explain(&self, url: &Url) -> Option<String> {
        let jar = lock(&self.0);
        let withheld = jar.kept.iter().find_map(|kept| {
            let name: String = kept.cookie.name().chars().take(MAX_NAME_CHARS).collect();
            Some((name, kept.withheld(url)?))
        });
        let refused = || {
            let (name, why) = jar.refused.first()?;
            Some((name.clone(), (*why).to_owned()))
        };
        let (name, why) = withheld.or_else(refused)?;
        Some(format!(
            "The cookie {name} was not sent, because {why}: a service that finds its streams by this cookie can't find this one."
        ))
    }
}

impl Jar {
    /// Keeps a cookie, or forgets the older one of this name, if that is what the new one is for.
    fn keep(&mut self, cookie: Cookie<'static>, now: SystemTime) -> Result<(), &'static str> {
        let is_same = |kept: &KeptCookie| {
            kept.cookie.name() == cookie.name()
                && kept.cookie.domain == cookie.domain
                && kept.cookie.path == cookie.path
        };
        let was_kept = self.kept.iter().any(is_same);
        self.kept.retain(|kept| !is_same(kept));
        let expires_at = match lifetime(&cookie, now) {
            Some(Duration::ZERO) if was_kept => return Ok(()),
            Some(Duration::ZERO) => {
                return Err("it had already expired when it came, by the service's own clock");
            }
            Some(lifetime) => Some(Instant::now() + lifetime.min(MAX_LIFETIME)),
            None => None,
        };
        self.kept.push(KeptCookie { cookie, expires_at });
        Ok(())
    }
}

impl KeptCookie {
    /// Why it is not sent to this address; `None` if it is.
    fn withheld(&self, url: &Url) -> Option<String> {
        if self.expires_at.is_some_and(|at| at <= Instant::now()) {
            return Some("it has expired".to_owned());
        }
        if self.cookie.matches(url) {
            return None;
        }
        Some(if !self.cookie.path.matches(url) {
            let path: String = self.cookie.path.chars().take(MAX_NAME_CHARS).collect();
            format!("its Path is {path}, and this address is not below it")
        } else if self.cookie.secure() == Some(true) {
            "it is Secure and this address is http. Set an https address".to_owned()
        } else {
            "its Domain is not the host of this address".to_owned()
        })
    }
}

/// How long the cookie lives from now on; `None`: as long as the stream.
fn lifetime(cookie: &Cookie<'_>, now: SystemTime) -> Option<Duration> {
    // RFC 6265, 5.3: Max-Age comes before Expires.
    let seconds = match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(max_age), _) => max_age.whole_seconds(),
        (None, Some(expires)) => {
            let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            expires.unix_timestamp() - i64::try_from(now.as_secs()).ok()?
        }
        (None, None) => return None,
    };
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

/// The time at the service, which `Expires` is meant in. The clock of this machine may be wrong.
fn service_time(headers: &HeaderMap) -> SystemTime {
    headers
        .get(DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
        .unwrap_or_else(SystemTime::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "http://gateway.example/v0.2/streams";
    const SOCKET: &str = "http://gateway.example/v0.2/ws/streams/1";

    fn url(url: &str) -> Url {
        Url::parse(url).expect("a URL")
    }

    /// The cookies after a response to the creation with these headers.
    fn cookies(from: &str, headers: &[(&'static str, &str)]) -> Cookies {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let cookies = Cookies::default();
        cookies.store(&map, &url(from));
        cookies
    }

    fn sent(cookies: &Cookies, to: &str) -> Option<String> {
        let header = cookies.header(&url(to))?;
        Some(header.to_str().expect("text").to_owned())
    }

    #[test]
    fn the_time_of_the_service_counts() {
        // The clock of this machine is years before or after that of the service.
        for (date, expires) in [
            (
                "Sat, 01 Jan 2000 00:00:00 GMT",
                "Sat, 01 Jan 2000 01:00:00 GMT",
            ),
            (
                "Thu, 01 Jan 2060 00:00:00 GMT",
                "Thu, 01 Jan 2060 01:00:00 GMT",
            ),
        ] {
            let set = format!("route=a; Path=/; Expires={expires}");
            let kept = cookies(CREATE, &[("date", date), ("set-cookie", &set)]);
            assert_eq!(sent(&kept, SOCKET).as_deref(), Some("route=a"), "{date}");
            assert_eq!(kept.explain(&url(SOCKET)), None);
        }
        // The service takes it back.
        let set = "route=a; Path=/; Expires=Thu, 01 Jan 2060 00:00:00 GMT";
        let date = "Thu, 01 Jan 2060 00:00:00 GMT";
        let kept = cookies(CREATE, &[("date", date), ("set-cookie", set)]);
        assert_eq!(sent(&kept, SOCKET), None);
        let why = kept.explain(&url(SOCKET)).expect("a reason");
        assert!(
            why.contains("The cookie route ") && why.contains("expired"),
            "{why}"
        );
    }

    #[test]
    fn what_is_not_sent_is_told_by_name() {
        for (set, from, why) in [
            (
                "route=a; Path=/v0.2/streams",
                CREATE,
                "its Path is /v0.2/streams",
            ),
            ("route=a; Path=/; Secure", CREATE, "it is Secure"),
            ("route=a; Domain=other.example", CREATE, "its Domain"),
            ("route=a; Path=/; Max-Age=0", CREATE, "expired"),
            ("route", CREATE, "can't be read"),
        ] {
            let kept = cookies(from, &[("set-cookie", set)]);
            assert_eq!(sent(&kept, SOCKET), None, "{set}");
            let told = kept.explain(&url(SOCKET)).expect(set);
            assert!(
                told.contains("The cookie route ") && told.contains(why),
                "{told}"
            );
        }
        let secure = "https://gateway.example/v0.2/streams";
        let kept = cookies(secure, &[("set-cookie", "route=a; Secure; Domain=example")]);
        assert_eq!(sent(&kept, secure).as_deref(), Some("route=a"));
        assert_eq!(
            sent(&kept, "https://gateway.example/v0.2/x").as_deref(),
            Some("route=a")
        );
        let local = "http://127.0.0.1:8/v0.2/streams";
        let kept = cookies(local, &[("set-cookie", "route=a; Secure")]);
        assert_eq!(sent(&kept, local).as_deref(), Some("route=a"));
    }

    #[test]
    fn a_newer_cookie_replaces_an_older_one() {
        let kept = cookies(
            CREATE,
            &[
                ("set-cookie", "route=a; Path=/"),
                ("set-cookie", "route=b; Path=/v0.2"),
                ("set-cookie", "route=c; Path=/; Max-Age=99999999999999"),
            ],
        );
        assert_eq!(sent(&kept, SOCKET).as_deref(), Some("route=b; route=c"));
        let mut headers = HeaderMap::new();
        headers.append(
            SET_COOKIE,
            HeaderValue::from_static("route=; Path=/; Max-Age=-1"),
        );
        kept.store(&headers, &url(CREATE));
        assert_eq!(sent(&kept, SOCKET).as_deref(), Some("route=b"));
        assert_eq!(kept.explain(&url(SOCKET)), None);
    }

    #[test]
    fn a_cookie_that_expires_later_is_told_then() {
        let kept = cookies(CREATE, &[("set-cookie", "route=a; Path=/; Max-Age=1")]);
        assert_eq!(sent(&kept, SOCKET).as_deref(), Some("route=a"));
        std::thread::sleep(Duration::from_millis(1050));
        assert_eq!(sent(&kept, SOCKET), None);
        let why = kept.explain(&url(SOCKET)).expect("a reason");
        assert!(why.contains("it has expired"), "{why}");
    }
}

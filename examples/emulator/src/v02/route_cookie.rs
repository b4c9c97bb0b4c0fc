// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The route cookie that a sticky gateway requires.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

use crate::ids::random;
use crate::lock::lock;

/// The name of the cookie.
pub(crate) const COOKIE: &str = "media-gateway-route";
/// How long the previous value is still accepted: for requests that were sent before it changed.
const GRACE_PERIOD: Duration = Duration::from_millis(250);

/// The route cookie of one stream.
#[derive(Debug)]
pub(crate) struct RouteCookie {
    values: Mutex<Values>,
}

#[derive(Debug)]
struct Values {
    newest: String,
    before: Option<(String, Instant)>,
}

impl RouteCookie {
    pub(crate) fn new() -> Self {
        RouteCookie {
            values: Mutex::new(Values {
                newest: value(),
                before: None,
            }),
        }
    }

    /// Whether a request with these headers finds the stream.
    pub(crate) fn matches(&self, headers: &HeaderMap) -> bool {
        let values = lock(&self.values);
        cookies(headers).any(|cookie| {
            cookie == values.newest
                || values.before.as_ref().is_some_and(|(before, since)| {
                    cookie == before && since.elapsed() < GRACE_PERIOD
                })
        })
    }

    /// Changes the value.
    pub(crate) fn renew(&self) {
        let mut values = lock(&self.values);
        let before = std::mem::replace(&mut values.newest, value());
        values.before = Some((before, Instant::now()));
    }

    /// The `Set-Cookie` header of the newest value.
    pub(crate) fn set_cookie(&self, attributes: &str) -> String {
        set_cookie(&lock(&self.values).newest, attributes)
    }
}

/// A `Set-Cookie` header for a client without a cookie.
pub(crate) fn any_cookie(attributes: &str) -> String {
    set_cookie(&value(), attributes)
}

/// Whether the request has a route cookie, valid or not.
pub(crate) fn present(headers: &HeaderMap) -> bool {
    cookies(headers).next().is_some()
}

fn set_cookie(value: &str, attributes: &str) -> String {
    format!("{COOKIE}={value}; {attributes}")
}

fn value() -> String {
    format!("{:016x}", random())
}

/// The values of the route cookie in all `Cookie` headers.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(line: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(line) {
            headers.append(header::COOKIE, value);
        }
        headers
    }

    #[test]
    fn the_previous_value_is_only_accepted_for_a_moment() {
        let route = RouteCookie::new();
        let pair = |route: &RouteCookie| {
            let line = route.set_cookie("Path=/");
            line.split(';')
                .next()
                .map(str::to_owned)
                .unwrap_or_default()
        };
        let old = headers(&format!("a=b; {}; c=d", pair(&route)));
        assert!(route.matches(&old));
        route.renew();
        assert!(route.matches(&old), "a request on its way");
        assert!(route.matches(&headers(&pair(&route))));
        std::thread::sleep(GRACE_PERIOD);
        assert!(!route.matches(&old));
        assert!(route.matches(&headers(&pair(&route))));
        assert!(!route.matches(&HeaderMap::new()));
        assert!(!route.matches(&headers("media-gateway-route=nope")));
    }
}

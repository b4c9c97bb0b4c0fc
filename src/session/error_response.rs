// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is read from an HTTP response that is not a success.

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER, SERVER};

/// A longer `retry-after` counts as this one: an instant too far ahead can't be represented.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The longest header value that an error message repeats.
const MAX_NAME_CHARS: usize = 40;

/// A response that is not a success.
#[derive(Debug, Default)]
pub struct ErrorResponse {
    pub status: u16,
    pub body: String,
    pub content_type: Option<String>,
    pub server: Option<String>,
    pub retry_after: Option<Duration>,
}

impl ErrorResponse {
    /// `secret`: the key, which the response may repeat.
    pub fn new(status: u16, headers: &HeaderMap, body: &str, secret: &str) -> Self {
        Self {
            status,
            body: body.replace(secret, "…"),
            content_type: name(headers, &CONTENT_TYPE, secret),
            server: name(headers, &SERVER, secret),
            retry_after: retry_after(headers, SystemTime::now()),
        }
    }

    /// Whether the body is a web page.
    pub fn is_page(&self) -> bool {
        let is_html = |kind: &String| kind.to_ascii_lowercase().contains("html");
        self.content_type.as_ref().is_some_and(is_html) || self.body.trim_start().starts_with('<')
    }

    /// What the sender answered with.
    pub fn form(&self) -> &'static str {
        match self.body.trim() {
            "" => "with an empty body",
            _ if self.is_page() => "with a page",
            _ => "in another form",
        }
    }

    /// The content type and the sender's name, each after a comma, for a person to find out who answered.
    pub fn origin(&self) -> String {
        let content_type = self.content_type.iter().cloned();
        let server = self.server.iter().map(|server| format!("server {server}"));
        content_type
            .chain(server)
            .map(|part| format!(", {part}"))
            .collect()
    }
}

/// A header's value without parameters, if it is short, printable and not secret.
fn name(headers: &HeaderMap, header: &HeaderName, secret: &str) -> Option<String> {
    let value = headers.get(header)?.to_str().ok()?;
    let value = value.split(';').next().unwrap_or_default().trim();
    let is_name = !value.is_empty() && value.len() <= MAX_NAME_CHARS && !value.contains(secret);
    is_name.then(|| value.to_owned())
}

/// `retry-after` in seconds, also with a fraction, or as a date (RFC 9110, 10.2.3). A date is compared with the
/// response's own `date`, as the clock of this machine may be wrong.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |header| headers.get(header)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let pause = match asked.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 => {
            Duration::try_from_secs_f64(seconds).unwrap_or(MAX_RETRY_AFTER)
        }
        Ok(_) => return None,
        Err(_) => {
            let sent = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok());
            let until = httpdate::parse_http_date(asked).ok()?;
            until
                .duration_since(sent.unwrap_or(now))
                .unwrap_or_default()
        }
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let now = httpdate::parse_http_date(date).expect("a date") + Duration::from_secs(7);
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        for (value, pause) in [
            ("0", seconds(0.0)),
            ("3", seconds(3.0)),
            (" 1.5 ", seconds(1.5)),
            ("1e30", seconds(3600.0)),
            ("18446744073709551615", seconds(3600.0)),
            ("inf", seconds(3600.0)),
            ("NaN", None),
            ("-1", None),
            ("soon", None),
            ("", None),
            // Three notations of dates (RFC 9110, 5.6.7).
            ("Sun, 06 Nov 1994 08:49:54 GMT", seconds(10.0)),
            ("Sunday, 06-Nov-94 08:49:54 GMT", seconds(10.0)),
            ("Sun Nov  6 08:49:54 1994", seconds(10.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", seconds(0.0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", seconds(3600.0)),
        ] {
            let headers = headers(&[(RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers, now), pause, "{value:?}");
        }
        let until = (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:54 GMT");
        let with_date = headers(&[until, (DATE, date)]);
        assert_eq!(retry_after(&with_date, now), seconds(17.0));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn the_sender_is_named() {
        let named = |pairs: &[(HeaderName, &'static str)], body: &str| {
            let response = ErrorResponse::new(403, &headers(pairs), body, "k3y");
            format!("{}{}", response.form(), response.origin())
        };
        let html = (CONTENT_TYPE, "text/html; charset=utf-8");
        assert_eq!(
            named(&[html, (SERVER, "cloudflare")], "<!doctype html>"),
            "with a page, text/html, server cloudflare"
        );
        assert_eq!(named(&[], ""), "with an empty body");
        assert_eq!(
            named(&[(CONTENT_TYPE, "text/plain")], "404 page not found"),
            "in another form, text/plain"
        );
        assert_eq!(named(&[(SERVER, "for k3y")], "<p>"), "with a page");
    }
}

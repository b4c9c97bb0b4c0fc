// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which proxy a request goes through, by the variables of the environment, and what its failures are called.

use std::sync::LazyLock;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::error::{Error, Kind, Stage};

/// The variables for each scheme, in the order that curl and reqwest read them.
const HTTP_VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const HTTPS_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Read once: the shared HTTP client keeps its connections.
static ENVIRONMENT: LazyLock<Proxies> =
    LazyLock::new(|| Proxies::new(|variable| std::env::var(variable).ok()));

/// The proxy for this address; `None` if the service is connected directly.
///
/// # Errors
/// If the variable names no proxy that can be used.
pub fn for_url(url: &Url) -> Result<Option<&'static Proxy>, Error> {
    ENVIRONMENT.for_url(url)
}

/// Whether the environment names proxies.
pub fn are_set() -> bool {
    ENVIRONMENT.http.is_some() || ENVIRONMENT.https.is_some()
}

/// The proxy of one variable.
pub struct Proxy {
    variable: &'static str,
    /// Its address, with user name and password.
    url: Url,
    address: Uri,
    authorization: Option<HeaderValue>,
}

/// Those of the environment, or why they can't be used.
struct Proxies {
    http: Option<Result<Proxy, String>>,
    https: Option<Result<Proxy, String>>,
    exceptions: Vec<Exception>,
}

/// An address that no proxy is used for.
struct Exception {
    port: Option<u16>,
    /// Matches all but the hosts of this exception; `None`: the exception is every host.
    others: Option<Matcher>,
}

impl Proxies {
    fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((*name, value))
            })
        };
        // In a CGI program, HTTP_PROXY is a header of the request (CVE-2016-5385).
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let proxy = |names| {
            let (name, value) = first(names).filter(|_| !is_cgi)?;
            Some(Proxy::new(name, &value))
        };
        let exceptions = first(&EXCEPTION_VARIABLES).map_or_else(String::new, |(_, value)| value);
        Self {
            http: proxy(&HTTP_VARIABLES),
            https: proxy(&HTTPS_VARIABLES),
            exceptions: exceptions
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter(|entry| !entry.is_empty())
                .map(Exception::new)
                .collect(),
        }
    }

    fn for_url(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        let proxy = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        match proxy {
            Some(_)
                if self
                    .exceptions
                    .iter()
                    .any(|exception| exception.matches(url)) =>
            {
                Ok(None)
            }
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(why)) => Err(Error::settings(why)),
            None => Ok(None),
        }
    }
}

impl Exception {
    /// `example.com` and `.example.com` and `*.example.com` (with subdomains), `10.0.0.0/8`, `::1`, `*`, each
    /// also with a port.
    fn new(entry: &str) -> Self {
        let (host, port) = match entry.rsplit_once(':') {
            // More colons belong to an IPv6 address.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                match port.parse() {
                    Ok(port) => (host, Some(port)),
                    Err(_) => (entry, None),
                }
            }
            _ => (entry, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_prefix("*.").unwrap_or(host);
        let others = || Matcher::builder().all("http://proxy").no(host).build();
        Self {
            port,
            others: (host != "*").then(others),
        }
    }

    fn matches(&self, url: &Url) -> bool {
        let is_port = self.port.is_none() || self.port == url.port_or_known_default();
        let is_host = match (&self.others, url.as_str().parse::<Uri>()) {
            (None, _) => true,
            (Some(others), Ok(uri)) => others.intercept(&uri).is_none(),
            (Some(_), Err(_)) => false,
        };
        is_port && is_host
    }
}

impl Proxy {
    /// # Errors
    /// What to set the variable to.
    fn new(variable: &'static str, value: &str) -> Result<Self, String> {
        let unusable = || {
            format!(
                "{variable} is not the address of a proxy that can be used: set it to an address that looks like http://proxy.example:3128 (or https://, socks5://, socks5h://, socks4://, socks4a://), or unset it."
            )
        };
        let with_scheme = match value.contains("://") {
            true => value.to_owned(),
            false => format!("http://{value}"),
        };
        let mut url = Url::parse(&with_scheme).map_err(|_| unusable())?;
        if url.port().is_none() && url.scheme().starts_with("socks") {
            url.set_port(Some(1080)).map_err(|()| unusable())?;
        }
        let matcher = Matcher::builder().all(url.as_str()).build();
        let any = Uri::from_static("http://service");
        let intercept = matcher.intercept(&any).ok_or_else(unusable)?;
        Ok(Self {
            variable,
            address: intercept.uri().clone(),
            authorization: intercept.basic_auth().cloned(),
            url,
        })
    }

    /// For the HTTP client.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The address of an HTTP proxy; `None` for SOCKS, which any connection can go through.
    pub fn http(&self) -> Option<&Uri> {
        let is_http = self
            .address
            .scheme_str()
            .is_some_and(|s| s.starts_with("http"));
        is_http.then_some(&self.address)
    }

    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The proxy's name in messages, without its password.
    fn name(&self) -> String {
        let host = self.address.authority().map_or("", |host| host.as_str());
        format!("{host} ({})", self.variable)
    }

    /// A 407, or SOCKS's word for it.
    pub fn wants_password(&self, stage: Stage) -> Error {
        let what = match self.url.username() {
            "" => "wants a user name and a password",
            _ => "refused the user name and password",
        };
        let status = self.http().map(|_| 407);
        let said = status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
        Error {
            status_code: status,
            ..Error::new(
                Kind::NotAuthorized,
                stage,
                format!(
                    "The proxy {} {what}{said}: set {} to an address that looks like {}://user:password@proxy.example:3128, or add the service's host to NO_PROXY.",
                    self.name(),
                    self.variable,
                    self.url.scheme(),
                ),
            )
        }
    }

    /// A connection through the proxy failed.
    pub fn explain(&self, error: Error) -> Error {
        // The texts of hyper-util, for CONNECT and SOCKS5.
        let refusals = match self.url.username() {
            "" => ["proxy authorization required", "user/pass authentication"],
            _ => ["proxy authorization required", "credentials not accepted"],
        };
        match refusals.iter().any(|words| error.message.contains(words)) {
            true => self.wants_password(error.stage),
            false => error.followed_by(&format!(
                "The connection goes through the proxy {}: check that it allows the service's host, or add this host to NO_PROXY.",
                self.name()
            )),
        }
    }
}

/// A 407 without a proxy in the environment.
pub fn unknown_proxy_wants_password(stage: Stage) -> Error {
    Error {
        status_code: Some(407),
        ..Error::new(
            Kind::NotAuthorized,
            stage,
            "A proxy between this host and the service wants a user name and a password (HTTP 407): set HTTPS_PROXY (HTTP_PROXY for an http address) to http://user:password@ and the proxy's address.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &'static [(&'static str, &'static str)]) -> Proxies {
        Proxies::new(move |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn name(proxies: &Proxies, url: &str) -> Result<Option<String>, String> {
        let url = Url::parse(url).expect("a URL");
        let found = proxies.for_url(&url).map_err(|error| error.message)?;
        Ok(found.map(Proxy::name))
    }

    #[test]
    fn the_variable_of_the_scheme_is_used() {
        let some = |name: &str| Ok(Some(name.to_owned()));
        let both = proxies(&[
            ("HTTP_PROXY", ""),
            ("http_proxy", "plain:1"),
            ("ALL_PROXY", "socks5h://user:hush@all"),
        ]);
        assert_eq!(name(&both, "http://a/"), some("plain:1 (http_proxy)"));
        assert_eq!(name(&both, "https://a/"), some("all:1080 (ALL_PROXY)"));
        let none = proxies(&[("NO_PROXY", "a")]);
        assert_eq!(name(&none, "https://a/"), Ok(None));
        let cgi = proxies(&[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(name(&cgi, "http://a/"), Ok(None));
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_name() {
        for value in ["socks6://a:1", "ftp://a", "http://", "::", "quic://a:1"] {
            let error = Proxy::new("HTTPS_PROXY", value).err().expect(value);
            assert!(error.starts_with("HTTPS_PROXY "), "{error}");
        }
        for value in [
            "socks4://a",
            "socks4a://a:1",
            "socks5://u:p@a",
            "https://a:3128",
            "a",
        ] {
            assert!(Proxy::new("HTTPS_PROXY", value).is_ok(), "{value}");
        }
    }

    #[test]
    fn exceptions_are_lists_of_hosts() {
        let url = |url| Url::parse(url).expect("a URL");
        for (entries, through, past) in [
            (
                "*",
                vec![],
                vec!["http://10.0.0.1/", "http://[::1]/", "http://a.b/"],
            ),
            ("x, *", vec![], vec!["http://10.0.0.1:8/"]),
            (
                "a.b,.c.d *.e.f\t10.0.0.0/8,[::1]",
                vec!["http://aa.b/", "http://11.0.0.1/", "http://[::2]/"],
                vec![
                    "http://a.b:8/",
                    "http://x.a.b/",
                    "http://c.d/",
                    "http://x.c.d/",
                    "http://x.e.f/",
                    "http://10.9.9.9/",
                    "http://[::1]:8/",
                ],
            ),
            (
                "a.b:8, 10.0.0.1:443,[::1]:8",
                vec!["http://a.b/", "http://10.0.0.1/", "http://[::1]/"],
                vec!["http://a.b:8/", "http://[::1]:8/", "http://10.0.0.1:443/"],
            ),
            ("", vec!["http://a.b/"], vec![]),
        ] {
            let variables = Box::leak(Box::new([("http_proxy", "p:1"), ("no_proxy", entries)]));
            let proxies = proxies(variables);
            for address in through {
                assert!(
                    proxies.for_url(&url(address)).expect("usable").is_some(),
                    "{entries} {address}"
                );
            }
            for address in past {
                assert!(
                    proxies.for_url(&url(address)).expect("usable").is_none(),
                    "{entries} {address}"
                );
            }
        }
    }

    #[test]
    fn refusals_name_the_variable_and_no_password() {
        for (value, words, status) in [
            ("http://p:1", "proxy authorization required", Some(407)),
            (
                "http://user:hush@p:1",
                "proxy authorization required",
                Some(407),
            ),
            (
                "socks5://p:1",
                "server does not support user/pass authentication",
                None,
            ),
            ("socks5://user:hush@p:1", "credentials not accepted", None),
        ] {
            let proxy = Proxy::new("HTTPS_PROXY", value).expect("usable");
            let refused = proxy.explain(Error::new(Kind::Network, Stage::Create, words));
            assert_eq!(
                (refused.kind, refused.status_code),
                (Kind::NotAuthorized, status)
            );
            let lost = proxy.explain(Error::new(Kind::Network, Stage::Create, "refused."));
            assert_eq!(lost.kind, Kind::Network);
            for error in [refused, lost] {
                assert!(error.message.contains("p:1 (HTTPS_PROXY)"), "{error}");
                assert!(!error.message.contains("hush"), "{error}");
            }
        }
    }
}

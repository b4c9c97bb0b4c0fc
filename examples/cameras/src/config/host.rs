// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks host and port of a URL. `Url` itself checks them only for the schemes of the web.

use std::net::Ipv4Addr;

use url::Url;

/// What is wrong, if anything is.
pub fn host_problem(url: &Url) -> Option<&'static str> {
    let host = url.host_str().unwrap_or_default();
    let is_numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    match host {
        "" => Some("has no host"),
        _ if is_numeric && host.parse::<Ipv4Addr>().is_err() => Some(
            "has a host that looks like an IPv4 address and is none: write four numbers from 0 to 255",
        ),
        _ if url.port() == Some(0) => {
            Some("has the port 0: leave the port out, or write one from 1 to 65535")
        }
        _ => None,
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Requests an HTTP URL of a user. Every address on the way is checked, and hosts that ask for it get the name and the
//! password of the URL.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use reqwest::Response;
use tokio::time::timeout;
use url::{Position, Url};

use super::address::resolve;
use super::digest;
use crate::config::SourceHosts;
use crate::error::AppError;

const MAX_REDIRECTS: usize = 3;
/// Time limit for the response to a request.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The response with the content. The body has not been read.
pub(super) async fn get(mut url: Url, hosts: &SourceHosts) -> Result<Response, AppError> {
    for _ in 0..=MAX_REDIRECTS {
        let response = get_authorized(&url, hosts).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if !status.is_redirection() {
            return Err(failed(&format!(
                "the host answered with the status {status}"
            )));
        }
        // Each address on the way is checked like the first one.
        let target = response.headers().get(header::LOCATION);
        let target = target.and_then(|target| url.join(target.to_str().ok()?).ok());
        let mut target = target
            .filter(|target| matches!(target.scheme(), "http" | "https"))
            .ok_or_else(|| failed("the host redirects to an address that is none"))?;
        // The name and the password are for this host only.
        if target.origin() == url.origin() {
            let done = target.set_username(url.username());
            done.and_then(|()| target.set_password(url.password()))
                .map_err(|()| failed("the host redirects to an address that is none"))?;
        }
        url = target;
    }
    Err(failed("the host redirects too often"))
}

/// Sends the name and the password of the URL if the host asks for them, in the way that it asks for.
async fn get_authorized(url: &Url, hosts: &SourceHosts) -> Result<Response, AppError> {
    let response = get_once(url, hosts, None).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    if url.username().is_empty() && url.password().is_none() {
        return Err(failed(
            "the host wants a user name and a password. Write them in the URL: http://user:password@host/path",
        ));
    }
    let authorization = authorization(url, response.headers())
        .ok_or_else(|| failed("the host wants a login of another kind than basic and digest"))?;
    let response = get_once(url, hosts, Some(authorization)).await?;
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(failed("the host refuses the user name or the password")),
        _ => Ok(response),
    }
}

/// Digest is preferred, because it does not send the password.
fn authorization(url: &Url, headers: &HeaderMap) -> Option<HeaderValue> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
    let user = decode(url.username());
    let password = decode(url.password().unwrap_or_default());
    let request = digest::Request {
        user: &user,
        password: &password,
        target: &url[Position::BeforePath..Position::AfterQuery],
        nonce: &format!("{:032x}", rand::random::<u128>()),
    };
    let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let challenges: Vec<_> = challenges.filter_map(|one| one.to_str().ok()).collect();
    let digest = challenges
        .iter()
        .find_map(|challenge| digest::authorize(challenge, &request));
    let is_basic = |challenge: &&str| challenge.to_ascii_lowercase().contains("basic ");
    let basic = || {
        let pair = format!("{user}:{password}");
        format!("Basic {}", gst::glib::base64_encode(pair.as_bytes()))
    };
    let value = digest.or_else(|| challenges.iter().any(is_basic).then(basic))?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn get_once(
    url: &Url,
    hosts: &SourceHosts,
    authorization: Option<HeaderValue>,
) -> Result<Response, AppError> {
    let (own_url, own_hosts) = (url.clone(), hosts.clone());
    let port = url.port_or_known_default().unwrap_or_default();
    let resolving = tokio::task::spawn_blocking(move || resolve(&own_url, port, &own_hosts));
    let address = resolving.await.map_err(AppError::unexpected)??;
    let client = overshoot_emulator::http_client()
        .map_err(AppError::unexpected)?
        // The checked address, whatever the name resolves to now.
        .resolve(url.host_str().unwrap_or_default(), address)
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve the name again.
        .no_proxy()
        .build()
        .map_err(AppError::unexpected)?;
    // Without the name and the password, which it would send unasked.
    let host = &url[Position::BeforeHost..];
    let mut request = client.get(format!("{}://{host}", url.scheme()));
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    match timeout(RESPONSE_TIMEOUT, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        // The error is not shown: it contains the URL.
        Ok(Err(error)) if error.is_connect() => Err(failed("the host cannot be reached")),
        Ok(Err(_)) => Err(failed("the connection broke")),
        Err(_) => Err(failed("the host does not answer")),
    }
}

pub(super) fn failed(why: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown-source",
        format!("The video cannot be fetched: {why}."),
    )
    .field("url")
}

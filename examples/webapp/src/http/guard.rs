// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The checks of every request, and the headers of every response.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{cors, login};
use crate::app::App;
use crate::error::AppError;

/// The page may load only its own files and videos that the user chose. No page may embed it in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) async fn check_requests(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let config = &app.shared.config;
    let listed = cors::listed_origin(&config.cors_origins, request.headers()).cloned();
    let mut response = match check_origin(&config.allowed_hosts, listed.is_some(), &request) {
        Ok(()) => match cors::answer_preflight(request.method(), request.headers()) {
            Some(response) => response,
            None => match login::check(&app, &request) {
                Ok(()) => next.run(request).await,
                Err(error) => error.into_response(),
            },
        },
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    if !config.cors_origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = listed {
        cors::allow(headers, origin);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Nothing may be cached.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `listed`: the page's origin is one of `BACKEND_CORS_ORIGINS`.
fn check_origin(names: &[String], listed: bool, request: &Request) -> Result<(), AppError> {
    let host = read_host(request.headers(), request.uri())?;
    let name = without_port(&host);
    if !is_own_name(name, names) {
        return Err(AppError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            format!(
                "This server does not accept the host name {name}. Use its IP address or localhost, or add the name to BACKEND_ALLOWED_HOSTS."
            ),
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let upgrades = request.headers().contains_key(header::UPGRADE);
    if listed || (reads && !upgrades) {
        return Ok(());
    }
    // Browsers send the origin of the page. Programs don't, and no page can misuse them.
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !is_same_site(origin, &host) => Err(AppError::new(
            StatusCode::FORBIDDEN,
            "foreign-page",
            "Pages of other sites must not make this request. The operator of this server can allow a site in BACKEND_CORS_ORIGINS.",
        )),
        _ => Ok(()),
    }
}

fn read_host(headers: &HeaderMap, uri: &Uri) -> Result<String, AppError> {
    let header_host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = header_host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    host.map(str::to_ascii_lowercase).ok_or_else(|| {
        AppError::new(
            StatusCode::BAD_REQUEST,
            "no-host",
            "The request has no Host header.",
        )
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A name can be made to point to this server (DNS rebinding). An IP address cannot.
fn is_own_name(name: &str, names: &[String]) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|own| own == name)
}

fn is_same_site(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| authority == host)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn refused(method: Method, host: &str, origin: Option<&str>) -> Option<StatusCode> {
        let mut request = Request::builder()
            .method(method)
            .uri("/start-stream/x")
            .header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.body(Body::empty()).expect("a request");
        let names = ["app.example.com".to_owned()];
        let error = check_origin(&names, false, &request).err()?;
        Some(error.into_response().status())
    }

    #[test]
    fn own_pages_and_programs_are_allowed() {
        for (host, origin) in [
            ("127.0.0.1:8000", Some("http://127.0.0.1:8000")),
            ("[::1]:8000", Some("http://[::1]:8000")),
            ("localhost:8000", Some("http://LOCALHOST:8000")),
            ("app.example.com", Some("https://app.example.com")),
            ("127.0.0.1:8000", None),
        ] {
            assert_eq!(refused(Method::POST, host, origin), None, "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        for origin in [
            "https://evil.example",
            "http://127.0.0.1:9000",
            "http://localhost:8000",
            "null",
            "",
        ] {
            let status = refused(Method::POST, "127.0.0.1:8000", Some(origin));
            assert_eq!(status, Some(StatusCode::FORBIDDEN), "{origin}");
        }
    }

    #[test]
    fn an_unknown_host_name_is_refused() {
        let status = refused(Method::GET, "evil.example:8000", None);
        assert_eq!(status, Some(StatusCode::MISDIRECTED_REQUEST));
        let status = refused(
            Method::POST,
            "evil.example:8000",
            Some("http://evil.example:8000"),
        );
        assert_eq!(status, Some(StatusCode::MISDIRECTED_REQUEST));
    }
}

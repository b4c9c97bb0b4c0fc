//! What every request passes: who may call, and what every response tells a browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::AppError;

/// Nothing but our own files, and videos that the user has chosen; in no one's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match check(&app.shared.config.names, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Answers and pages alike are as they are now.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn check(names: &[String], request: &Request) -> Result<(), AppError> {
    let host = host(request.headers(), request.uri())?;
    let name = without_port(&host);
    if !is_ours(name, names) {
        return Err(AppError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            format!(
                "This server does not go by the name {name}. Call it by its address or localhost, or add the name to BACKEND_ALLOWED_HOSTS."
            ),
        ));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let upgrades = request.headers().contains_key(header::UPGRADE);
    if reads && !upgrades {
        return Ok(());
    }
    // Browsers tell whose page asks. Programs don't, and have no user whom a page could abuse.
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !is_of(origin, &host) => Err(AppError::new(
            StatusCode::FORBIDDEN,
            "foreign-page",
            "The page of another site may not do this.",
        )),
        _ => Ok(()),
    }
}

fn host(headers: &HeaderMap, uri: &Uri) -> Result<String, AppError> {
    let told = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = told.or_else(|| uri.authority().map(|authority| authority.as_str()));
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

/// Addresses can't be made to lead elsewhere, names can.
fn is_ours(name: &str, names: &[String]) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.iter().any(|own| own == name)
}

fn is_of(origin: &HeaderValue, host: &str) -> bool {
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
        let error = check(&names, &request).err()?;
        Some(error.into_response().status())
    }

    #[test]
    fn own_pages_and_programs_may_do_everything() {
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
    fn pages_of_others_may_not() {
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
    fn a_name_that_was_made_to_lead_here_is_refused() {
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

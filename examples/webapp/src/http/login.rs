// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The password of the server, if it has one: `POST /login`, `POST /logout`, and the check of every request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body::{Body, read_object};
use crate::app::App;
use crate::error::AppError;
use crate::login::Refusal;

const COOKIE: &str = "overshoot_login";

/// The address of the client.
pub(super) type Client = ConnectInfo<SocketAddr>;

/// Paths that everybody may use: the health, the files of the pages, and the login itself.
fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/login" | "/logout" | "/docs" | "/openapi.json")
        || path.starts_with("/page/")
}

/// Refuses requests without the password or the cookie.
pub(super) fn check(app: &App, request: &Request) -> Result<(), AppError> {
    let Some(password) = &app.shared.config.password else {
        return Ok(());
    };
    let headers = request.headers();
    let now = Instant::now();
    if is_open(request.uri().path()) {
        return Ok(());
    }
    if token(headers).is_some_and(|token| app.login.is_issued(token, now)) {
        return Ok(());
    }
    match bearer(headers) {
        Some(guess) => {
            let client = request.extensions().get::<Client>();
            let client = client.map_or(IpAddr::from([0; 4]), |client| client.0.ip());
            app.login
                .check(password, guess, client, now)
                .map_err(to_error)
        }
        None => Err(AppError::new(
            StatusCode::UNAUTHORIZED,
            "login-required",
            "This server has a password. Log in on its page, or send the header Authorization: Bearer PASSWORD.",
        )),
    }
}

pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    ConnectInfo(client): Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AppError> {
    let body = read_object(&headers, body)?;
    let guess = body.get("password").and_then(|guess| guess.as_str());
    let guess = guess.ok_or_else(|| {
        AppError::invalid("Send the password in the field password, as a text.").field("password")
    })?;
    let now = Instant::now();
    if let Some(password) = &app.shared.config.password {
        let checked = app.login.check(password, guess, client.ip(), now);
        checked.map_err(|refusal| to_error(refusal).field("password"))?;
    }
    let token = app.login.issue(now);
    Ok(with_cookie(&headers, &token, ""))
}

pub(super) async fn log_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(token) = token(&headers) {
        app.login.withdraw(token);
    }
    with_cookie(&headers, "", "; Max-Age=0")
}

fn with_cookie(headers: &HeaderMap, token: &str, more: &str) -> Response {
    // A page that came by https, through a proxy.
    let origin = headers.get(header::ORIGIN).and_then(|it| it.to_str().ok());
    let secure = match origin.is_some_and(|origin| origin.starts_with("https://")) {
        true => "; Secure",
        false => "",
    };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{more}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// The token in the cookie.
fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// The password in the header `Authorization`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes)?;
    let (scheme, guess) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| guess.trim())
}

fn to_error(refusal: Refusal) -> AppError {
    match refusal {
        Refusal::Wrong => AppError::new(
            StatusCode::UNAUTHORIZED,
            "wrong-password",
            "The password is wrong.",
        ),
        Refusal::Wait(wait) => AppError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-guesses",
            format!(
                "There were too many wrong passwords. Try again in {} s.",
                wait.as_secs() + 1
            ),
        ),
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Routes: which call a method and a path stand for.

use axum::http::Method;

use crate::api::Api;
use crate::faults::fault::Call;
use crate::livekit::endpoints;
use crate::server::error::ApiError;
use crate::v1::V1Error;
use crate::v02::error::V02Error;

/// The base path of v0.2.
pub(crate) const BASE: &str = "/v0.2";
/// The base paths of v1, which are equivalent.
pub(crate) const BASES_V1: [&str; 2] = ["/v1", "/v1beta"];
/// These paths are not below a base path.
const BALANCE: &str = "/billing/accounts/me/balance";
const CHECKOUT: &str = "/billing/checkout";
/// This one is below the base paths, too.
const PRICING: &str = "/billing/pricing";

/// A call, and the stream that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteMatch {
    pub api: Api,
    pub call: Call,
    /// The id of the stream in the path, or empty.
    pub id: String,
}

/// Finds the call for a method and a path.
pub(crate) fn find_route(method: &Method, path: &str) -> Result<RouteMatch, ApiError> {
    let below = |base: &str| {
        let rest = path.strip_prefix(base)?.strip_prefix('/')?;
        Some(rest.split('/').collect::<Vec<_>>())
    };
    if let Some(segments) = below(BASE) {
        return v02(method, &segments, path).map_err(ApiError::V02);
    }
    if let Some(segments) = BASES_V1.iter().find_map(|base| below(base)) {
        return v1(method, &segments).map_err(ApiError::V1);
    }
    if endpoints::is_signal_path(path) {
        return match_method(Api::V02, method, &[(Method::GET, Call::Signal)], "")
            .map_err(|allowed| ApiError::V02(V02Error::method_not_allowed(allowed.as_str())));
    }
    for (billing, call) in [
        (BALANCE, (Method::GET, Call::Balance)),
        (CHECKOUT, (Method::POST, Call::Checkout)),
        (PRICING, (Method::GET, Call::Pricing)),
    ] {
        if path == billing {
            return match_method(Api::V1, method, &[call], "")
                .map_err(|_| ApiError::V1(wrong_method()));
        }
    }
    Err(ApiError::V02(unknown_path(path)))
}

fn unknown_path(path: &str) -> V02Error {
    let [v1, v1beta] = BASES_V1;
    V02Error::not_found(format!(
        "nothing is at {path}: this service emulates v0.2, below the base path {BASE}, and v1, \
         below {v1} and {v1beta}"
    ))
}

fn v02(method: &Method, segments: &[&str], path: &str) -> Result<RouteMatch, V02Error> {
    let (allowed, call, id) = match segments {
        ["streams"] => (Method::POST, Call::Create, ""),
        ["streams", "feedback"] => (Method::GET, Call::Feedback, ""),
        ["streams", id] => (Method::DELETE, Call::Delete, *id),
        ["streams", id, "keepalive"] => (Method::POST, Call::Keepalive, *id),
        ["streams", id, "config", "prompt"] => (Method::PATCH, Call::Prompt, *id),
        ["streams", id, "info"] => (Method::GET, Call::Info, *id),
        ["streams", id, "spectate"] => (Method::POST, Call::ViewerToken, *id),
        ["streams", id, "feedback"] => (Method::POST, Call::Feedback, *id),
        ["models"] => (Method::GET, Call::Models, ""),
        ["healthz"] => (Method::GET, Call::Health, ""),
        ["chat", "completions", "clip"] => (Method::POST, Call::Clip, ""),
        ["ws", "streams", id] => (Method::GET, Call::Socket, *id),
        _ => return Err(unknown_path(path)),
    };
    match_method(Api::V02, method, &[(allowed, call)], id)
        .map_err(|allowed| V02Error::method_not_allowed(allowed.as_str()))
}

fn v1(method: &Method, segments: &[&str]) -> Result<RouteMatch, V1Error> {
    let (calls, id): (&[(Method, Call)], _) = match segments {
        ["streams"] => (&[(Method::POST, Call::Create)], ""),
        ["streams", id] if !id.is_empty() => (
            &[(Method::GET, Call::Get), (Method::DELETE, Call::Delete)],
            *id,
        ),
        ["streams", id, "keepalive"] => (&[(Method::POST, Call::Keepalive)], *id),
        ["billing", "checkout"] => (&[(Method::POST, Call::Checkout)], ""),
        ["streams", id, "viewer-token"] => (&[(Method::POST, Call::ViewerToken)], *id),
        ["chat", "completions"] => (&[(Method::POST, Call::Chat)], ""),
        ["models"] => (&[(Method::GET, Call::Models)], ""),
        ["billing", "pricing", model @ ..] => {
            let call = [(Method::GET, Call::Pricing)];
            return match_method(Api::V1, method, &call, &model.join("/"))
                .map_err(|_| wrong_method());
        }
        _ => return Err(V1Error::not_found("Not Found")),
    };
    match_method(Api::V1, method, calls, id).map_err(|_| wrong_method())
}

fn wrong_method() -> V1Error {
    V1Error::detail(405, "Method Not Allowed")
}

/// The call for this method. The error is the first method that the path allows.
fn match_method(
    api: Api,
    method: &Method,
    calls: &[(Method, Call)],
    id: &str,
) -> Result<RouteMatch, Method> {
    let call = calls.iter().find(|(of, _)| of == method);
    match call {
        Some((_, call)) => Ok(RouteMatch {
            api,
            call: *call,
            id: id.to_owned(),
        }),
        None => Err(calls.first().map_or(Method::GET, |(of, _)| of.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_leads_to_its_call() {
        for (method, path, api, call, id) in [
            (Method::POST, "/v0.2/streams", Api::V02, Call::Create, ""),
            (
                Method::GET,
                "/v0.2/streams/feedback",
                Api::V02,
                Call::Feedback,
                "",
            ),
            (
                Method::DELETE,
                "/v0.2/streams/a",
                Api::V02,
                Call::Delete,
                "a",
            ),
            (
                Method::GET,
                "/v0.2/ws/streams/a",
                Api::V02,
                Call::Socket,
                "a",
            ),
            (
                Method::PATCH,
                "/v0.2/streams/a/config/prompt",
                Api::V02,
                Call::Prompt,
                "a",
            ),
            (
                Method::GET,
                "/v0.2/streams/a/info",
                Api::V02,
                Call::Info,
                "a",
            ),
            (
                Method::POST,
                "/v0.2/streams/a/spectate",
                Api::V02,
                Call::ViewerToken,
                "a",
            ),
            (Method::POST, "/v1/streams", Api::V1, Call::Create, ""),
            (Method::GET, "/v1beta/streams/a", Api::V1, Call::Get, "a"),
            (Method::DELETE, "/v1/streams/a", Api::V1, Call::Delete, "a"),
            (
                Method::POST,
                "/v1/streams/a/keepalive",
                Api::V1,
                Call::Keepalive,
                "a",
            ),
            (
                Method::POST,
                "/v1beta/chat/completions",
                Api::V1,
                Call::Chat,
                "",
            ),
            (Method::GET, "/v1/models", Api::V1, Call::Models, ""),
            (
                Method::POST,
                "/v1/streams/a/viewer-token",
                Api::V1,
                Call::ViewerToken,
                "a",
            ),
            (
                Method::POST,
                "/billing/checkout",
                Api::V1,
                Call::Checkout,
                "",
            ),
            (Method::GET, "/billing/pricing", Api::V1, Call::Pricing, ""),
            (
                Method::POST,
                "/v1/billing/checkout",
                Api::V1,
                Call::Checkout,
                "",
            ),
            (
                Method::GET,
                "/v1/billing/pricing",
                Api::V1,
                Call::Pricing,
                "",
            ),
            (
                Method::GET,
                "/v1beta/billing/pricing/a/b",
                Api::V1,
                Call::Pricing,
                "a/b",
            ),
            (
                Method::GET,
                "/billing/accounts/me/balance",
                Api::V1,
                Call::Balance,
                "",
            ),
        ] {
            let id = id.to_owned();
            assert_eq!(
                find_route(&method, path),
                Ok(RouteMatch { api, call, id }),
                "{path}"
            );
        }
        for (method, path, status) in [
            (Method::GET, "/v0.2/streams", 405),
            (Method::POST, "/streams", 404),
            (Method::POST, "/v0.2", 404),
            (Method::POST, "/v0.2streams", 404),
            (Method::POST, "/v0.2/streams/a/b/c/d", 404),
            (Method::GET, "/v1/streams", 405),
            (Method::POST, "/v1/streams/a", 405),
            (Method::GET, "/v1/chat/completions", 405),
            (Method::POST, "/v1/billing/pricing", 405),
            (Method::GET, "/v0.2/billing/pricing", 404),
            (Method::POST, "/billing/accounts/me/balance", 405),
            (Method::GET, "/billing/checkout", 405),
            (Method::GET, "/v1/streams/a/viewer-token", 405),
            (Method::POST, "/v0.2/streams/a/viewer-token", 404),
            (Method::GET, "/v1/billing/accounts/me/balance", 404),
            (Method::GET, "/v1/streams/", 404),
            (Method::GET, "/v1beta2/models", 404),
            (Method::POST, "/v1/streams/a/config/prompt", 404),
            (Method::GET, "/v1", 404),
        ] {
            let error = find_route(&method, path).expect_err(path);
            assert_eq!(error.status().as_u16(), status, "{path}");
        }
    }
}

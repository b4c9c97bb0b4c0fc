//! The front door: which call is it, what was injected, what is recorded (rules 1, 2 and 13).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use crate::calls;
use crate::error::ApiError;
use crate::event::Event;
use crate::fault::{Call, Fault};
use crate::record;
use crate::room::front;
use crate::service::App;
use crate::util::random;
use crate::wire::Wire;

/// Where the API lives.
pub(crate) const BASE: &str = "/v0.2";
/// No body is longer. Offers are a few kB.
const BODY: usize = 256 * 1024;

/// A call, taken from its request.
pub(crate) struct Incoming {
    pub app: Arc<App>,
    pub wire: Wire,
    pub parts: Parts,
    pub body: Bytes,
    /// The stream in the path, or nothing.
    pub id: String,
    /// A fault that does not replace the response but spoils it.
    pub fault: Option<Fault>,
}

/// What a call gives back.
pub(crate) struct Served {
    pub response: Response,
    /// The stream that was made.
    pub stream_id: Option<String>,
}

impl<R: IntoResponse> From<R> for Served {
    fn from(response: R) -> Self {
        Served {
            response: response.into_response(),
            stream_id: None,
        }
    }
}

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new().fallback(front).with_state(app)
}

async fn front(
    State(app): State<Arc<App>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let at = Instant::now();
    let request_id = format!("req_{:016x}", random());
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let mut response = match classify(&parts.method, &path) {
        Ok((call, id)) => {
            let incoming = Incoming {
                app: app.clone(),
                wire,
                parts,
                body: Bytes::new(),
                id,
                fault: None,
            };
            serve(incoming, body, call, at, &request_id).await
        }
        Err(error) => {
            refused(&app, None, &error);
            error.into_response(&request_id)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        let name = HeaderName::from_static("x-request-id");
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

async fn serve(
    mut incoming: Incoming,
    body: Body,
    call: Call,
    at: Instant,
    request_id: &str,
) -> Response {
    let app = incoming.app.clone();
    let read = to_bytes(body, BODY).await;
    let too_large = read.is_err();
    incoming.body = read.unwrap_or_default();
    let control = app.config.control.clone();
    let number = control.request(record_of(&incoming, call, at));
    let fault = control.take_fault(call);
    let result = match fault {
        Some(Fault::Status {
            code,
            headers,
            body,
            content_type,
        }) => {
            injected(&app, call, code, &format!("injected status {code}"));
            Ok(Served::from(status(code, &headers, body, &content_type)))
        }
        Some(Fault::Hang) => {
            injected(&app, call, 0, "injected: no answer");
            incoming.wire.until_cut().await;
            Err(ApiError::internal("the emulator stops"))
        }
        Some(Fault::Reset) => {
            injected(&app, call, 0, "injected: connection reset");
            incoming.wire.cut();
            // The connection, and with it this task, is dropped.
            std::future::pending().await
        }
        _ if too_large => Err(ApiError::too_large(BODY)),
        fault => {
            if let Some(Fault::Delay(delay)) = fault {
                tokio::time::sleep(delay).await;
            }
            incoming.fault = fault.clone();
            let served = calls::dispatch(call, incoming).await;
            match (served, fault) {
                (Ok(served), Some(fault)) => Ok(spoilt(served, fault).await),
                (served, _) => served,
            }
        }
    };
    match result {
        Ok(served) => {
            let status = served.response.status().as_u16();
            control.responded(number, status, served.stream_id);
            served.response
        }
        Err(error) => {
            refused(&app, Some(call), &error);
            control.responded(number, error.status.as_u16(), None);
            error.into_response(request_id)
        }
    }
}

fn injected(app: &App, call: Call, status: u16, message: &str) {
    app.tell(&Event::Refused {
        call: Some(call),
        status,
        message: message.to_owned(),
    });
}

fn refused(app: &App, call: Option<Call>, error: &ApiError) {
    app.tell(&Event::Refused {
        call,
        status: error.status.as_u16(),
        message: error.message.clone(),
    });
}

fn record_of(incoming: &Incoming, call: Call, at: Instant) -> record::Request {
    let mut body: Option<Value> = serde_json::from_slice(&incoming.body).ok();
    if let Some(token) = body
        .as_mut()
        .and_then(|body| body.pointer_mut("/source/token"))
    {
        *token = Value::from("…");
    }
    record::Request {
        at,
        call,
        method: incoming.parts.method.to_string(),
        path: incoming.parts.uri.path().to_owned(),
        cookie: incoming
            .parts
            .headers
            .get(header::COOKIE)
            .and_then(|cookie| cookie.to_str().ok())
            .map(str::to_owned),
        body,
        status: 0,
        stream_id: (!incoming.id.is_empty()).then(|| incoming.id.clone()),
    }
}

/// The response of [`Fault::Status`]; what cannot be a header is left out.
fn status(code: u16, headers: &[(String, String)], body: String, content_type: &str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = (header::CONTENT_TYPE.as_str(), content_type);
    let named = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in std::iter::once(content_type).chain(named) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) && !value.is_empty()
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A response that was served, as [`Fault::Body`] and its like leave it.
async fn spoilt(mut served: Served, fault: Fault) -> Served {
    let headers = served.response.headers_mut();
    match &fault {
        Fault::Body { content_type, .. } => {
            headers.remove(header::CONTENT_TYPE);
            if let Ok(value) = HeaderValue::from_str(content_type) {
                headers.insert(header::CONTENT_TYPE, value);
            }
        }
        Fault::Truncated | Fault::Drip(_) => {}
        _ => return served,
    }
    headers.remove(header::CONTENT_LENGTH);
    let own = std::mem::take(served.response.body_mut());
    // What was served is short: it was made here.
    let own = to_bytes(own, BODY).await.unwrap_or_default();
    *served.response.body_mut() = match fault {
        Fault::Body { body, .. } => Body::from(body),
        Fault::Drip(pause) => Body::from_stream(stream::unfold(own, move |mut left| async move {
            tokio::time::sleep(pause).await;
            let byte = (!left.is_empty()).then(|| left.split_to(1))?;
            Some((Ok::<_, Infallible>(byte), left))
        })),
        _ => Body::from(own.slice(..own.len() / 2)),
    };
    served
}

/// Which call a request is, and of which stream.
fn classify(method: &Method, path: &str) -> Result<(Call, String), ApiError> {
    let nowhere = || {
        ApiError::not_found(format!(
            "nothing is at {path}: this service emulates v0.2, below the base path {BASE}"
        ))
    };
    if front::is_here(path) {
        return if *method == Method::GET {
            Ok((Call::Signal, String::new()))
        } else {
            Err(ApiError::method_not_allowed(Method::GET.as_str()))
        };
    }
    let below = path.strip_prefix(BASE).ok_or_else(nowhere)?;
    let segments: Vec<&str> = below
        .strip_prefix('/')
        .ok_or_else(nowhere)?
        .split('/')
        .collect();
    let (allowed, call, id) = match segments.as_slice() {
        ["streams"] => (Method::POST, Call::Create, ""),
        ["streams", "feedback"] => (Method::GET, Call::Feedback, ""),
        ["streams", id] => (Method::DELETE, Call::Delete, *id),
        ["streams", id, "keepalive"] => (Method::POST, Call::Keepalive, *id),
        ["streams", id, "config", "prompt"] => (Method::PATCH, Call::Prompt, *id),
        ["streams", id, "feedback"] => (Method::POST, Call::Feedback, *id),
        ["models"] => (Method::GET, Call::Models, ""),
        ["healthz"] => (Method::GET, Call::Health, ""),
        ["chat", "completions", "clip"] => (Method::POST, Call::Clip, ""),
        ["ws", "streams", id] => (Method::GET, Call::Socket, *id),
        _ => return Err(nowhere()),
    };
    if *method != allowed {
        return Err(ApiError::method_not_allowed(allowed.as_str()));
    }
    Ok((call, id.to_owned()))
}

impl Incoming {
    /// The caller's key (rule 1).
    pub(crate) fn key(&self) -> Result<String, ApiError> {
        bearer(&self.parts.headers)
            .filter(|key| self.app.knows(key))
            .map(str::to_owned)
            .ok_or_else(ApiError::unauthorized)
    }

    /// The body, JSON and said to be JSON.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        let is_json = self
            .parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(ApiError::not_json());
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_calls() {
        for (method, path, call, id) in [
            (Method::POST, "/v0.2/streams", Call::Create, ""),
            (Method::GET, "/v0.2/streams/feedback", Call::Feedback, ""),
            (Method::DELETE, "/v0.2/streams/a", Call::Delete, "a"),
            (Method::GET, "/v0.2/ws/streams/a", Call::Socket, "a"),
            (
                Method::PATCH,
                "/v0.2/streams/a/config/prompt",
                Call::Prompt,
                "a",
            ),
        ] {
            assert_eq!(classify(&method, path), Ok((call, id.to_owned())), "{path}");
        }
        for (method, path, status) in [
            (Method::GET, "/v0.2/streams", 405),
            (Method::POST, "/streams", 404),
            (Method::POST, "/v0.2", 404),
            (Method::POST, "/v0.2streams", 404),
            (Method::POST, "/v0.2/streams/a/b/c/d", 404),
        ] {
            let error = classify(&method, path).expect_err(path);
            assert_eq!(error.status.as_u16(), status, "{path}");
        }
    }
}

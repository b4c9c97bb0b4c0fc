// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Receives each request: records it, applies faults, dispatches it to its API.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use serde_json::Value;

use crate::api::Api;
use crate::faults::fault::{Call, Fault};
use crate::http::connection::ConnectionHandle;
use crate::http::request::{
    ApiResponse, IncomingRequest, MAX_BODY_BYTES, MAX_CHAT_BODY_BYTES, REGION,
};
use crate::ids::random;
use crate::livekit::{Rooms, endpoints};
use crate::records::event::Event;
use crate::records::snapshot;
use crate::server::cors;
use crate::server::error::ApiError;
use crate::server::injected::{apply_to_response, injected_response};
use crate::server::routes::{RouteMatch, find_route};
use crate::service::app::App;
use crate::v1::{V1, data_url};
use crate::v02::V02;

/// The region that serves a request, if neither the settings nor the request name one.
const DEFAULT_REGION: HeaderValue = HeaderValue::from_static("us-west1");

/// What requests are dispatched to.
struct Apis {
    app: Arc<App>,
    rooms: Arc<Rooms>,
    v02: Arc<V02>,
    v1: Arc<V1>,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let rooms = Rooms::new(app.clone());
    let apis = Apis {
        v02: V02::new(app.clone(), rooms.clone()),
        v1: V1::new(app.clone(), rooms.clone()),
        rooms,
        app,
    };
    Router::new().fallback(handle).with_state(Arc::new(apis))
}

async fn handle(
    State(apis): State<Arc<Apis>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let at = Instant::now();
    let request_id = format!("req_{:016x}", random());
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let region = serving_region(&apis.app, &parts.headers);
    if let Some(mut response) = cors::preflight(&parts) {
        cors::allow(origin, response.headers_mut());
        return response;
    }
    let route = find_route(&parts.method, &path).and_then(|route| match apis.app.config.only {
        Some(only) if only != route.api && route.call != Call::Signal => {
            Err(ApiError::not_served(route.api))
        }
        _ => Ok(route),
    });
    let api = match &route {
        Ok(route) => route.api,
        Err(ApiError::V02(_)) => Api::V02,
        Err(ApiError::V1(_)) => Api::V1,
    };
    let mut response = match route {
        Ok(route) => {
            let incoming = IncomingRequest {
                app: apis.app.clone(),
                connection,
                parts,
                body: Bytes::new(),
                id: route.id.clone(),
                fault: None,
            };
            serve(&apis, incoming, body, &route, at, &request_id).await
        }
        Err(error) => {
            report_error(&apis.app, None, &error);
            error.into_response(&request_id)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        let name = HeaderName::from_static("x-request-id");
        response.headers_mut().entry(name).or_insert(value);
    }
    if api == Api::V1 {
        response.headers_mut().entry(REGION).or_insert(region);
    }
    cors::allow(origin, response.headers_mut());
    response
}

/// The region that serves a request.
fn serving_region(app: &App, headers: &HeaderMap) -> HeaderValue {
    let own = app.config.region.as_deref().map(HeaderValue::from_str);
    let own = own.and_then(Result::ok);
    let any = || headers.get(REGION).cloned();
    own.or_else(any).unwrap_or(DEFAULT_REGION)
}

async fn serve(
    apis: &Apis,
    mut incoming: IncomingRequest,
    body: Body,
    route: &RouteMatch,
    at: Instant,
    request_id: &str,
) -> Response {
    let app = incoming.app.clone();
    let (api, call) = (route.api, route.call);
    let max_body = match call {
        Call::Chat => MAX_CHAT_BODY_BYTES,
        _ => MAX_BODY_BYTES,
    };
    let read = to_bytes(body, max_body).await;
    let too_large = read.is_err();
    incoming.body = read.unwrap_or_default();
    let control = app.config.control.clone();
    let number = control.request(request_record(&incoming, call, at));
    let fault = control.take_fault(call);
    let result = match fault {
        Some(Fault::Status {
            code,
            headers,
            body,
            content_type,
        }) => {
            report_fault(&app, call, code, &format!("injected status {code}"));
            Ok(ApiResponse::from(injected_response(
                code,
                &headers,
                body,
                &content_type,
            )))
        }
        Some(Fault::Hang) => {
            report_fault(&app, call, 0, "injected: no answer");
            incoming.connection.until_reset().await;
            Err(ApiError::stopping(api))
        }
        Some(Fault::Reset) => {
            report_fault(&app, call, 0, "injected: connection reset");
            incoming.connection.reset();
            // The reset drops this task together with the connection.
            std::future::pending().await
        }
        _ if too_large => Err(ApiError::too_large(api, max_body)),
        fault => {
            if let Some(Fault::Delay(delay)) = fault {
                tokio::time::sleep(delay).await;
            }
            incoming.fault = fault.clone();
            let served = match api {
                _ if call == Call::Signal => Ok(endpoints::serve(&apis.rooms, incoming).await),
                Api::V02 => apis
                    .v02
                    .dispatch(call, incoming)
                    .await
                    .map_err(ApiError::V02),
                Api::V1 => apis.v1.dispatch(call, incoming).await.map_err(ApiError::V1),
            };
            match (served, fault) {
                (Ok(served), Some(fault)) => Ok(apply_to_response(served, fault).await),
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
            report_error(&app, Some(call), &error);
            control.responded(number, error.status().as_u16(), None);
            error.into_response(request_id)
        }
    }
}

fn report_fault(app: &App, call: Call, status: u16, message: &str) {
    app.emit(&Event::Refused {
        call: Some(call),
        status,
        message: message.to_owned(),
    });
}

fn report_error(app: &App, call: Option<Call>, error: &ApiError) {
    app.emit(&Event::Refused {
        call,
        status: error.status().as_u16(),
        message: error.message().to_owned(),
    });
}

fn request_record(incoming: &IncomingRequest, call: Call, at: Instant) -> snapshot::Request {
    let mut body: Option<Value> = serde_json::from_slice(&incoming.body).ok();
    if let Some(token) = body
        .as_mut()
        .and_then(|body| body.pointer_mut("/source/token"))
    {
        *token = Value::from("…");
    }
    if let Some(body) = &mut body {
        shorten_pictures(body);
    }
    snapshot::Request {
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
        region: incoming.region().map(str::to_owned),
        body,
        status: 0,
        stream_id: (!incoming.id.is_empty()).then(|| incoming.id.clone()),
    }
}

/// Cuts the pictures of a question, which would fill the memory.
fn shorten_pictures(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("data:") => *text = data_url::shortened(text),
        Value::Array(all) => all.iter_mut().for_each(shorten_pictures),
        Value::Object(all) => all.values_mut().for_each(shorten_pictures),
        _ => {}
    }
}

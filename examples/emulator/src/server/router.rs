//! The front door: what was injected, what is recorded (rules 1, 2 and 13).

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde_json::Value;

use crate::faults::fault::{Call, Fault};
use crate::http::connection::Wire;
use crate::http::request::{Incoming, REGION, Served};
use crate::ids::random;
use crate::livekit::{Rooms, endpoints};
use crate::records::event::Event;
use crate::records::snapshot;
use crate::server::failure::Failure;
use crate::server::injected::{spoilt, status};
use crate::server::routes::{Api, Found, classify};
use crate::service::app::App;
use crate::v1::V1;
use crate::v02::V02;

/// No body is longer. Offers are a few kB.
pub(super) const BODY: usize = 256 * 1024;

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
    Router::new().fallback(front).with_state(Arc::new(apis))
}

async fn front(
    State(apis): State<Arc<Apis>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let at = Instant::now();
    let request_id = format!("req_{:016x}", random());
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let mut response = match classify(&parts.method, &path) {
        Ok(found) => {
            let incoming = Incoming {
                app: apis.app.clone(),
                wire,
                parts,
                body: Bytes::new(),
                id: found.id.clone(),
                fault: None,
            };
            serve(&apis, incoming, body, &found, at, &request_id).await
        }
        Err(failure) => {
            refused(&apis.app, None, &failure);
            failure.into_response(&request_id)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        let name = HeaderName::from_static("x-request-id");
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

async fn serve(
    apis: &Apis,
    mut incoming: Incoming,
    body: Body,
    found: &Found,
    at: Instant,
    request_id: &str,
) -> Response {
    let app = incoming.app.clone();
    let (api, call) = (found.api, found.call);
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
            Err(Failure::stopping(api))
        }
        Some(Fault::Reset) => {
            injected(&app, call, 0, "injected: connection reset");
            incoming.wire.cut();
            // The connection, and with it this task, is dropped.
            std::future::pending().await
        }
        _ if too_large => Err(Failure::too_large(api, BODY)),
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
                    .map_err(Failure::V02),
                Api::V1 => apis.v1.dispatch(call, incoming).await.map_err(Failure::V1),
            };
            match (served, fault) {
                (Ok(served), Some(fault)) => Ok(spoilt(served, fault).await),
                (served, _) => served,
            }
        }
    };
    let mut response = match result {
        Ok(served) => {
            let status = served.response.status().as_u16();
            control.responded(number, status, served.stream_id);
            served.response
        }
        Err(failure) => {
            refused(&app, Some(call), &failure);
            control.responded(number, failure.status().as_u16(), None);
            failure.into_response(request_id)
        }
    };
    if let (Api::V1, Some(region)) = (api, &app.config.region)
        && let Ok(region) = HeaderValue::from_str(region)
    {
        response.headers_mut().insert(REGION, region);
    }
    response
}

fn injected(app: &App, call: Call, status: u16, message: &str) {
    app.tell(&Event::Refused {
        call: Some(call),
        status,
        message: message.to_owned(),
    });
}

fn refused(app: &App, call: Option<Call>, failure: &Failure) {
    app.tell(&Event::Refused {
        call,
        status: failure.status().as_u16(),
        message: failure.message().to_owned(),
    });
}

fn record_of(incoming: &Incoming, call: Call, at: Instant) -> snapshot::Request {
    let mut body: Option<Value> = serde_json::from_slice(&incoming.body).ok();
    if let Some(token) = body
        .as_mut()
        .and_then(|body| body.pointer_mut("/source/token"))
    {
        *token = Value::from("…");
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

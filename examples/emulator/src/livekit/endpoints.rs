// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The HTTP endpoints of LiveKit's signalling: `/rtc`, `/rtc/v1` and their `/validate`, as livekit-server
//! serves them.

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_TYPE, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::join_request::{self, JoinParams};
use super::own_room::{JoiningClient, RoomEvent};
use super::rooms::Rooms;
use super::signal_socket::SignalSocket;
use super::token::{Grants, TokenError};
use crate::faults::fault::Call;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::records::event::Event;

/// livekit-server's `SignalMessageSizeLimit`.
const MAX_MESSAGE_BYTES: usize = 2 << 20;

/// An error as livekit-server sends it: a status and a line of plain text.
struct EndpointError(StatusCode, String);

impl From<TokenError> for EndpointError {
    fn from(error: TokenError) -> Self {
        EndpointError(StatusCode::UNAUTHORIZED, error.to_string())
    }
}

/// Whether a path is one of these endpoints.
pub(crate) fn is_signal_path(path: &str) -> bool {
    matches!(
        path,
        "/rtc" | "/rtc/v1" | "/rtc/validate" | "/rtc/v1/validate"
    )
}

/// Serves a request to one of them.
pub(crate) async fn serve(rooms: &Rooms, incoming: IncomingRequest) -> ApiResponse {
    let app = incoming.app.clone();
    let served = try_serve(rooms, incoming).await;
    let (response, stream_id) = match served {
        Ok((response, stream)) => (response, Some(stream)),
        Err(EndpointError(status, message)) => {
            app.emit(&Event::Refused {
                call: Some(Call::Signal),
                status: status.as_u16(),
                message: message.clone(),
            });
            ((status, message).into_response(), None)
        }
    };
    ApiResponse {
        response,
        stream_id,
    }
}

async fn try_serve(
    rooms: &Rooms,
    incoming: IncomingRequest,
) -> Result<(Response, String), EndpointError> {
    let IncomingRequest {
        app,
        connection,
        mut parts,
        fault,
        ..
    } = incoming;
    let path = parts.uri.path().to_owned();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let grants = match bearer(&parts.headers, &query)? {
        Some(token) => Some(rooms.keys.verify(token)?),
        None => None,
    };
    let only_validates = path.ends_with("/validate");
    if !only_validates && !parts.headers.contains_key(UPGRADE) {
        return Err(EndpointError(StatusCode::NOT_FOUND, String::new()));
    }
    let grants: Grants = grants.ok_or(TokenError::NoPermission)?;
    let params: JoinParams = if path.starts_with("/rtc/v1") {
        let params = join_request::from_wrapped(&query);
        params.map_err(|why| EndpointError(StatusCode::BAD_REQUEST, why.to_owned()))?
    } else {
        join_request::from_query(&query)
    };
    if grants.identity.is_empty() {
        let message = "identity cannot be empty".to_owned();
        return Err(EndpointError(StatusCode::BAD_REQUEST, message));
    }
    // A room is made with its stream, and ends with it.
    let stream = grants.video.room.clone();
    let room = rooms.find(&stream).ok_or_else(|| {
        let message = "requested room does not exist".to_owned();
        EndpointError(StatusCode::NOT_FOUND, message)
    })?;
    // A second participant would take the place of the publisher.
    if grants.video.can_publish == Some(false) {
        let message = "this emulator hosts rooms without subscribers: start it with --livekit-url";
        return Err(EndpointError(StatusCode::FORBIDDEN, message.to_owned()));
    }
    if only_validates {
        let mut response = "success".into_response();
        let any = HeaderValue::from_static("*");
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        return Ok((response, stream));
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| EndpointError(rejection.status(), rejection.body_text()))?;
    // Axum owns the task; with this token the emulator waits for it.
    let token = app.tracker.token();
    let response =
        upgrade
            .max_message_size(MAX_MESSAGE_BYTES)
            .on_upgrade(move |socket| async move {
                let signal = SignalSocket {
                    socket,
                    connection,
                    silent: false,
                };
                let client = JoiningClient {
                    signal,
                    grants,
                    params,
                    fault,
                };
                // If the room's queue is full, or the room has ended, this drops the connection.
                let _ = room.try_send(RoomEvent::Join(Box::new(client)));
                drop(token);
            });
    Ok((response, stream))
}

/// The access token: from the header or, without a header, from the query.
fn bearer<'a>(
    headers: &'a HeaderMap,
    query: &'a [(String, String)],
) -> Result<Option<&'a str>, EndpointError> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        let token = join_request::parameter(query, "access_token");
        return Ok(token.filter(|token| !token.is_empty()));
    };
    let token = header
        .to_str()
        .ok()
        .and_then(|header| header.strip_prefix("Bearer "));
    match token {
        Some("") => Ok(None),
        Some(token) => Ok(Some(token)),
        None => Err(EndpointError(
            StatusCode::UNAUTHORIZED,
            "invalid authorization header. Must start with Bearer ".to_owned(),
        )),
    }
}

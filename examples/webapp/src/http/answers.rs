// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `GET /sessions/{session_id}/answers`: the stored answers, also of sessions that have ended. `GET /sessions`:
//! what runs, and what is stored.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Id;
use crate::app::App;
use crate::error::AppError;
use crate::session::Snapshot;
use crate::store::{Format, Range, is_id};

pub(super) async fn export_answers(
    State(app): State<Arc<App>>,
    id: Id,
    uri: Uri,
) -> Result<Response, AppError> {
    let id = id.map_err(|_| AppError::gone())?.0;
    let (name, range) = read_query(uri.query().unwrap_or_default())?;
    let format = Format::named(&name).ok_or_else(|| {
        let text = format!("There is no format {name}. Use json, jsonl, csv, srt or vtt.");
        AppError::invalid(text).field("format")
    })?;
    let stored = match is_id(&id) {
        true => app.shared.store.export(&id, format, range).await,
        false => Ok(None),
    };
    let Some(export) = stored.map_err(unreadable)? else {
        let text = "There are no answers of this session. It had none, or they were deleted to make space.";
        return Err(AppError::new(StatusCode::NOT_FOUND, "no-answers", text));
    };
    let disposition = format!(
        "attachment; filename=\"{}.{name}\"",
        plain(&export.filename)
    );
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, export.text).into_response())
}

pub(super) async fn list_sessions(State(app): State<Arc<App>>) -> Result<Json<Value>, AppError> {
    let sessions = app.sessions();
    let mut earlier = app.shared.store.list().await.map_err(unreadable)?;
    earlier.retain(|stored| {
        let id = stored.get("session_id").and_then(Value::as_str);
        !sessions
            .iter()
            .any(|session| Some(session.info.session_id.as_str()) == id)
    });
    let sessions: Vec<Value> = sessions.iter().map(Snapshot::brief).collect();
    Ok(Json(json!({"sessions": sessions, "earlier": earlier})))
}

/// Reads `format`, `after` (only answers with a higher `id`) and `newest` (only so many). None of them needs escapes.
fn read_query(query: &str) -> Result<(String, Range), AppError> {
    let (mut format, mut range) = ("json".to_owned(), Range::default());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number = || {
            let text = format!("{name} must be a whole number.");
            value
                .parse::<u64>()
                .map_err(|_| AppError::invalid(text).field(name))
        };
        match name {
            "format" => format = value.to_owned(),
            "after" => range.after = number()?,
            "newest" => range.newest = Some(usize::try_from(number()?).unwrap_or(usize::MAX)),
            _ => {
                let text = format!("There is no {name}. Use format, after and newest.");
                return Err(AppError::invalid(text));
            }
        }
    }
    Ok((format, range))
}

/// A name that is safe in a header and as a file name.
fn plain(filename: &str) -> String {
    let name = filename.rsplit_once('.').map_or(filename, |(name, _)| name);
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_ ".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(safe).collect();
    format!("{} answers", name.trim())
}

fn unreadable(error: std::io::Error) -> AppError {
    AppError::internal(format!("The stored answers cannot be read: {error}."))
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the messages of a pipeline's bus, and makes events and errors of them.

use axum::http::StatusCode;
use gstovershoot::Message;
use gstovershoot::sink::enums;
use serde_json::{Map, Number, Value};

use super::events::{Event, State};
use super::words::{ElementText, named_field, to_sentence};
use crate::error::AppError;

/// An event of a running stream.
#[derive(Debug)]
pub(super) enum StreamEvent {
    Update(Event),
    /// The video has ended and the last answer has arrived.
    Ended,
    Failed(AppError),
}

pub(super) fn read_message(message: &gst::Message, answered_by: &str) -> Option<StreamEvent> {
    match message.view() {
        gst::MessageView::Eos(_) => Some(StreamEvent::Ended),
        gst::MessageView::Error(error) => Some(StreamEvent::Failed(to_error(
            &error.error(),
            error.details(),
        ))),
        gst::MessageView::Warning(warning) => {
            let message = to_warning(&warning.error(), warning.details());
            Some(StreamEvent::Update(Event::Warning {
                message,
                about: None,
            }))
        }
        gst::MessageView::Element(_) => {
            read_element_message(message.structure()?, answered_by).map(StreamEvent::Update)
        }
        _ => None,
    }
}

/// Reads an element message of `overshootsink`.
fn read_element_message(structure: &gst::StructureRef, answered_by: &str) -> Option<Event> {
    match Message::from_structure(structure)? {
        Message::Result(_) => {
            let mut result = to_json(structure);
            result.insert("answered_by".to_owned(), answered_by.into());
            Some(Event::Result(result))
        }
        Message::Alert(_) => Some(Event::Alert(to_json(structure))),
        Message::Prompt(change) => Some(Event::Prompt {
            prompt: change.prompt,
        }),
        Message::Partial(partial) => Some(Event::Partial {
            text: partial.result,
        }),
        Message::State(change) => {
            let state = match change.state {
                enums::State::Connecting => State::Connecting,
                enums::State::Streaming => State::Streaming,
                enums::State::Reconnecting => State::Reconnecting,
                // The session publishes the end itself, with its own reason. It sets no ask-when, so there is no idle.
                enums::State::Closed | enums::State::Idle => return None,
            };
            let reason = change.reason;
            Some(Event::State { state, reason })
        }
        _ => None,
    }
}

/// The fields as JSON. Times are in nanoseconds.
fn to_json(structure: &gst::StructureRef) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in structure.iter() {
        // This field repeats the others in the service's own form.
        if name == "json" {
            continue;
        }
        let value = if let Ok(text) = value.get::<String>() {
            Value::String(text)
        } else if let Ok(yes) = value.get::<bool>() {
            Value::Bool(yes)
        } else if let Ok(number) = value.get::<u64>() {
            Value::Number(number.into())
        } else if let Some(number) = value.get::<f64>().ok().and_then(Number::from_f64) {
            Value::Number(number)
        } else {
            continue;
        };
        map.insert(name.as_str().replace('-', "_"), value);
    }
    map
}

/// An error of the pipeline, in words for users of this server.
pub(crate) fn to_error(error: &gst::glib::Error, details: Option<&gst::StructureRef>) -> AppError {
    read_error(error, details, false)
}

/// A warning of the pipeline, in words for users of this server. The stream goes on.
fn to_warning(error: &gst::glib::Error, details: Option<&gst::StructureRef>) -> String {
    read_error(error, details, true).message().to_owned()
}

fn read_error(
    error: &gst::glib::Error,
    details: Option<&gst::StructureRef>,
    is_warning: bool,
) -> AppError {
    let Some(kind) = details.and_then(|details| details.get::<&str>("kind").ok()) else {
        return AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "video",
            format!(
                "The video cannot be played: {}",
                to_sentence(error.message())
            ),
        );
    };
    let status = match kind {
        "invalid-settings" => StatusCode::UNPROCESSABLE_ENTITY,
        "out-of-credits" => StatusCode::PAYMENT_REQUIRED,
        "busy" => StatusCode::TOO_MANY_REQUESTS,
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let text = error.message();
    let words = ElementText {
        kind,
        text,
        is_warning,
    };
    let error = AppError::new(status, kind, words.translate());
    match named_field(text).filter(|_| kind == "invalid-settings") {
        Some(field) => error.field(field),
        None => error,
    }
}

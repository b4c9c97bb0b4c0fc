// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Feedback: the ratings that clients give to streams.

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::Json;
use serde_json::{Value, json};

use crate::clock::timestamp;
use crate::http::request::{ApiResponse, IncomingRequest};
use crate::ids::uuid;
use crate::lock::lock;
use crate::records::event::Event;
use crate::v02::error::V02Error;
use crate::v02::{V02, json_body, key, request};

/// How many ratings are kept.
const MAX_FEEDBACK: usize = 1_000;

/// The newest ratings, each with the key that gave it.
#[derive(Default)]
pub(crate) struct FeedbackList(Mutex<VecDeque<(String, Value)>>);

impl FeedbackList {
    fn add(&self, owner: &str, feedback: Value) {
        let mut all = lock(&self.0);
        if all.len() >= MAX_FEEDBACK {
            all.pop_front();
        }
        all.push_back((owner.to_owned(), feedback));
    }

    fn of(&self, owner: &str) -> Vec<Value> {
        lock(&self.0)
            .iter()
            .filter(|(of, _)| of == owner)
            .map(|(_, feedback)| feedback.clone())
            .collect()
    }
}

pub(super) fn give(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let feedback = request::feedback(&json_body(incoming)?)?;
    let app = &incoming.app;
    let (live, _) = api.find(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    api.feedback.add(
        &owner,
        json!({
            "id": uuid(),
            "stream_id": live.id,
            "rating": feedback.rating,
            "category": feedback.category,
            "feedback": feedback.feedback,
            "created_at": timestamp(),
        }),
    );
    app.emit(&Event::Feedback {
        stream: live.id.clone(),
        rating: feedback.rating,
        category: feedback.category,
    });
    Ok(Json(json!({"status": "ok"})).into())
}

pub(super) fn list(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    Ok(Json(api.feedback.of(&owner)).into())
}

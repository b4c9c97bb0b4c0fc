// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models for `GET /models`, which the element requests from the service.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::StreamExt;
use gst::prelude::*;
use gstovershoot::message::{Message, ModelStatus};
use serde::Serialize;
use tokio::time::timeout;

use crate::config::Service;
use crate::error::AppError;
use crate::media::{Pipeline, add};
use crate::session::{make_element, to_error};

/// For how long a list is used again.
const CACHE_TIME: Duration = Duration::from_secs(15);
/// The element's own timeout is shorter.
const MODELS_TIMEOUT: Duration = Duration::from_secs(40);

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Model {
    model: String,
    ready: bool,
    status: String,
}

impl From<ModelStatus> for Model {
    fn from(model: ModelStatus) -> Self {
        Self {
            model: model.model,
            ready: model.ready,
            status: model.status.unwrap_or_default(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Models {
    last: Mutex<Option<(Instant, Vec<Model>)>>,
}

impl Models {
    pub(crate) async fn list(&self, service: &Service) -> Result<Vec<Model>, AppError> {
        if let Some((at, models)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < CACHE_TIME
        {
            return Ok(models.clone());
        }
        let pipeline = Pipeline::new();
        let models = timeout(MODELS_TIMEOUT, request_models(&pipeline, service)).await;
        pipeline.stop().await;
        let models = models
            .unwrap_or_else(|_| Err(AppError::unexpected("the service sent no list of models")))?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), models.clone()));
        Ok(models)
    }
}

async fn request_models(pipeline: &Pipeline, service: &Service) -> Result<Vec<Model>, AppError> {
    let sink = make_element(service)?;
    add(pipeline.get(), &sink)?;
    let mut messages = pipeline.messages()?;
    pipeline
        .get()
        .set_state(gst::State::Ready)
        .map_err(AppError::unexpected)?;
    // If the action returns false, a warning on the bus says why.
    sink.emit_by_name::<bool>("get-models", &[]);
    while let Some(message) = messages.next().await {
        match message.view() {
            gst::MessageView::Warning(warning) => {
                return Err(to_error(&warning.error(), warning.details()));
            }
            _ => {
                if let Some(Message::Models(models)) = Message::parse(&message) {
                    return Ok(models.into_iter().map(Model::from).collect());
                }
            }
        }
    }
    Err(AppError::new(
        StatusCode::BAD_GATEWAY,
        "protocol",
        "The service sent no list of models.",
    ))
}

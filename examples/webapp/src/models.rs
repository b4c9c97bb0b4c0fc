// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models for `GET /models`, which the element requests from the service.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::StreamExt;
use gst::prelude::*;
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
            gst::MessageView::Element(_) => {
                if let Some(models) = message.structure().and_then(read_models) {
                    return Ok(models);
                }
            }
            _ => {}
        }
    }
    Err(AppError::new(
        StatusCode::BAD_GATEWAY,
        "protocol",
        "The service sent no list of models.",
    ))
}

/// Reads the message `overshoot-models`.
fn read_models(structure: &gst::StructureRef) -> Option<Vec<Model>> {
    if structure.name() != "overshoot-models" {
        return None;
    }
    let models = structure.get::<gst::Array>("models").ok()?;
    let models = models.iter().filter_map(|model| {
        let model = model.get::<gst::Structure>().ok()?;
        Some(Model {
            model: model.get("model").ok()?,
            ready: model.get("ready").ok()?,
            status: model.get("status").ok()?,
        })
    });
    Some(models.collect())
}

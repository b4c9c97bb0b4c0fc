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

use crate::config::{Api, Service};
use crate::error::AppError;
use crate::media::{Pipeline, add};
use crate::session::{Shared, make_element, to_error};

/// For how long a list is used again.
const CACHE_TIME: Duration = Duration::from_secs(15);
/// The element's own timeout is shorter.
const MODELS_TIMEOUT: Duration = Duration::from_secs(40);

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Model {
    pub model: String,
    pub ready: bool,
    pub status: String,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelList {
    /// The version of the API that has sent the list.
    pub api: Api,
    pub models: Vec<Model>,
}

impl ModelList {
    /// What the property `backend` can be. On API v1 there are only models.
    pub(crate) fn backends(&self) -> &'static [&'static str] {
        match self.api {
            Api::V02 => &["overshoot", "gemini"],
            Api::V1 => &[],
        }
    }
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
    last: Mutex<Option<(Instant, ModelList)>>,
}

impl Models {
    pub(crate) async fn list(&self, shared: &Shared) -> Result<ModelList, AppError> {
        if let Some((at, list)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < CACHE_TIME
        {
            return Ok(list.clone());
        }
        let service = &shared.service;
        let list = match shared.answers_from.api.configured() {
            Some(api) => request_in_time(service, api).await?,
            // As the element, try the documented default first.
            None => match request_in_time(service, Api::V02).await {
                Err(error) if error.is("not-found") => request_in_time(service, Api::V1).await?,
                list => list?,
            },
        };
        shared.answers_from.api.set_found(list.api);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), list.clone()));
        Ok(list)
    }
}

async fn request_in_time(service: &Service, api: Api) -> Result<ModelList, AppError> {
    let pipeline = Pipeline::new();
    let models = timeout(MODELS_TIMEOUT, request_models(&pipeline, service, api)).await;
    pipeline.stop().await;
    let models = models
        .unwrap_or_else(|_| Err(AppError::unexpected("the service sent no list of models")))?;
    Ok(ModelList { api, models })
}

async fn request_models(
    pipeline: &Pipeline,
    service: &Service,
    api: Api,
) -> Result<Vec<Model>, AppError> {
    let sink = make_element(service)?;
    sink.set_property_from_str("api-version", api.nick());
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

//! `GET /models`: which models there are, as the element finds out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::StreamExt;
use gst::prelude::*;
use serde::Serialize;
use tokio::time::timeout;

use crate::config::Service;
use crate::error::AppError;
use crate::pipeline::{Pipeline, add};
use crate::stream::{element, failure};

/// For so long the last list is good.
const FRESH: Duration = Duration::from_secs(15);
/// The element's own limit is below.
const PATIENCE: Duration = Duration::from_secs(40);

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
            && at.elapsed() < FRESH
        {
            return Ok(models.clone());
        }
        let pipeline = Pipeline::new();
        let models = timeout(PATIENCE, ask(&pipeline, service)).await;
        pipeline.stop().await;
        let models =
            models.unwrap_or_else(|_| Err(AppError::unexpected("no list of models came")))?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), models.clone()));
        Ok(models)
    }
}

async fn ask(pipeline: &Pipeline, service: &Service) -> Result<Vec<Model>, AppError> {
    let sink = element(service)?;
    add(pipeline.get(), &sink)?;
    let mut messages = pipeline.messages()?;
    pipeline
        .get()
        .set_state(gst::State::Ready)
        .map_err(AppError::unexpected)?;
    // Where it says no, the bus says why.
    sink.emit_by_name::<bool>("get-models", &[]);
    while let Some(message) = messages.next().await {
        match message.view() {
            gst::MessageView::Warning(warning) => {
                return Err(failure(&warning.error(), warning.details()));
            }
            gst::MessageView::Element(_) => {
                if let Some(models) = message.structure().and_then(read) {
                    return Ok(models);
                }
            }
            _ => {}
        }
    }
    Err(AppError::new(
        StatusCode::BAD_GATEWAY,
        "protocol",
        "No list of models came.",
    ))
}

/// What `overshoot-models` holds.
fn read(structure: &gst::StructureRef) -> Option<Vec<Model>> {
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

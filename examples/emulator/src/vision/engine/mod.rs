// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The engines, which make the answers: measures of the pixels, OCR, or a vision model.

mod error;
mod ocr;
pub(crate) mod vlm;

use crate::vision::jpeg::JpegPreset;
use crate::vision::model::{Model, ModelStatus};

pub(crate) use error::EngineError;
pub use ocr::Ocr;
pub use vlm::Vlm;

/// The model name of the OCR engine, in answers and in the list of models.
pub(crate) const TESSERACT: &str = "tesseract";
/// How many answers of a stream the measures work on at a time; further ticks are skipped.
const MAX_PENDING: usize = 64;

/// What makes the answers.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// Measures of the pixels, and QR codes.
    #[default]
    Measures,
    /// The text in the pictures, read by tesseract.
    Ocr(Ocr),
    /// A vision model.
    Vlm(Vlm),
}

impl Engine {
    /// The preset for the pictures that it needs. `None`: it needs none.
    pub(crate) fn jpeg_preset(&self) -> Option<JpegPreset> {
        match self {
            Engine::Measures => None,
            Engine::Ocr(_) | Engine::Vlm(_) => Some(JpegPreset::READABLE),
        }
    }

    /// How many answers of one stream it works on at a time.
    pub(crate) fn max_parallel(&self) -> usize {
        match self {
            Engine::Measures => MAX_PENDING,
            Engine::Ocr(_) => 1,
            Engine::Vlm(vlm) => vlm.max_parallel(),
        }
    }

    /// Whether it accepts every model name, and answers with its own model.
    pub(crate) fn takes_any_model(&self) -> bool {
        !matches!(self, Engine::Measures)
    }

    /// The models that it offers. For the measures, those are the `configured` ones.
    pub(crate) async fn models(&self, configured: &[Model]) -> Vec<Model> {
        match self {
            Engine::Measures => configured.to_vec(),
            Engine::Ocr(_) => vec![Model {
                name: TESSERACT.to_owned(),
                status: ModelStatus::Ready,
            }],
            Engine::Vlm(vlm) => vlm.models().await,
        }
    }
}

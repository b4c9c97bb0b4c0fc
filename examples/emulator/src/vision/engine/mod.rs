//! What answers: measures of the pixels, or a reader or a model that looks at the pictures (rules 25
//! to 27).

mod error;
mod ocr;
pub(crate) mod vlm;

use crate::vision::jpeg::JpegPreset;
use crate::vision::model::{Model, ModelStatus};

pub(crate) use error::EngineError;
pub use ocr::Ocr;
pub use vlm::Vlm;

/// As answers and the list of models name the reader.
pub(crate) const TESSERACT: &str = "tesseract";
/// No more answers of a stream than this are thought about at a time; a tick beyond is skipped.
const MAX_PENDING: usize = 64;

/// What the answers come from.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// Measures of the pixels, and QR codes: rules 11 and 12 of the crate.
    #[default]
    Measures,
    /// The text in the pictures, read by tesseract: rule 26.
    Ocr(Ocr),
    /// A vision model: rule 27.
    Vlm(Vlm),
}

impl Engine {
    /// How pictures must be kept for it. `None`: it looks at none.
    pub(crate) fn jpeg_preset(&self) -> Option<JpegPreset> {
        match self {
            Engine::Measures => None,
            Engine::Ocr(_) | Engine::Vlm(_) => Some(JpegPreset::READABLE),
        }
    }

    /// How many answers of one stream it thinks about at a time.
    pub(crate) fn max_parallel(&self) -> usize {
        match self {
            Engine::Measures => MAX_PENDING,
            Engine::Ocr(_) => 1,
            Engine::Vlm(vlm) => vlm.max_parallel(),
        }
    }

    /// Whether it answers whatever model is asked for, and only tells who did.
    pub(crate) fn takes_any_model(&self) -> bool {
        !matches!(self, Engine::Measures)
    }

    /// The models that it offers; of the measures, those that the emulator was told to have.
    pub(crate) async fn models(&self, told: &[Model]) -> Vec<Model> {
        match self {
            Engine::Measures => told.to_vec(),
            Engine::Ocr(_) => vec![Model {
                name: TESSERACT.to_owned(),
                status: ModelStatus::Ready,
            }],
            Engine::Vlm(vlm) => vlm.models().await,
        }
    }
}

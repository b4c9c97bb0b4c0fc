//! What answers: measures of the pixels, or a reader that looks at the pictures (rules 25 to 27).

mod ocr;
mod trouble;

use crate::config::{Model, ModelStatus};
use crate::jpeg::Grade;

pub use ocr::Ocr;
pub(crate) use trouble::Trouble;

/// No more answers of a stream than this are thought about at a time; a tick beyond is skipped.
const PENDING: usize = 64;

/// What the answers come from.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// Measures of the pixels, and QR codes: rules 11 and 12 of the crate.
    #[default]
    Measures,
    /// The text in the pictures, read by tesseract: rule 26.
    Ocr(Ocr),
}

impl Engine {
    /// How pictures must be kept for it. `None`: it looks at none.
    pub(crate) fn grade(&self) -> Option<Grade> {
        match self {
            Engine::Measures => None,
            Engine::Ocr(_) => Some(Grade::READABLE),
        }
    }

    /// How many answers of one stream it thinks about at a time.
    pub(crate) fn at_a_time(&self) -> usize {
        match self {
            Engine::Measures => PENDING,
            Engine::Ocr(_) => 1,
        }
    }

    /// Who answers where that model was asked for.
    pub(crate) fn name(&self, asked: &str) -> String {
        match self {
            Engine::Measures => asked.to_owned(),
            Engine::Ocr(_) => ocr::NAME.to_owned(),
        }
    }

    /// Whether it answers whatever model is asked for, and only tells who did.
    pub(crate) fn takes_any_model(&self) -> bool {
        !matches!(self, Engine::Measures)
    }

    /// The models that it offers; of the measures, those that the emulator was told to have.
    pub(crate) fn models(&self, told: &[Model]) -> Vec<Model> {
        match self {
            Engine::Measures => told.to_vec(),
            Engine::Ocr(_) => vec![Model {
                name: ocr::NAME.to_owned(),
                status: ModelStatus::Ready,
            }],
        }
    }
}

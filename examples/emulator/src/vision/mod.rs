//! Vision.

pub(crate) mod answer_text;
pub(crate) mod colour;
pub(crate) mod engine;
pub(crate) mod jpeg;
pub(crate) mod lazy;
pub(crate) mod measures;
pub(crate) mod model;
pub(crate) mod observation;
pub(crate) mod schema_check;
pub(crate) mod schema_fill;
mod schema_values;

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The models that the service lists.

use serde::Serialize;

/// A model, as `GET /models` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: ModelStatus,
}

/// The status of a model. The first two can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelStatus {
    /// Available.
    Ready,
    /// Slow, but it answers.
    Degraded,
    /// Accepts no new streams: 429.
    Saturated,
    /// Not available: 503.
    Unavailable,
}

impl ModelStatus {
    /// Whether a stream can be created with it.
    pub fn ready(self) -> bool {
        matches!(self, ModelStatus::Ready | ModelStatus::Degraded)
    }
}

impl Model {
    /// One model of each status, and those that the SDKs and the examples in the service's documentation name.
    pub fn defaults() -> Vec<Model> {
        [
            ("Qwen/Qwen3-VL-30B-A3B-Instruct", ModelStatus::Ready),
            ("Qwen/Qwen3-VL-8B-Instruct", ModelStatus::Ready),
            ("gemini-2.0-flash", ModelStatus::Ready),
            ("OpenGVLab/InternVL3_5-30B-A3B", ModelStatus::Degraded),
            ("Qwen/Qwen3-VL-32B-Instruct-FP8", ModelStatus::Saturated),
            ("OpenGVLab/InternVL3_5-8B", ModelStatus::Unavailable),
            ("Qwen/Qwen3.5-9B", ModelStatus::Ready),
            ("google/gemma-4-26B-A4B-it", ModelStatus::Ready),
        ]
        .into_iter()
        .map(|(name, status)| Model {
            name: name.to_owned(),
            status,
        })
        .collect()
    }
}

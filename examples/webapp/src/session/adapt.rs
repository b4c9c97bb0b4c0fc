// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Adapts settings to the service: chooses a model for a backend, and raises what the service would refuse as
//! too little to the least that works.

use serde_json::{Map, Value};

use super::fields::FIELDS;
use crate::config::Api;
use crate::error::AppError;
use crate::models::Model;

/// The fields that only clip mode uses.
const CLIP_FIELDS: [&str; 5] = [
    "target_fps",
    "fps",
    "sampling_ratio",
    "clip_length_seconds",
    "delay_seconds",
];
/// On API v0.2 a clip must have this many frames.
const MIN_CLIP_FRAMES: f64 = 3.0;
const MIN_V02_SAMPLING_RATIO: f64 = 0.1;
/// API v0.2 takes any delay above 0.
const MIN_V02_DELAY_SECONDS: f64 = 0.1;
/// The element's default on API v0.2.
const DEFAULT_CLIP_LENGTH_SECONDS: f64 = 0.2;

/// Who is asked.
pub(crate) struct Asked {
    /// `None`: not known. Then the limits of v0.2 count, which are the stricter ones.
    pub api: Option<Api>,
    /// The service's models. Empty if they are not needed.
    pub models: Vec<Model>,
    /// The video is a file.
    pub is_file: bool,
}

/// Whether the list of models is needed to adapt these settings.
pub(crate) fn needs_models(body: &Map<String, Value>, api: Option<Api>) -> bool {
    match body.get("backend").and_then(Value::as_str) {
        Some("openai" | "anthropic") => true,
        Some("gemini") => api != Some(Api::V02),
        _ => false,
    }
}

pub(super) fn adapt(
    values: &mut Map<String, Value>,
    warnings: &mut Vec<String>,
    asked: &Asked,
) -> Result<(), AppError> {
    check_api(values, asked.api)?;
    let of_file = FIELDS
        .iter()
        .find(|field| field.is_of_file() && values.contains_key(field.name));
    if let Some(field) = of_file.filter(|_| !asked.is_file) {
        return Err(field.wrong("works only with files. Leave it out".to_owned()));
    }
    choose_model(values, warnings, asked)?;
    if is_clip_mode(values) {
        check_rates(values)?;
        raise(values, warnings, asked.api != Some(Api::V1));
    }
    Ok(())
}

fn check_api(values: &Map<String, Value>, api: Option<Api>) -> Result<(), AppError> {
    let fails = |field: &&super::fields::Field| {
        values.contains_key(field.name)
            && field.api.is_some()
            && api.is_some_and(|api| Some(api) != field.api)
    };
    match (FIELDS.iter().find(fails), api) {
        (Some(field), Some(api)) => Err(field.wrong(format!(
            "works only with API v1 of the service, but this server asks API {}. Leave it out",
            api.nick()
        ))),
        _ => Ok(()),
    }
}

/// The beginnings of the names of a backend's models.
fn prefixes(backend: &str) -> &'static [&'static str] {
    match backend {
        "gemini" => &["gemini-", "google/gemini"],
        "openai" => &["gpt-", "chatgpt-", "o1", "o3", "o4", "openai/"],
        "anthropic" => &["claude-", "anthropic/"],
        _ => &[],
    }
}

/// The element knows only the backends of API v0.2. For the others, a model says it all.
fn choose_model(
    values: &mut Map<String, Value>,
    warnings: &mut Vec<String>,
    asked: &Asked,
) -> Result<(), AppError> {
    let Some(backend) = values
        .get("backend")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return Ok(());
    };
    let known = backend == "overshoot" || (backend == "gemini" && asked.api != Some(Api::V1));
    if known {
        return Ok(());
    }
    let prefixes = prefixes(&backend);
    let is_of = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if let Some(model) = values.get("model").and_then(Value::as_str) {
        if model.split(',').map(str::trim).all(is_of) {
            values.remove("backend");
            return only_pictures(&backend, values, warnings, asked.api);
        }
        return Err(AppError::invalid(format!(
            "{model} is not a model of the backend {backend}. Leave out model or backend."
        ))
        .field("model"));
    }
    let mut of_backend = asked.models.iter().filter(|model| is_of(&model.model));
    let Some(model) = of_backend.find(|model| model.ready) else {
        let ready = asked.models.iter().filter(|model| model.ready);
        let names: Vec<_> = ready.map(|model| model.model.as_str()).collect();
        return Err(AppError::invalid(format!(
            "The service has no ready model of the backend {backend}. Choose one of its models in the field model: {}.",
            names.join(", ")
        ))
        .field("backend"));
    };
    warnings.push(format!(
        "The backend {backend} stands for the model {}.",
        model.model
    ));
    values.insert("model".to_owned(), model.model.clone().into());
    values.remove("backend");
    only_pictures(&backend, values, warnings, asked.api)
}

/// On API v1, the models of openai and anthropic take pictures, not clips.
fn only_pictures(
    backend: &str,
    values: &mut Map<String, Value>,
    warnings: &mut Vec<String>,
    api: Option<Api>,
) -> Result<(), AppError> {
    if backend == "gemini" || api != Some(Api::V1) || !is_clip_mode(values) {
        return Ok(());
    }
    let interval = values.get("delay_seconds").and_then(Value::as_f64);
    for name in CLIP_FIELDS {
        values.remove(name);
    }
    values.insert("mode".to_owned(), "frame".into());
    if let Some(interval) = interval {
        values.insert("interval_seconds".to_owned(), interval.max(0.1).into());
    }
    warnings.push(format!(
        "Models of {backend} take single pictures, so mode is frame, and settings of clips have no effect."
    ));
    Ok(())
}

/// As the element decides.
fn is_clip_mode(values: &Map<String, Value>) -> bool {
    match values.get("mode").and_then(Value::as_str) {
        Some("clip") => true,
        Some("frame") => false,
        _ => {
            CLIP_FIELDS.iter().any(|name| values.contains_key(*name))
                || !values.contains_key("interval_seconds")
        }
    }
}

fn check_rates(values: &Map<String, Value>) -> Result<(), AppError> {
    let older = ["fps", "sampling_ratio"]
        .into_iter()
        .find(|name| values.contains_key(*name));
    match older {
        Some(older) if values.contains_key("target_fps") => Err(AppError::invalid(format!(
            "target_fps and {older} exclude each other. Leave out fps and sampling_ratio: target_fps is the newer form."
        ))
        .field("target_fps")),
        _ => Ok(()),
    }
}

/// Raises the rate and the length of clips. `is_v02`: the limits of API v0.2 count.
fn raise(values: &mut Map<String, Value>, warnings: &mut Vec<String>, is_v02: bool) {
    let number = |values: &Map<String, Value>, name: &str| values.get(name).and_then(Value::as_f64);
    let mut set = |values: &mut Map<String, Value>, name: &str, to: f64, why: &str| {
        let from = match number(values, name) {
            Some(from) => format!(" from {from}"),
            None => String::new(),
        };
        warnings.push(format!("{name} was raised{from} to {to}: {why}."));
        values.insert(name.to_owned(), to.into());
    };
    if is_v02 && number(values, "delay_seconds") == Some(0.0) {
        let why = "API v0.2 of the service takes no 0";
        set(values, "delay_seconds", MIN_V02_DELAY_SECONDS, why);
    }
    let rate = match (number(values, "target_fps"), number(values, "fps")) {
        (Some(target), _) => target,
        (None, Some(fps)) => {
            let given = number(values, "sampling_ratio").unwrap_or(1.0);
            let mut ratio = given;
            if is_v02 {
                ratio = ratio.max(MIN_V02_SAMPLING_RATIO);
            }
            if sampled(fps, ratio) < 1.0 {
                ratio = (1000.0 / fps).ceil() / 1000.0;
            }
            if ratio > given {
                let why = "the service must get at least one frame per second, and API v0.2 takes no ratio below 0.1";
                set(values, "sampling_ratio", ratio, why);
            }
            sampled(fps, ratio)
        }
        // The element knows the frame rate of the video and chooses by it.
        (None, None) => return,
    };
    let clip = number(values, "clip_length_seconds").unwrap_or(DEFAULT_CLIP_LENGTH_SECONDS);
    if is_v02 && rate * clip < MIN_CLIP_FRAMES - 1e-9 {
        let least = (MIN_CLIP_FRAMES / rate * 100.0).ceil() / 100.0;
        let why = format!("a clip must have {MIN_CLIP_FRAMES} frames, at {rate} per second");
        set(values, "clip_length_seconds", least, &why);
    }
}

/// The rate that the service derives from the older form.
fn sampled(fps: f64, ratio: f64) -> f64 {
    (fps * ratio + 1e-9).floor()
}

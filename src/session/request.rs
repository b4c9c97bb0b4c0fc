// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of a stream, and the service's limits (protocol, section 1). Settings that the service would
//! refuse are refused here, before anything is sent, with an error that says how to fix them.

use std::sync::Arc;

use super::api_version::Api;
use super::error::Error;
use super::protocol::{Backend, Processing};
use super::question::Question;
use super::schema::Schema;

/// Limits of the v0.2 API: the strictest of the OpenAPI file and the SDKs.
pub mod limits {
    use std::ops::RangeInclusive;

    pub const TARGET_FPS: RangeInclusive<u32> = 1..=30;
    pub const FPS: RangeInclusive<u32> = 1..=120;
    pub const CLIP_LENGTH_SECONDS: RangeInclusive<f64> = 0.1..=60.0;
    /// The longest time between answers. On v1 the element keeps the time, so there it is a day.
    pub const MAX_SECONDS: f64 = 60.0;
    pub const V1_MAX_SECONDS: f64 = 86_400.0;
    pub const MIN_INTERVAL_SECONDS: f64 = 0.1;
    pub const MIN_SAMPLING_RATIO: f64 = 0.1;
    /// A clip must have this many sampled frames.
    pub const MIN_CLIP_FRAMES: f64 = 3.0;
    /// The highest `max_output_tokens` for each second between answers.
    pub const TOKENS_PER_SECOND: f64 = 128.0;
}

/// The settings of a stream. The prompt is not among them, as it changes.
#[derive(Debug, Clone)]
pub struct StreamRequest {
    pub processing: Processing,
    pub backend: Backend,
    /// Tried in order. Empty: the default model, or one that is ready.
    pub models: Vec<String>,
    pub output_schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
    /// Instructions in front of every question (API v1).
    pub system_prompt: Option<String>,
    /// 0 to 2 (API v1).
    pub temperature: Option<f64>,
    /// API v0.2 is always strict.
    pub schema_mode: SchemaMode,
    /// Whether to report partial answers (API v1).
    pub partial: bool,
    /// The element's own question, if it has changed since the start.
    pub own_question: Option<Arc<Question>>,
    /// More questions about the same video (API v1).
    pub questions: Vec<Question>,
}

/// How the model learns the schema of its answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SchemaMode {
    /// By what is known about the model.
    #[default]
    Auto,
    /// The service forces the model to match the schema.
    Strict,
    /// The prompt contains the schema, and the model follows it as well as it can.
    Prompt,
}

/// `product ≥ minimum`, with a tolerance for decimals: 0.1 × 30 must count as 3.
fn at_least(product: f64, minimum: f64) -> bool {
    product >= minimum - 1e-9
}

impl StreamRequest {
    /// Checks everything that the service would refuse.
    ///
    /// # Errors
    /// A settings error that names the property and a value that works.
    pub fn check(&self, api: Api) -> Result<(), Error> {
        check(api, &self.processing, self.max_output_tokens)
    }
}

/// Checks the schedule of a question, and the length of its answers.
///
/// # Errors
/// A settings error that names the property and a value that works.
pub fn check(
    api: Api,
    processing: &Processing,
    max_output_tokens: Option<u32>,
) -> Result<(), Error> {
    check_processing(api, processing)?;
    match (api, max_output_tokens) {
        (Api::V02, Some(tokens)) => check_tokens(processing, tokens),
        _ => Ok(()),
    }
}

fn check_processing(api: Api, processing: &Processing) -> Result<(), Error> {
    let longest = match api {
        Api::V02 => limits::MAX_SECONDS,
        Api::V1 => limits::V1_MAX_SECONDS,
    };
    let (rate, clip, delay) = match *processing {
        Processing::Frame { interval_seconds } => {
            if !(limits::MIN_INTERVAL_SECONDS..=longest).contains(&interval_seconds) {
                return Err(Error::settings(format!(
                    "interval-seconds is {interval_seconds}: API {} takes 0.1 to {longest}.",
                    api.name()
                )));
            }
            return Ok(());
        }
        Processing::Target {
            target_fps,
            clip_length_seconds,
            delay_seconds,
        } => {
            if !limits::TARGET_FPS.contains(&target_fps) {
                return Err(Error::settings(format!(
                    "target-fps is {target_fps}: the service takes 1 to 30."
                )));
            }
            (target_fps, clip_length_seconds, delay_seconds)
        }
        Processing::Sampled {
            fps,
            sampling_ratio,
            clip_length_seconds,
            delay_seconds,
        } => (
            sampled_rate(api, fps, sampling_ratio)?,
            clip_length_seconds,
            delay_seconds,
        ),
    };
    if !limits::CLIP_LENGTH_SECONDS.contains(&clip) {
        return Err(Error::settings(format!(
            "clip-length-seconds is {clip}: the service takes 0.1 to 60."
        )));
    }
    if !(0.0..=longest).contains(&delay) || (api == Api::V02 && delay == 0.0) {
        let least = match api {
            Api::V02 => "more than 0, and at most",
            Api::V1 => "0 to",
        };
        return Err(Error::settings(format!(
            "delay-seconds is {delay}: API {} takes {least} {longest}.",
            api.name()
        )));
    }
    if api == Api::V02 && !at_least(f64::from(rate) * clip, limits::MIN_CLIP_FRAMES) {
        return Err(Error::settings(format!(
            "A clip of {clip} s at {rate} frames a second holds fewer than 3 frames: set clip-length-seconds to {:.2} or more, or raise the rate to {} or more with target-fps.",
            (limits::MIN_CLIP_FRAMES / f64::from(rate) * 100.0).ceil() / 100.0,
            (limits::MIN_CLIP_FRAMES / clip).ceil(),
        )));
    }
    Ok(())
}

fn check_tokens(processing: &Processing, tokens: u32) -> Result<(), Error> {
    let (property, interval) = match *processing {
        Processing::Frame { interval_seconds } => ("interval-seconds", interval_seconds),
        _ => ("delay-seconds", processing.interval_seconds()),
    };
    let max_tokens = limits::TOKENS_PER_SECOND * interval;
    if !at_least(max_tokens, f64::from(tokens)) {
        return Err(Error::settings(format!(
            "max-output-tokens is {tokens}, but {property}={interval} allows {}: the service takes 128 tokens for each second between answers. Set max-output-tokens to {0} or less, or {property} to {:.2} or more.",
            max_tokens.floor(),
            (f64::from(tokens) / limits::TOKENS_PER_SECOND * 100.0).ceil() / 100.0,
        )));
    }
    Ok(())
}

/// The highest `max_output_tokens` for this number of seconds between answers. It is also the service's
/// default.
pub fn max_output_tokens(interval: f64) -> f64 {
    (limits::TOKENS_PER_SECOND * interval + 1e-9).floor()
}

/// The rate that the service derives from the older form: `int(fps × sampling_ratio)`.
fn sampled_rate(api: Api, fps: u32, sampling_ratio: f64) -> Result<u32, Error> {
    if !limits::FPS.contains(&fps) {
        return Err(Error::settings(format!(
            "fps is {fps}: the service takes 1 to 120."
        )));
    }
    if !(0.0..=1.0).contains(&sampling_ratio) {
        return Err(Error::settings(format!(
            "sampling-ratio is {sampling_ratio}: the service takes 0 to 1."
        )));
    }
    let rate = (f64::from(fps) * sampling_ratio + 1e-9) as u32;
    if !limits::TARGET_FPS.contains(&rate) {
        return Err(Error::settings(format!(
            "fps={fps} with sampling-ratio={sampling_ratio} samples {rate} frames a second: the service takes 1 to 30. Set sampling-ratio between {:.3} and {:.3}, or use target-fps instead.",
            (1000.0 / f64::from(fps)).ceil() / 1000.0,
            (30_000.0 / f64::from(fps)).floor().min(1000.0) / 1000.0,
        )));
    }
    if api == Api::V02 && !at_least(sampling_ratio, limits::MIN_SAMPLING_RATIO) {
        return Err(Error::settings(format!(
            "sampling-ratio is {sampling_ratio}: API v0.2 takes 0.1 to 1. Unset fps and sampling-ratio, and set target-fps={rate} instead."
        )));
    }
    Ok(rate)
}

/// Checks a prompt.
///
/// # Errors
/// A settings error where it is empty.
pub fn check_prompt(prompt: &str) -> Result<(), Error> {
    if prompt.trim().is_empty() {
        return Err(Error::settings(
            "prompt is empty: set it to the question to ask about the video, such as prompt=\"What do you see?\". (Only API v1 works without one: then the application asks.)",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(processing: Processing) -> StreamRequest {
        StreamRequest {
            processing,
            backend: Backend::Overshoot,
            models: vec!["m".into()],
            output_schema: None,
            max_output_tokens: None,
            system_prompt: None,
            temperature: None,
            schema_mode: SchemaMode::Auto,
            partial: false,
            own_question: None,
            questions: Vec::new(),
        }
    }

    fn target(target_fps: u32, clip_length_seconds: f64, delay_seconds: f64) -> StreamRequest {
        request(Processing::Target {
            target_fps,
            clip_length_seconds,
            delay_seconds,
        })
    }

    fn sampled(fps: u32, sampling_ratio: f64, clip_length_seconds: f64) -> StreamRequest {
        request(Processing::Sampled {
            fps,
            sampling_ratio,
            clip_length_seconds,
            delay_seconds: 0.2,
        })
    }

    fn frame(interval_seconds: f64) -> StreamRequest {
        request(Processing::Frame { interval_seconds })
    }

    #[test]
    fn valid_settings_pass() {
        for request in [
            target(1, 3.0, 0.01),
            target(30, 0.1, 60.0),
            target(6, 0.5, 0.5),
            target(15, 0.2, 0.2),
            sampled(30, 1.0, 0.2),
            sampled(30, 0.5, 0.2),
            sampled(120, 0.25, 0.1),
            sampled(60, 0.1, 0.5),
            frame(0.1),
            frame(60.0),
        ] {
            request
                .check(Api::V02)
                .unwrap_or_else(|e| panic!("{request:?}: {e}"));
        }
    }

    #[test]
    fn the_error_says_how_to_fix_invalid_settings() {
        for (request, fix) in [
            (target(0, 0.5, 0.5), "1 to 30"),
            (target(31, 0.5, 0.5), "1 to 30"),
            (target(6, 0.4, 0.5), "clip-length-seconds to 0.50"),
            (target(10, 0.2, 0.5), "raise the rate to 15"),
            (target(30, 0.05, 0.5), "0.1 to 60"),
            (target(30, 61.0, 0.5), "0.1 to 60"),
            (target(30, f64::NAN, 0.5), "0.1 to 60"),
            (target(30, 0.5, 60.5), "more than 0, and at most 60"),
            (target(30, 0.5, 0.0), "more than 0, and at most 60"),
            (sampled(120, 0.05, 1.0), "target-fps=6 instead"),
            (sampled(121, 0.1, 1.0), "1 to 120"),
            (
                sampled(60, 1.0, 0.2),
                "sampling-ratio between 0.017 and 0.5",
            ),
            (sampled(30, 0.01, 60.0), "between 0.034 and 1"),
            (sampled(30, 1.5, 0.2), "0 to 1"),
            (frame(0.09), "0.1 to 60"),
            (frame(60.1), "0.1 to 60"),
            (frame(f64::INFINITY), "0.1 to 60"),
        ] {
            let error = request.check(Api::V02).expect_err(&format!("{request:?}"));
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }

    #[test]
    fn on_v1_the_element_keeps_the_time() {
        for request in [
            target(30, 0.5, 0.0),
            target(30, 0.5, 86_400.0),
            frame(86_400.0),
            sampled(120, 0.05, 1.0),
        ] {
            assert!(request.check(Api::V1).is_ok(), "{request:?}");
        }
        for request in [frame(86_401.0), target(30, 0.5, 86_401.0)] {
            let error = request.check(Api::V1).expect_err("too long");
            assert!(error.message.contains("to 86400"), "{error}");
        }
    }

    #[test]
    fn tokens_fit_the_interval() {
        for (interval, tokens, valid) in [
            (1.0, 128, true),
            (1.0, 129, false),
            (0.5, 64, true),
            (0.2, 25, true),
            (0.2, 26, false),
        ] {
            let request = StreamRequest {
                max_output_tokens: Some(tokens),
                ..frame(interval)
            };
            assert_eq!(
                request.check(Api::V02).is_ok(),
                valid,
                "{interval} {tokens}"
            );
        }
        let request = StreamRequest {
            max_output_tokens: Some(1),
            ..target(6, 0.5, 0.001)
        };
        assert!(request.check(Api::V02).is_err());
    }

    #[test]
    fn prompts() {
        assert!(check_prompt(" \n").is_err());
        assert!(check_prompt("What?").is_ok());
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The values of the properties, their defaults, and what unset values mean. The plan (`plan.rs`) checks
//! them at start: settings that the service would reject are never sent.

use gst_webrtc::WebRTCICETransportPolicy;

use crate::session::Api;
use crate::session::error::Error;
use crate::session::protocol::{self, Processing};
use crate::session::public_service;
use crate::session::request::limits;
use crate::session::schema::Schema;
use crate::session::secret::Secret;
use crate::sink::codec::passthrough::Passthrough;
use crate::sink::codec::picture_size::SizeLimits;
use crate::sink::codec::video_codec::Codec;
use crate::sink::codec::{offer, passthrough};
use crate::sink::enums::{
    ApiVersion, Backend, Evidence, Mode, OnError, Outputs, SchemaMode, Transport,
};

pub const DEFAULT_API_URL: &str = public_service::ADDRESSES[0].1;
/// The model decides.
pub const DEFAULT_TEMPERATURE: f64 = -1.0;
pub const DEFAULT_SAMPLING_RATIO: f64 = 1.0;
pub const DEFAULT_SECONDS: f64 = 0.2;
/// The default of the properties in seconds on API v1. It is longer there because each answer costs a
/// request.
pub const V1_SECONDS: f64 = 1.0;
/// The default sampling rate of a clip on API v1, in frames per second. The service's SDK uses the same
/// value on v0.2.
const V1_FPS: u32 = 6;
pub const DEFAULT_BITRATE: u32 = 2_000_000;
pub const DEFAULT_MAX_WIDTH: u32 = 1280;
pub const DEFAULT_MAX_HEIGHT: u32 = 720;
pub const DEFAULT_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(30);
pub const DEFAULT_DRAIN_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);
/// Long enough for what goes on with pauses, such as people who talk.
pub const DEFAULT_IDLE_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(30);
pub const DEFAULT_MAX_RECONNECTS: i32 = -1;

/// The assumed frame rate if the caps of the source have none.
const DEFAULT_SOURCE_FPS: u32 = 30;
/// Maximum size of a schema file.
const MAX_SCHEMA_BYTES: u64 = 1 << 20;

/// The values of the properties. `None`, 0 and "" mean "unset". What an unset property means is decided at
/// start. (No `Debug`: TURN addresses contain passwords.)
#[derive(Clone)]
pub struct Settings {
    pub api_key: Option<Secret>,
    pub api_url: Option<String>,
    pub api_version: ApiVersion,
    pub mode: Mode,
    pub backend: Backend,
    pub model: Option<String>,
    pub output_schema: Option<String>,
    pub output_schema_location: Option<String>,
    pub max_output_tokens: u32,
    pub system_prompt: Option<String>,
    pub temperature: f64,
    pub schema_mode: SchemaMode,
    pub drop_late_results: bool,
    pub stream_partial: bool,
    pub questions: gst::Array,
    pub alerts: gst::Array,
    pub changes_only: Outputs,
    pub evidence: Evidence,
    pub evidence_location: Option<String>,
    pub evidence_clip: Option<gst::Structure>,
    pub target_fps: u32,
    pub fps: u32,
    pub sampling_ratio: Option<f64>,
    pub clip_length_seconds: Option<f64>,
    pub delay_seconds: Option<f64>,
    pub interval_seconds: Option<f64>,
    pub transport: Transport,
    pub livekit_url: Option<String>,
    pub livekit_token: Option<Secret>,
    pub stun_server: Option<String>,
    pub turn_servers: gst::Array,
    pub ice_transport_policy: WebRTCICETransportPolicy,
    pub video_caps: Option<gst::Caps>,
    pub max_width: Option<u32>,
    pub max_height: Option<u32>,
    pub max_framerate: gst::Fraction,
    pub timeout: gst::ClockTime,
    pub reconnect: bool,
    pub max_reconnects: i32,
    pub on_error: OnError,
    pub drain_timeout: gst::ClockTime,
    pub budget: Option<gst::Structure>,
    pub ask_when: Option<gst::Structure>,
    pub idle_timeout: gst::ClockTime,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: None,
            api_url: None,
            api_version: ApiVersion::default(),
            mode: Mode::default(),
            backend: Backend::default(),
            model: None,
            output_schema: None,
            output_schema_location: None,
            max_output_tokens: 0,
            system_prompt: None,
            temperature: DEFAULT_TEMPERATURE,
            schema_mode: SchemaMode::default(),
            drop_late_results: false,
            stream_partial: false,
            questions: gst::Array::default(),
            alerts: gst::Array::default(),
            changes_only: Outputs::empty(),
            evidence: Evidence::default(),
            evidence_location: None,
            evidence_clip: None,
            target_fps: 0,
            fps: 0,
            sampling_ratio: None,
            clip_length_seconds: None,
            delay_seconds: None,
            interval_seconds: None,
            transport: Transport::default(),
            livekit_url: None,
            livekit_token: None,
            stun_server: None,
            turn_servers: gst::Array::default(),
            ice_transport_policy: WebRTCICETransportPolicy::All,
            video_caps: None,
            max_width: None,
            max_height: None,
            max_framerate: gst::Fraction::new(0, 1),
            timeout: DEFAULT_TIMEOUT,
            reconnect: true,
            max_reconnects: DEFAULT_MAX_RECONNECTS,
            on_error: OnError::default(),
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            budget: None,
            ask_when: None,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

impl Settings {
    /// Checks whether parsed input can be passed through.
    ///
    /// # Errors
    /// The reason why it cannot, as a clause without a full stop for use in a message.
    pub fn check_passthrough(
        &self,
        codec: Codec,
        caps: &gst::CapsRef,
    ) -> Result<Passthrough, String> {
        offer::check_payloader(codec, self.video_caps.as_ref())?;
        // Only limits that the application set count: the defaults only exist to save work in the encoder.
        let limits = SizeLimits {
            width: self.max_width.unwrap_or(0),
            height: self.max_height.unwrap_or(0),
        };
        passthrough::check_passthrough(codec, caps, limits)
    }

    /// The sampling rate of a clip on API v1, in frames per second.
    pub fn v1_fps(&self) -> u32 {
        match self.target_fps {
            0 => V1_FPS,
            fps => fps,
        }
    }

    pub(super) fn schema(&self) -> Result<Option<Schema>, Error> {
        let (name, text) = match (&self.output_schema, &self.output_schema_location) {
            (Some(_), Some(_)) => {
                return Err(Error::settings(
                    "output-schema and output-schema-location are both set: unset one.",
                ));
            }
            (Some(text), None) => ("output-schema", text.clone()),
            (None, Some(path)) => {
                let unreadable = |why: &dyn std::fmt::Display| {
                    Error::settings(format!(
                        "output-schema-location {path:?} cannot be read: {why}."
                    ))
                };
                let size = std::fs::metadata(path).map_err(|e| unreadable(&e))?.len();
                if size > MAX_SCHEMA_BYTES {
                    return Err(unreadable(&"the file is larger than 1 MiB"));
                }
                let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
                ("output-schema-location", text)
            }
            (None, None) => return Ok(None),
        };
        let value = serde_json::from_str(&text)
            .map_err(|error| Error::settings(format!("{name} is not valid JSON: {error}.")))?;
        Schema::new(value).map(Some)
    }

    /// With `mode=auto`: frame mode if only `interval-seconds` is set, else clip mode.
    pub(super) fn resolved_mode(&self) -> protocol::Mode {
        let clip_set = self.target_fps != 0
            || self.fps != 0
            || self.sampling_ratio.is_some()
            || self.clip_length_seconds.is_some()
            || self.delay_seconds.is_some();
        match self.mode {
            Mode::Clip => protocol::Mode::Clip,
            Mode::Frame => protocol::Mode::Frame,
            Mode::Auto if self.interval_seconds.is_some() && !clip_set => protocol::Mode::Frame,
            Mode::Auto => protocol::Mode::Clip,
        }
    }

    /// `system-prompt`, if it says anything.
    pub(super) fn system_prompt(&self) -> Option<String> {
        let text = self.system_prompt.clone();
        text.filter(|text| !text.trim().is_empty())
    }

    /// `temperature`, if it is set.
    ///
    /// # Errors
    /// It is below 0, but not the default.
    pub(super) fn temperature(&self) -> Result<Option<f64>, Error> {
        match self.temperature {
            DEFAULT_TEMPERATURE => Ok(None),
            temperature if temperature >= 0.0 => Ok(Some(temperature)),
            temperature => Err(Error::settings(format!(
                "temperature is {temperature}: the service takes 0 to 2, and -1 leaves it to the model."
            ))),
        }
    }

    /// The models to try, in order. An empty list leaves the choice to the session.
    pub(super) fn models(&self) -> Vec<String> {
        list(self.model.as_deref())
    }

    /// How the service is to sample the video. `source` is the frame rate of the source, if it is known.
    pub(super) fn processing(
        &self,
        api: Api,
        source: Option<gst::Fraction>,
    ) -> Result<Processing, Error> {
        let default_seconds = match api {
            Api::V02 => DEFAULT_SECONDS,
            Api::V1 => V1_SECONDS,
        };
        if self.resolved_mode() == protocol::Mode::Frame {
            return Ok(Processing::Frame {
                interval_seconds: self.interval_seconds.unwrap_or(default_seconds),
            });
        }
        let delay_seconds = self.delay_seconds.unwrap_or(default_seconds);
        let target_fps = match (api, self.target_fps) {
            // No rate is set, and the frame rate of the source is too high for a single request.
            (Api::V1, 0) if self.fps == 0 && self.sampling_ratio.is_none() => V1_FPS,
            (_, fps) => fps,
        };
        if target_fps != 0 {
            if self.fps != 0 || self.sampling_ratio.is_some() {
                return Err(Error::settings(
                    "target-fps cannot be used together with fps or sampling-ratio: unset fps and sampling-ratio, because target-fps is the newer form.",
                ));
            }
            return Ok(Processing::Target {
                target_fps,
                clip_length_seconds: self.clip_length_seconds.unwrap_or(default_seconds),
                delay_seconds,
            });
        }
        let (fps, sampling_ratio, default_clip) = match self.fps {
            0 => {
                let fps = source_fps(source);
                // The service samples at most 30 frames per second.
                let most = f64::from(*limits::TARGET_FPS.end()) / f64::from(fps);
                let ratio = self
                    .sampling_ratio
                    .unwrap_or(DEFAULT_SAMPLING_RATIO.min(most));
                // With a slow source the clip must be longer to hold enough frames. This applies only
                // if neither the rate nor the length is set: defaults must never be rejected.
                let sampled = (f64::from(fps) * ratio + 1e-9).floor();
                let enough = limits::MIN_CLIP_FRAMES / sampled;
                let clip = if enough.is_finite() {
                    default_seconds.max(enough)
                } else {
                    default_seconds
                };
                (fps, ratio, clip)
            }
            fps => (
                fps,
                self.sampling_ratio.unwrap_or(DEFAULT_SAMPLING_RATIO),
                default_seconds,
            ),
        };
        Ok(Processing::Sampled {
            fps,
            sampling_ratio,
            clip_length_seconds: self.clip_length_seconds.unwrap_or(default_clip),
            delay_seconds,
        })
    }
}

/// The names in a comma-separated list.
pub fn list(names: Option<&str>) -> Vec<String> {
    let names = names.into_iter().flat_map(|names| names.split(','));
    let names = names.map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The frame rate of the source in the service's form: whole frames per second, within its limits.
fn source_fps(rate: Option<gst::Fraction>) -> u32 {
    let Some(rate) = rate.filter(|rate| rate.numer() > 0 && rate.denom() > 0) else {
        return DEFAULT_SOURCE_FPS;
    };
    let rate = (f64::from(rate.numer()) / f64::from(rate.denom())).round() as u32;
    rate.clamp(*limits::FPS.start(), *limits::FPS.end())
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The enumerations and flags of the properties, as GObject types. They are public API: the nicks never change.

use gst::glib;

use crate::session::{protocol, request};

/// The API version of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootApiVersion")]
pub enum ApiVersion {
    #[default]
    #[enum_value(
        name = "v1 if the last path segment of api-url starts with v1, else v0.2",
        nick = "auto"
    )]
    Auto,
    #[enum_value(
        name = "The service pushes answers; video is sent directly or through a LiveKit room",
        nick = "v0.2"
    )]
    V02,
    #[enum_value(
        name = "The element requests each answer; video is sent through a LiveKit room",
        nick = "v1"
    )]
    V1,
}

/// Where answers go.
#[glib::flags(name = "GstOvershootOutputs")]
pub enum Outputs {
    #[flags_value(name = "The messages overshoot-result", nick = "messages")]
    MESSAGES = 0b001,
    #[flags_value(name = "The pads text_src and json_src", nick = "pads")]
    PADS = 0b010,
    #[flags_value(name = "The signal result, and last-result", nick = "signal")]
    SIGNAL = 0b100,
}

/// Whether pictures of what answers are about are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootEvidence")]
pub enum Evidence {
    #[default]
    #[enum_value(name = "No pictures", nick = "none")]
    None,
    #[enum_value(
        name = "Each answer has the picture that it is about, as a JPEG",
        nick = "jpeg"
    )]
    Jpeg,
    #[enum_value(
        name = "Only answers that raise an alert have it",
        nick = "jpeg-alerts"
    )]
    JpegAlerts,
}

/// The video that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootMode")]
pub enum Mode {
    #[default]
    #[enum_value(
        name = "Frame if only interval-seconds is set, else clip",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "A clip of clip-length-seconds", nick = "clip")]
    Clip,
    #[enum_value(name = "A single frame, the newest one", nick = "frame")]
    Frame,
}

/// The provider that runs the model (API v0.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootBackend")]
pub enum Backend {
    #[default]
    #[enum_value(name = "Models hosted by Overshoot", nick = "overshoot")]
    Overshoot,
    #[enum_value(name = "Google Gemini", nick = "gemini")]
    Gemini,
}

impl From<Backend> for protocol::Backend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Overshoot => Self::Overshoot,
            Backend::Gemini => Self::Gemini,
        }
    }
}

/// How the model learns the schema of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootSchemaMode")]
pub enum SchemaMode {
    #[default]
    #[enum_value(
        name = "prompt for models that are known to be much slower with strict, else strict",
        nick = "auto"
    )]
    Auto,
    #[enum_value(
        name = "The service makes every answer match the schema",
        nick = "strict"
    )]
    Strict,
    #[enum_value(
        name = "The prompt contains the schema, and the model follows it as well as it can (API v1)",
        nick = "prompt"
    )]
    Prompt,
}

impl From<SchemaMode> for request::SchemaMode {
    fn from(mode: SchemaMode) -> Self {
        match mode {
            SchemaMode::Auto => Self::Auto,
            SchemaMode::Strict => Self::Strict,
            SchemaMode::Prompt => Self::Prompt,
        }
    }
}

/// How the video is sent to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootTransport")]
pub enum Transport {
    #[default]
    #[enum_value(
        name = "The room of livekit-url if it is set, else WebRTC, and if that fails a LiveKit room of the service",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "A WebRTC connection to the service", nick = "webrtc")]
    Webrtc,
    #[enum_value(
        name = "A LiveKit room: that of livekit-url if it is set, else one of the service",
        nick = "livekit"
    )]
    Livekit,
}

/// How unrecoverable errors are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootOnError")]
pub enum OnError {
    #[default]
    #[enum_value(
        name = "Post an ERROR message, which ends most pipelines",
        nick = "error"
    )]
    Error,
    #[enum_value(
        name = "Post a WARNING message; the pipeline continues without answers",
        nick = "warn"
    )]
    Warn,
}

/// The state of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootState")]
pub enum State {
    #[default]
    #[enum_value(name = "There is no stream", nick = "closed")]
    Closed,
    #[enum_value(
        name = "The element connects: for the first time, or after idle",
        nick = "connecting"
    )]
    Connecting,
    #[enum_value(name = "Video is sent and answers arrive", nick = "streaming")]
    Streaming,
    #[enum_value(
        name = "The stream was lost, and the element creates a new one",
        nick = "reconnecting"
    )]
    Reconnecting,
    #[enum_value(
        name = "There is nothing to ask about (ask-when, API v0.2), so there is no stream until there is",
        nick = "idle"
    )]
    Idle,
}

impl State {
    pub fn nick(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Reconnecting => "reconnecting",
            Self::Idle => "idle",
        }
    }

    /// The state with this nick.
    pub(crate) fn from_nick(nick: &str) -> Option<Self> {
        [
            Self::Closed,
            Self::Connecting,
            Self::Streaming,
            Self::Reconnecting,
            Self::Idle,
        ]
        .into_iter()
        .find(|state| state.nick() == nick)
    }
}

//! The enumerations of the properties, as GObject types.

use gst::glib;

use crate::session::protocol;

/// Which generation of the service's API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootApiVersion")]
pub enum ApiVersion {
    #[default]
    #[enum_value(
        name = "v1 where the path of api-url ends in a segment that starts with v1, else v0.2",
        nick = "auto"
    )]
    Auto,
    #[enum_value(
        name = "Answers are pushed, about video sent directly or by a room",
        nick = "v0.2"
    )]
    V02,
    #[enum_value(
        name = "Answers are asked for, about video sent by a room",
        nick = "v1"
    )]
    V1,
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootMode")]
pub enum Mode {
    #[default]
    #[enum_value(
        name = "Frame where only interval-seconds is set, else clip",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "The last few seconds of video", nick = "clip")]
    Clip,
    #[enum_value(name = "The newest picture", nick = "frame")]
    Frame,
}

/// Who runs the model.
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

/// How the video gets to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootTransport")]
pub enum Transport {
    #[default]
    #[enum_value(
        name = "The room of livekit-url where it is set, else WebRTC, else a LiveKit room of the service's",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "A WebRTC connection with the service", nick = "webrtc")]
    Webrtc,
    #[enum_value(
        name = "A LiveKit room: of livekit-url where it is set, else of the service's",
        nick = "livekit"
    )]
    Livekit,
}

/// What becomes of a failure that can't be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootOnError")]
pub enum OnError {
    #[default]
    #[enum_value(name = "An ERROR message, which ends most pipelines", nick = "error")]
    Error,
    #[enum_value(
        name = "A WARNING message; the pipeline goes on, without answers",
        nick = "warn"
    )]
    Warn,
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstOvershootState")]
pub enum State {
    #[default]
    #[enum_value(name = "There is no stream", nick = "closed")]
    Closed,
    #[enum_value(name = "The first connection is being made", nick = "connecting")]
    Connecting,
    #[enum_value(name = "Video flows, answers come", nick = "streaming")]
    Streaming,
    #[enum_value(
        name = "The stream was lost, a new one is being made",
        nick = "reconnecting"
    )]
    Reconnecting,
}

impl State {
    pub(super) fn nick(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Reconnecting => "reconnecting",
        }
    }

    /// The state with this nick.
    pub(crate) fn from_nick(nick: &str) -> Option<Self> {
        [
            Self::Closed,
            Self::Connecting,
            Self::Streaming,
            Self::Reconnecting,
        ]
        .into_iter()
        .find(|state| state.nick() == nick)
    }
}

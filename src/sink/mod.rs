//! SECTION:element-overshootsink
//!
//! Sends video to the Overshoot real-time vision service over WebRTC, asks a vision-language model
//! about it, and posts each answer as an `overshoot-result` element message. Answers also leave by
//! the request pads `text_src` (the text) and `json_src` (JSON Lines), by the signal `result` and
//! by the property `last-result`.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! gst-launch-1.0 -v videotestsrc is-live=true ! overshootsink prompt="What do you see?"
//! ```
//!
//! | module | concern |
//! |---|---|
//! | `imp`, `running`, `signals` | properties, what there is beside them, and signals |
//! | `element` | pads, state changes |
//! | `settings`, `service`, `plan`, `ice`, `more_questions` | the properties' values, checked |
//! | `entry`, `transcode`, `passable`, `h264` | what encoded input needs: a parser, a decoder, or nothing more |
//! | `video_in`, `rate_limit`, `backlog`, `stall` | frames from the application's thread to the connection |
//! | `codec`, `media`, `rtp_caps` | RTP |
//! | `encoder`, `encoder_table`, `probe` | which encoder, and its settings |
//! | `peer`, `webrtcbin`, `recovery`, `reports`, `congestion`, `certificate`, `warm_up`, `unlogged` | the WebRTC connection |
//! | `controller`, `attempt`, `route`, `room`, `drain` | what happens when |
//! | `output`, `messages`, `questions`, `text_pad`, `stats`, `models`, `asking` | what the application is told |

use gst::glib;
use gst::prelude::*;

mod asking;
mod attempt;
mod backlog;
mod certificate;
mod codec;
mod congestion;
mod controller;
mod drain;
mod element;
mod encoder;
mod encoder_table;
mod entry;
#[cfg(test)]
mod fuzz_tests;
mod h264;
mod ice;
mod imp;
mod media;
mod messages;
mod models;
mod more_questions;
mod output;
mod passable;
mod peer;
mod plan;
mod probe;
mod questions;
mod rate_limit;
mod recovery;
mod reports;
mod room;
mod route;
mod rtp_caps;
mod running;
mod service;
mod settings;
mod signals;
mod stall;
mod stats;
mod text_pad;
mod transcode;
mod unlogged;
mod video_in;
mod warm_up;
mod webrtcbin;

use std::sync::LazyLock;

use crate::session::protocol;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "overshootsink",
        gst::DebugColorFlags::empty(),
        Some("Overshoot vision sink"),
    )
});

glib::wrapper! {
    pub struct OvershootSink(ObjectSubclass<imp::OvershootSink>)
        @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

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
    fn nick(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Connecting => "connecting",
            Self::Streaming => "streaming",
            Self::Reconnecting => "reconnecting",
        }
    }
}

/// The element's running time; none unless it plays. On the way to PLAYING the clock is set before
/// the base time, and in between the running time would be the clock's own time, hours or years.
fn running_time(element: &gst::Element) -> Option<gst::ClockTime> {
    (element.current_state() == gst::State::Playing)
        .then(|| element.current_running_time())
        .flatten()
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for enumeration in [
        ApiVersion::static_type(),
        Mode::static_type(),
        Backend::static_type(),
        Transport::static_type(),
        OnError::static_type(),
        State::static_type(),
    ] {
        enumeration.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(
        Some(plugin),
        "overshootsink",
        gst::Rank::NONE,
        OvershootSink::static_type(),
    )
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The GObject subclass: its properties, its fields, and how an instance is built.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_webrtc::WebRTCICETransportPolicy;
use tokio::sync::watch;

use super::host::Host;
use super::state::{AnswerPads, InputChain, PendingModelsRequest, PublicState, Running};
use crate::lock::lock;
use crate::session::prompt::Prompt;
use crate::session::request::limits;
use crate::session::secret::Secret;
use crate::session::v02::api::DEFAULT_MODEL;
use crate::sink::answers::alerts::Alerts;
use crate::sink::answers::changes::Changes;
use crate::sink::codec::offer;
use crate::sink::config::settings::Settings;
use crate::sink::config::{ice_servers, settings};
use crate::sink::enums::{
    ApiVersion, Backend, Evidence, Mode, OnError, Outputs, SchemaMode, State, Transport,
};
use crate::sink::frames::feeder::Feeder;

/// Locking: each lock is held only briefly, and only one at a time. No lock is held while a signal or
/// a notification is emitted, while the state changes, or during a wait.
#[derive(glib::Properties)]
#[properties(wrapper_type = crate::sink::OvershootSink)]
pub struct OvershootSink {
    #[property(
        name = "api-key", type = Option<String>, mutable_ready,
        set = |this: &Self, key: Option<String>| this.settings().api_key = key.map(Secret::new),
        nick = "API key",
        blurb = "API key of the Overshoot account (unset = the environment variable OVERSHOOT_API_KEY)"
    )]
    #[property(
        name = "api-url", type = Option<String>, default = Some(settings::DEFAULT_API_URL), mutable_ready,
        get = |this: &Self| Some(this.settings().api_url_text()),
        set = |this: &Self, url: Option<String>| this.settings().api_url = url,
        nick = "API URL",
        blurb = "API address with its version, such as https://api.overshoot.ai/v1beta (unset = the environment variable OVERSHOOT_API_URL, else https://api.overshoot.ai/v0.2, and https://api.overshoot.ai/v1beta where that is not served any more)"
    )]
    #[property(
        name = "api-version", get, set, type = ApiVersion, member = api_version, mutable_ready,
        nick = "API version",
        blurb = "API version of the service. auto: v1 if the last path segment of api-url starts with v1, otherwise v0.2. Without api-url, auto tries v0.2 first, then v1",
        builder(ApiVersion::default())
    )]
    #[property(
        name = "mode", get, set, type = Mode, member = mode, mutable_ready,
        nick = "Mode",
        blurb = "Ask about clips or about single frames (auto = frames if only interval-seconds is set, else clips)",
        builder(Mode::default())
    )]
    #[property(
        name = "backend", get, set, type = Backend, member = backend, mutable_ready,
        nick = "Backend",
        blurb = "API v0.2 only: who runs the model",
        builder(Backend::default())
    )]
    #[property(
        name = "model", type = Option<String>, default = Some(DEFAULT_MODEL), mutable_ready,
        get = |this: &Self| this.settings().model.clone().or(Some(DEFAULT_MODEL.to_owned())),
        set = |this: &Self, model: Option<String>| this.settings().model = model,
        nick = "Model",
        blurb = "Model to ask, or a comma-separated list to try in order (unset = on API v0.2 the default, or if that is not ready the first ready model; on v1 the first ready model that the service hosts)"
    )]
    #[property(
        name = "output-schema", get, set, type = Option<String>, member = output_schema, mutable_ready,
        nick = "Output schema",
        blurb = "JSON schema (an object) that answers must match; the answer's text is then JSON"
    )]
    #[property(
        name = "output-schema-location", get, set, type = Option<String>, member = output_schema_location, mutable_ready,
        nick = "Output schema location",
        blurb = "Path of a file that contains the JSON schema, instead of output-schema"
    )]
    #[property(
        name = "max-output-tokens", get, set, type = u32, member = max_output_tokens, mutable_ready,
        nick = "Maximum output tokens",
        blurb = "Maximum length of an answer in tokens (0 = the service decides)"
    )]
    #[property(
        name = "schema-mode", get, set, type = SchemaMode, member = schema_mode, mutable_ready,
        nick = "Schema mode",
        blurb = "How the model learns the JSON schema of its answers",
        builder(SchemaMode::default())
    )]
    #[property(
        name = "system-prompt", get, set, type = Option<String>, member = system_prompt, mutable_ready,
        nick = "System prompt",
        blurb = "API v1 only: instructions for the model in front of every question, such as the form of its answers"
    )]
    #[property(
        name = "temperature", get, set, type = f64, member = temperature, minimum = -1.0, maximum = 2.0, default = settings::DEFAULT_TEMPERATURE, mutable_ready,
        nick = "Temperature",
        blurb = "API v1 only: how much answers may vary, 0 (least) to 2 (-1 = the model's default)"
    )]
    #[property(
        name = "drop-late-results", get, set, type = bool, member = drop_late_results, mutable_playing,
        nick = "Drop late results",
        blurb = "Drop answers to an earlier prompt instead of marking them late"
    )]
    #[property(
        name = "stream-partial", get, set, type = bool, member = stream_partial, mutable_ready,
        nick = "Stream partial answers",
        blurb = "API v1 only: while an answer arrives, post overshoot-partial messages with its text so far"
    )]
    #[property(
        name = "questions", get, set, type = gst::Array, member = questions, element_spec = &glib::ParamSpecBoxed::builder::<gst::Structure>("question").build(), mutable_ready,
        nick = "Questions",
        blurb = "API v1 only: more questions about the same video, each a structure with at least the fields name and prompt"
    )]
    #[property(
        name = "alerts", get, set, type = gst::Array, member = alerts, element_spec = &glib::ParamSpecBoxed::builder::<gst::Structure>("alert").build(), mutable_ready,
        nick = "Alerts",
        blurb = "Conditions on answers, for overshoot-alert messages: structures with at least the fields name and when, such as \"alert,name=fire,when=fire\""
    )]
    #[property(
        name = "changes-only", get, set, type = Outputs, member = changes_only, mutable_playing,
        nick = "Changes only",
        blurb = "Outputs that do not get answers which say the same as the one before (they are marked repeated where they go)"
    )]
    #[property(
        name = "evidence", get, set, type = Evidence, member = evidence, mutable_ready,
        nick = "Evidence",
        blurb = "Whether answers carry the picture that they are about, in the field picture",
        builder(Evidence::default())
    )]
    #[property(
        name = "evidence-location", get, set, type = Option<String>, member = evidence_location, mutable_ready,
        nick = "Evidence location",
        blurb = "Path of a file for each alert, with a number in its name, such as alert-%05d.jpg (unset = no files)"
    )]
    #[property(
        name = "target-fps", get, set, type = u32, member = target_fps, maximum = 30, mutable_ready,
        nick = "Target frame rate",
        blurb = "Clip mode: frames per second that the service samples, 1 to 30 (0 = unset: fps and sampling-ratio decide; if they are unset too, 6 on API v1)"
    )]
    #[property(
        name = "fps", get, set, type = u32, member = fps, maximum = 120, mutable_ready,
        nick = "Source frame rate",
        blurb = "Clip mode, older form: frames per second of the source (0 = the rate in its caps, or 30 if they have none). Excludes target-fps"
    )]
    #[property(
        name = "sampling-ratio", type = f64, minimum = 0.0, maximum = 1.0, default = settings::DEFAULT_SAMPLING_RATIO, mutable_ready,
        get = |this: &Self| this.settings().sampling_ratio.unwrap_or(settings::DEFAULT_SAMPLING_RATIO),
        set = |this: &Self, ratio: f64| this.settings().sampling_ratio = Some(ratio),
        nick = "Sampling ratio",
        blurb = "Clip mode, older form: part of the source's frames that the service samples, 0.1 to 1, on API v1 0 to 1. Excludes target-fps"
    )]
    #[property(
        name = "clip-length-seconds", type = f64, minimum = 0.0, maximum = 3600.0, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().clip_length_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().clip_length_seconds = Some(seconds),
        nick = "Clip length",
        blurb = "Clip mode: seconds of video per answer, 0.1 to 60 (unset = 0.2 on API v0.2, longer if the source is slow; 1 on v1)"
    )]
    #[property(
        name = "delay-seconds", type = f64, minimum = 0.0, maximum = limits::V1_MAX_SECONDS, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().delay_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().delay_seconds = Some(seconds),
        nick = "Delay",
        blurb = "Clip mode: seconds from one answer to the next, on API v0.2 more than 0 and at most 60, on v1 0 to 86400 (unset = 0.2 on API v0.2, 1 on v1)"
    )]
    #[property(
        name = "interval-seconds", type = f64, minimum = 0.0, maximum = limits::V1_MAX_SECONDS, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().interval_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().interval_seconds = Some(seconds),
        nick = "Interval",
        blurb = "Frame mode: seconds from one answer to the next, 0.1 to 60, on API v1 to 86400 (unset = 0.2 on API v0.2, 1 on v1)"
    )]
    #[property(
        name = "transport", get, set, type = Transport, member = transport, mutable_ready,
        nick = "Transport",
        blurb = "How the video is sent to the service; on API v1 always through a LiveKit room of the service",
        builder(Transport::default())
    )]
    #[property(
        name = "livekit-url", get, set, type = Option<String>, member = livekit_url, mutable_ready,
        nick = "LiveKit URL",
        blurb = "API v0.2 only: address of your own LiveKit server, such as wss://livekit.example; needs livekit-token"
    )]
    #[property(
        name = "livekit-token", type = Option<String>, mutable_ready,
        set = |this: &Self, token: Option<String>| this.settings().livekit_token = token.map(Secret::new),
        nick = "LiveKit token",
        blurb = "API v0.2 only: token to join the room on livekit-url and to publish there; after a comma, a second token for the service"
    )]
    #[property(
        name = "stun-server", get, set, type = Option<String>, member = stun_server, mutable_ready,
        nick = "STUN server",
        blurb = "STUN server of the form stun://host:port (unset = none)"
    )]
    #[property(
        name = "turn-servers", type = gst::Array, element_spec = &glib::ParamSpecString::builder("turn-server").build(), mutable_ready,
        get = |this: &Self| ice_servers::without_passwords(&this.settings().turn_servers),
        set = |this: &Self, servers: gst::Array| this.settings().turn_servers = servers,
        nick = "TURN servers",
        blurb = "TURN servers of the form turn(s)://user:password@host:port?transport=udp (empty = those of the service if api-url is its address, else none)"
    )]
    #[property(
        name = "ice-transport-policy", get, set, type = WebRTCICETransportPolicy, member = ice_transport_policy, mutable_ready,
        nick = "ICE transport policy",
        blurb = "ICE candidates to use: all, or only relays (TURN servers)",
        builder(WebRTCICETransportPolicy::All)
    )]
    #[property(
        name = "video-caps", type = gst::Caps, mutable_ready,
        get = |this: &Self| this.settings().video_caps.clone().unwrap_or_else(offer::default_video_caps),
        set = |this: &Self, caps: Option<gst::Caps>| this.settings().video_caps = caps,
        nick = "Video caps",
        blurb = "Codecs to offer, the preferred one first (unset = H.264 and VP8 for raw video, and encoded input keeps its codec)"
    )]
    #[property(
        name = "max-width", type = u32, default = settings::DEFAULT_MAX_WIDTH, mutable_ready,
        get = |this: &Self| this.settings().max_width.unwrap_or(settings::DEFAULT_MAX_WIDTH),
        set = |this: &Self, pixels: u32| this.settings().max_width = Some(pixels),
        nick = "Maximum width",
        blurb = "Downscale wider video, keeping the aspect ratio; in pixels (0 = unlimited). Of portrait video it limits the height"
    )]
    #[property(
        name = "max-height", type = u32, default = settings::DEFAULT_MAX_HEIGHT, mutable_ready,
        get = |this: &Self| this.settings().max_height.unwrap_or(settings::DEFAULT_MAX_HEIGHT),
        set = |this: &Self, pixels: u32| this.settings().max_height = Some(pixels),
        nick = "Maximum height",
        blurb = "Downscale taller video, keeping the aspect ratio; in pixels (0 = unlimited). Of portrait video it limits the width"
    )]
    #[property(
        name = "max-framerate", get, set, type = gst::Fraction, member = max_framerate, minimum = gst::Fraction::new(0, 1), maximum = gst::Fraction::new(i32::MAX, 1), default_value = gst::Fraction::new(0, 1), mutable_ready,
        nick = "Maximum frame rate",
        blurb = "Maximum frames per second to encode (0/1 = as few as give each sample of the service a new frame)"
    )]
    #[property(
        name = "timeout", type = u64, minimum = gst::ClockTime::MSECOND.nseconds(), maximum = gst::ClockTime::from_seconds(3600).nseconds(), default = settings::DEFAULT_TIMEOUT.nseconds(), mutable_ready,
        get = |this: &Self| this.settings().timeout.nseconds(),
        set = |this: &Self, ns: u64| this.settings().timeout = gst::ClockTime::from_nseconds(ns),
        nick = "Timeout",
        blurb = "Timeout in nanoseconds, for each HTTP request and for connecting as a whole"
    )]
    #[property(
        name = "reconnect", get, set, type = bool, member = reconnect, default = true, mutable_ready,
        nick = "Reconnect",
        blurb = "Replace a lost stream with a new one"
    )]
    #[property(
        name = "max-reconnects", get, set, type = i32, member = max_reconnects, minimum = -1, default = settings::DEFAULT_MAX_RECONNECTS, mutable_ready,
        nick = "Maximum reconnects",
        blurb = "Maximum number of new streams in a row without an answer in between (-1 = unlimited)"
    )]
    #[property(
        name = "on-error", get, set, type = OnError, member = on_error, mutable_ready,
        nick = "On error",
        blurb = "How to report unrecoverable errors",
        builder(OnError::default())
    )]
    #[property(
        name = "drain-timeout", type = u64, maximum = gst::ClockTime::from_seconds(3600).nseconds(), default = settings::DEFAULT_DRAIN_TIMEOUT.nseconds(), mutable_ready,
        get = |this: &Self| this.settings().drain_timeout.nseconds(),
        set = |this: &Self, ns: u64| this.settings().drain_timeout = gst::ClockTime::from_nseconds(ns),
        nick = "Drain timeout",
        blurb = "Maximum time in nanoseconds that EOS waits for the last answers (0 = no wait)"
    )]
    #[property(
        name = "idle-timeout", type = u64, maximum = gst::ClockTime::from_seconds(86_400).nseconds(), default = settings::DEFAULT_IDLE_TIMEOUT.nseconds(), mutable_ready,
        get = |this: &Self| this.settings().idle_timeout.nseconds(),
        set = |this: &Self, ns: u64| this.settings().idle_timeout = gst::ClockTime::from_nseconds(ns),
        nick = "Idle timeout",
        blurb = "With ask-when=still on API v0.2, delete the stream after this time in nanoseconds without a change, until the next change (at least 1 s; 0 = never, also with event and meta)"
    )]
    pub(super) settings: Mutex<Settings>,

    #[property(
        name = "prompt", set = Self::set_prompt, type = Option<String>, mutable_playing,
        get = |this: &Self| Some(this.prompt.borrow().text.clone()),
        nick = "Prompt",
        blurb = "Question to ask about the video again and again (API v0.2: required; API v1: unset = only the action signals ask)"
    )]
    pub(super) prompt: watch::Sender<Prompt>,
    /// How many prompts were set.
    pub(super) prompt_count: AtomicU64,

    #[property(
        name = "bitrate", type = u32, minimum = 1000, maximum = 100_000_000, default = settings::DEFAULT_BITRATE, mutable_playing,
        get = |this: &Self| *this.bitrate.borrow(),
        set = |this: &Self, bitrate: u32| this.bitrate.send_replace(bitrate),
        nick = "Bitrate",
        blurb = "Maximum encoder bitrate in bit/s"
    )]
    pub(super) bitrate: watch::Sender<u32>,

    #[property(
        name = "stream-id", type = Option<String>,
        get = |this: &Self| this.public_state().stream_id.clone(),
        nick = "Stream ID",
        blurb = "Id of the current stream at the service"
    )]
    #[property(
        name = "state", type = State,
        get = |this: &Self| this.public_state().state,
        nick = "State",
        blurb = "Current state of the stream",
        builder(State::default())
    )]
    #[property(
        name = "last-result", type = Option<String>,
        get = |this: &Self| this.public_state().last_result.clone(),
        nick = "Last result",
        blurb = "Text of the newest answer to prompt"
    )]
    pub(super) public_state: Mutex<PublicState>,

    /// The element that has this one inside, if one has.
    pub(super) host: OnceLock<Host>,
    pub(super) appsink: gst_app::AppSink,
    pub(super) chain: Mutex<InputChain>,
    pub(super) pads: Mutex<AnswerPads>,
    pub(super) alerts: Mutex<Alerts>,
    pub(super) changes: Mutex<Changes>,
    pub(super) running: Mutex<Option<Running>>,
    /// The change to PAUSED goes on.
    pub(super) starting: AtomicBool,
    /// The appsink has begun a state change that ends with a frame.
    pub(super) prerolling: AtomicBool,
    pub(super) models_request: PendingModelsRequest,
    /// The serial of the newest question that was asked with the action signal `ask`.
    pub(super) asks: AtomicU64,
}

#[glib::object_subclass]
impl ObjectSubclass for OvershootSink {
    const NAME: &'static str = "GstOvershootSink";
    type Type = crate::sink::OvershootSink;
    type ParentType = gst::Bin;

    fn new() -> Self {
        Self {
            settings: Mutex::default(),
            prompt: watch::Sender::default(),
            prompt_count: AtomicU64::default(),
            bitrate: watch::Sender::new(settings::DEFAULT_BITRATE),
            public_state: Mutex::default(),
            host: OnceLock::new(),
            // It holds one frame at a time. The streaming thread that brings a frame passes it on.
            appsink: gst_app::AppSink::builder()
                .name("frames")
                .max_buffers(1)
                .enable_last_sample(false)
                // It renders nothing. With the default of 20 ms, a live source without so much buffering, such as an
                // appsrc, causes the WARNING "please add queues".
                .processing_deadline(gst::ClockTime::ZERO)
                .build(),
            chain: Mutex::default(),
            pads: Mutex::default(),
            alerts: Mutex::default(),
            changes: Mutex::default(),
            running: Mutex::default(),
            starting: AtomicBool::new(false),
            prerolling: AtomicBool::new(false),
            models_request: PendingModelsRequest::default(),
            asks: AtomicU64::new(0),
        }
    }
}

impl OvershootSink {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub fn public_state(&self) -> MutexGuard<'_, PublicState> {
        lock(&self.public_state)
    }

    pub(super) fn video(&self) -> Option<Arc<Feeder>> {
        lock(&self.running).as_ref().map(|r| r.video.clone())
    }
}

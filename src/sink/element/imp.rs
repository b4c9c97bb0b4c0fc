//! The GObject side of the element: properties, signals, pads, state changes.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_webrtc::WebRTCICETransportPolicy;
use tokio::sync::watch;

use super::signals;
use super::state::{AnswerPads, InputChain, PendingModelsRequest, PublicState, Running};
use crate::session::protocol::Feedback;
use crate::session::secret::Secret;
use crate::sink::answers::prompt_history::PromptHistory;
use crate::sink::codec::offer;
use crate::sink::config::settings::Settings;
use crate::sink::config::{ice_servers, settings};
use crate::sink::enums::{ApiVersion, Backend, Mode, OnError, State, Transport};
use crate::sink::frames::feeder::Feeder;
use crate::sink::lock::lock;
use crate::sink::webrtc::warm_up;

/// Locks are held for a moment each, one at a time, and never over a signal, a notification, a
/// state change or a wait.
#[derive(glib::Properties)]
#[properties(wrapper_type = crate::sink::OvershootSink)]
pub struct OvershootSink {
    #[property(
        name = "api-key", type = Option<String>, mutable_ready,
        set = |this: &Self, key: Option<String>| this.settings().api_key = key.map(Secret::new),
        nick = "API key",
        blurb = "Key of the Overshoot account (unset: the environment variable OVERSHOOT_API_KEY, which also keeps it out of process lists)"
    )]
    #[property(
        name = "api-url", type = Option<String>, default = Some(settings::DEFAULT_API_URL), mutable_ready,
        get = |this: &Self| Some(this.settings().api_url_text()),
        set = |this: &Self, url: Option<String>| this.settings().api_url = url,
        nick = "API URL",
        blurb = "Address of the service's API, its version included: https://api.overshoot.ai/v0.2, or https://api.overshoot.ai/v1beta for API v1 (unset: the environment variable OVERSHOOT_API_URL, else the former)"
    )]
    #[property(
        name = "api-version", get, set, type = ApiVersion, member = api_version, mutable_ready,
        nick = "API version",
        blurb = "Generation of the service's API, where api-url does not tell it",
        builder(ApiVersion::default())
    )]
    #[property(
        name = "mode", get, set, type = Mode, member = mode, mutable_ready,
        nick = "Mode",
        blurb = "Whether an answer is about a clip or about a single frame",
        builder(Mode::default())
    )]
    #[property(
        name = "backend", get, set, type = Backend, member = backend, mutable_ready,
        nick = "Backend",
        blurb = "API v0.2: who runs the model",
        builder(Backend::default())
    )]
    #[property(
        name = "model", type = Option<String>, default = Some(settings::DEFAULT_MODEL), mutable_ready,
        get = |this: &Self| this.settings().model.clone().or(Some(settings::DEFAULT_MODEL.to_owned())),
        set = |this: &Self, model: Option<String>| this.settings().model = model,
        nick = "Model",
        blurb = "Model to ask (unset: on v0.2 the default, on v1 the first that is ready); of a comma-separated list the next one is tried where one is not available"
    )]
    #[property(
        name = "output-schema", get, set, type = Option<String>, member = output_schema, mutable_ready,
        nick = "Output schema",
        blurb = "JSON schema (an object) that answers must fit; the answer's text is then JSON"
    )]
    #[property(
        name = "output-schema-location", get, set, type = Option<String>, member = output_schema_location, mutable_ready,
        nick = "Output schema location",
        blurb = "Path of a file that holds the output schema, instead of output-schema"
    )]
    #[property(
        name = "max-output-tokens", get, set, type = u32, member = max_output_tokens, mutable_ready,
        nick = "Max output tokens",
        blurb = "Longest answer, in tokens (0 = the service's choice, which on v0.2 is 128 for each second between answers; that is also the most there)"
    )]
    #[property(
        name = "drop-late-results", get, set, type = bool, member = drop_late_results, mutable_playing,
        nick = "Drop late results",
        blurb = "Whether answers to an earlier prompt that come after a change are dropped; they are marked late else"
    )]
    #[property(
        name = "stream-partial", get, set, type = bool, member = stream_partial, mutable_ready,
        nick = "Stream partial answers",
        blurb = "API v1: whether answers are told while they come, by overshoot-partial messages; each has the answer up to there"
    )]
    #[property(
        name = "questions", get, set, type = gst::Array, member = questions, element_spec = &glib::ParamSpecBoxed::builder::<gst::Structure>("question").build(), mutable_ready,
        nick = "PromptHistory",
        blurb = "API v1: more questions about the same video, beside prompt; each a structure, or its text, with name and prompt, and with interval-seconds (unset: 1), clip-length-seconds (unset: one picture), target-fps, model, output-schema, max-output-tokens where they matter. Answers name theirs"
    )]
    #[property(
        name = "target-fps", get, set, type = u32, member = target_fps, maximum = 30, mutable_ready,
        nick = "Target frame rate",
        blurb = "Clip mode: frames a second that the service samples (0 = unset: fps and sampling-ratio decide, and on v1 it is 6 where they are unset, too). On v0.2 a clip must hold 3 frames: target-fps × clip-length-seconds ≥ 3"
    )]
    #[property(
        name = "fps", get, set, type = u32, member = fps, maximum = 120, mutable_ready,
        nick = "Source frame rate",
        blurb = "Clip mode, older form: frames a second that the source brings (0 = as its caps say, 30 where they do not; on v1, where sampling-ratio is unset too, target-fps is 6). Excludes target-fps"
    )]
    #[property(
        name = "sampling-ratio", type = f64, minimum = 0.0, maximum = 1.0, default = settings::DEFAULT_SAMPLING_RATIO, mutable_ready,
        get = |this: &Self| this.settings().sampling_ratio.unwrap_or(settings::DEFAULT_SAMPLING_RATIO),
        set = |this: &Self, ratio: f64| this.settings().sampling_ratio = Some(ratio),
        nick = "Sampling ratio",
        blurb = "Clip mode, older form: part of the frames that the service samples; fps × sampling-ratio is 1 to 30 (unset, it is less than 1 for sources faster than 30/s). Excludes target-fps"
    )]
    #[property(
        name = "clip-length-seconds", type = f64, minimum = 0.0, maximum = 3600.0, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().clip_length_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().clip_length_seconds = Some(seconds),
        nick = "Clip length",
        blurb = "Clip mode: seconds of video that an answer is about; the service takes 0.1 to 60 (unset, it is 1 on v1, and on v0.2 as long as 3 frames take where fps is unset too and the source is slower than 15/s)"
    )]
    #[property(
        name = "delay-seconds", type = f64, minimum = 0.0, maximum = 3600.0, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().delay_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().delay_seconds = Some(seconds),
        nick = "Delay",
        blurb = "Clip mode: seconds from one answer to the next, 0 to 60 (unset, it is 1 on v1); on v1 a slow answer makes it longer"
    )]
    #[property(
        name = "interval-seconds", type = f64, minimum = 0.0, maximum = 3600.0, default = settings::DEFAULT_SECONDS, mutable_ready,
        get = |this: &Self| this.settings().interval_seconds.unwrap_or(settings::DEFAULT_SECONDS),
        set = |this: &Self, seconds: f64| this.settings().interval_seconds = Some(seconds),
        nick = "Interval",
        blurb = "Frame mode: seconds from one answer to the next, 0.1 to 60 (unset, it is 1 on v1); on v1 a slow answer makes it longer. Set alone, it selects frame mode"
    )]
    #[property(
        name = "transport", get, set, type = Transport, member = transport, mutable_ready,
        nick = "Transport",
        blurb = "How the video gets to the service; on v1 it is always a LiveKit room of the service's",
        builder(Transport::default())
    )]
    #[property(
        name = "livekit-url", get, set, type = Option<String>, member = livekit_url, mutable_ready,
        nick = "LiveKit URL",
        blurb = "API v0.2: address of the LiveKit server of a room of your own, such as wss://livekit.example; with livekit-token"
    )]
    #[property(
        name = "livekit-token", type = Option<String>, mutable_ready,
        set = |this: &Self, token: Option<String>| this.settings().livekit_token = token.map(Secret::new),
        nick = "LiveKit token",
        blurb = "API v0.2: token that grants joining that room and publishing into it, and after a comma one for the service to join it by, as two participants need two identities; a single one is passed on"
    )]
    #[property(
        name = "stun-server", get, set, type = Option<String>, member = stun_server, mutable_ready,
        nick = "STUN server",
        blurb = "STUN server of the form stun://host:port"
    )]
    #[property(
        name = "turn-servers", type = gst::Array, element_spec = &glib::ParamSpecString::builder("turn-server").build(), mutable_ready,
        get = |this: &Self| ice_servers::without_passwords(&this.settings().turn_servers),
        set = |this: &Self, servers: gst::Array| this.settings().turn_servers = servers,
        nick = "TURN servers",
        blurb = "TURN servers of the form turn(s)://user:password@host:port?transport=udp (empty: the service's own where the host of api-url is the service's, none elsewhere). Reads back without passwords"
    )]
    #[property(
        name = "ice-transport-policy", get, set, type = WebRTCICETransportPolicy, member = ice_transport_policy, mutable_ready,
        nick = "ICE transport policy",
        blurb = "Which candidates are used: all, or relays only",
        builder(WebRTCICETransportPolicy::All)
    )]
    #[property(
        name = "video-caps", type = gst::Caps, mutable_ready,
        get = |this: &Self| this.settings().video_caps.clone().unwrap_or_else(offer::default_video_caps),
        set = |this: &Self, caps: Option<gst::Caps>| this.settings().video_caps = caps,
        nick = "Video caps",
        blurb = "Codecs to offer, the preferred one first; the service chooses (default: raw video becomes video/x-h264 or video/x-vp8, and encoded input is passed through; what is set here rules other codecs out for both)"
    )]
    #[property(
        name = "max-width", type = u32, default = settings::DEFAULT_MAX_WIDTH, mutable_ready,
        get = |this: &Self| this.settings().max_width.unwrap_or(settings::DEFAULT_MAX_WIDTH),
        set = |this: &Self, pixels: u32| this.settings().max_width = Some(pixels),
        nick = "Maximal width",
        blurb = "Wider pictures are scaled down, to square pixels and their own aspect; in pixels (0 = no limit). Encoded input is held to it only where it was set"
    )]
    #[property(
        name = "max-height", type = u32, default = settings::DEFAULT_MAX_HEIGHT, mutable_ready,
        get = |this: &Self| this.settings().max_height.unwrap_or(settings::DEFAULT_MAX_HEIGHT),
        set = |this: &Self, pixels: u32| this.settings().max_height = Some(pixels),
        nick = "Maximal height",
        blurb = "Higher pictures are scaled down, to square pixels and their own aspect; in pixels (0 = no limit). Encoded input is held to it only where it was set"
    )]
    #[property(
        name = "max-framerate", get, set, type = gst::Fraction, member = max_framerate, minimum = gst::Fraction::new(0, 1), maximum = gst::Fraction::new(i32::MAX, 1), default_value = gst::Fraction::new(0, 1), mutable_ready,
        nick = "Maximal frame rate",
        blurb = "Frames a second that are encoded at the most; more are dropped (0/1 = what the mode can use: as few as give each sample of the service a fresh frame)"
    )]
    #[property(
        name = "timeout", type = u64, minimum = gst::ClockTime::MSECOND.nseconds(), maximum = gst::ClockTime::from_seconds(3600).nseconds(), default = settings::DEFAULT_TIMEOUT.nseconds(), mutable_ready,
        get = |this: &Self| this.settings().timeout.nseconds(),
        set = |this: &Self, ns: u64| this.settings().timeout = gst::ClockTime::from_nseconds(ns),
        nick = "Timeout",
        blurb = "Longest time for each HTTP call, and for all the way to a connection; in nanoseconds"
    )]
    #[property(
        name = "reconnect", get, set, type = bool, member = reconnect, default = true, mutable_ready,
        nick = "Reconnect",
        blurb = "Whether a lost stream is replaced by a new one"
    )]
    #[property(
        name = "max-reconnects", get, set, type = i32, member = max_reconnects, minimum = -1, default = settings::DEFAULT_MAX_RECONNECTS, mutable_ready,
        nick = "Maximal reconnects",
        blurb = "New streams that are tried in a row without an answer in between (-1 = without end)"
    )]
    #[property(
        name = "on-error", get, set, type = OnError, member = on_error, mutable_ready,
        nick = "On error",
        blurb = "What a failure that can't be mended becomes. With warn the element never fails the pipeline, and also tries a first connection again",
        builder(OnError::default())
    )]
    #[property(
        name = "drain-timeout", type = u64, maximum = gst::ClockTime::from_seconds(3600).nseconds(), default = settings::DEFAULT_DRAIN_TIMEOUT.nseconds(), mutable_ready,
        get = |this: &Self| this.settings().drain_timeout.nseconds(),
        set = |this: &Self, ns: u64| this.settings().drain_timeout = gst::ClockTime::from_nseconds(ns),
        nick = "Drain timeout",
        blurb = "Longest time that the end of the stream waits for the last answers; in nanoseconds"
    )]
    pub(super) settings: Mutex<Settings>,

    #[property(
        name = "prompt", set = Self::set_prompt, type = Option<String>, mutable_playing,
        get = |this: &Self| Some(this.prompt.borrow().clone()),
        nick = "Prompt",
        blurb = "What to ask about the video; required"
    )]
    pub(super) prompt: watch::Sender<String>,
    pub(super) prompt_history: Mutex<PromptHistory>,

    #[property(
        name = "bitrate", type = u32, minimum = 1000, maximum = 100_000_000, default = settings::DEFAULT_BITRATE, mutable_playing,
        get = |this: &Self| *this.bitrate.borrow(),
        set = |this: &Self, bitrate: u32| this.bitrate.send_replace(bitrate),
        nick = "Bitrate",
        blurb = "The most that the encoded video takes, but for bursts; in bit/s. Pictures are not encoded finer than models need"
    )]
    pub(super) bitrate: watch::Sender<u32>,

    #[property(
        name = "stream-id", type = Option<String>,
        get = |this: &Self| this.public_state().stream_id.clone(),
        nick = "Stream id",
        blurb = "The service's name for the current stream"
    )]
    #[property(
        name = "state", type = State,
        get = |this: &Self| this.public_state().state,
        nick = "State",
        blurb = "Where the stream stands",
        builder(State::default())
    )]
    #[property(
        name = "last-result", type = Option<String>,
        get = |this: &Self| this.public_state().last_result.clone(),
        nick = "Last result",
        blurb = "The text of the newest answer to prompt; notifies with each one"
    )]
    pub(super) public_state: Mutex<PublicState>,

    pub(super) appsink: gst_app::AppSink,
    pub(super) chain: Mutex<InputChain>,
    pub(super) pads: Mutex<AnswerPads>,
    pub(super) running: Mutex<Option<Running>>,
    pub(super) models_request: PendingModelsRequest,
    /// How many questions were asked once.
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
            prompt_history: Mutex::default(),
            bitrate: watch::Sender::new(settings::DEFAULT_BITRATE),
            public_state: Mutex::default(),
            // One frame at a time, handed on in the thread that brings it.
            appsink: gst_app::AppSink::builder()
                .name("frames")
                .max_buffers(1)
                .enable_last_sample(false)
                .build(),
            chain: Mutex::default(),
            pads: Mutex::default(),
            running: Mutex::default(),
            models_request: PendingModelsRequest::default(),
            asks: AtomicU64::new(0),
        }
    }
}

/// `stats` is a structure, for which the derived properties have no specification.
static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let stats = glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
        .nick("Statistics")
        .blurb("What has happened since the start, and how the connection is; the README lists the fields. What is not known is left out")
        .read_only()
        .build();
    let mut properties = OvershootSink::derived_properties().to_vec();
    properties.push(stats);
    properties
});

impl ObjectImpl for OvershootSink {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.derived_set_property(id, value, pspec);
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.stats().to_value(),
            _ => self.derived_property(id, pspec),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        self.set_up_frames();
        self.accept_video_meta();
        obj.add(&self.appsink).expect("the bin is empty");
        let target = self.appsink.static_pad("sink").expect("a sink has one");
        let template = obj.pad_template("sink").expect("it is declared below");
        let pad = gst::GhostPad::builder_from_template_with_target(&template, &target)
            .expect("the templates fit")
            .chain_function(|pad, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_chain(pad, buffer),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .build();
        obj.add_pad(&pad).expect("it is the first pad");
    }

    fn dispose(&self) {
        self.models_request.end();
        warm_up::finish();
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(signals::all);
        &SIGNALS
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

    fn set_prompt(&self, prompt: Option<String>) {
        warm_up::start();
        self.prompt.send_if_modified(|current| {
            let prompt = prompt.unwrap_or_default();
            let changed = *current != prompt;
            if changed {
                // Within this, so that all agree on which came last.
                lock(&self.prompt_history).push(&prompt);
            }
            *current = prompt;
            changed
        });
    }

    pub(super) fn give_feedback(&self, feedback: Feedback) -> bool {
        match &*lock(&self.running) {
            Some(running) => running.controller.give_feedback(feedback).is_ok(),
            None => false,
        }
    }
}

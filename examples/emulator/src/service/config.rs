//! What the emulator is told before it starts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::codec::Codec;
use crate::records::event::Event;
use crate::service::control::Control;
use crate::vision::engine::Engine;
use crate::vision::model::Model;

/// How long a stream lives without a keepalive.
const DEFAULT_LEASE_TTL: Duration = Duration::from_secs(30);
/// How many streams one key may have at a time.
const DEFAULT_MAX_STREAMS_PER_KEY: usize = 5;
/// How far a history reaches back.
const DEFAULT_HISTORY: Duration = Duration::from_secs(600);
/// What a history's pictures may take: of 15 kB each, ten minutes of 15 frames/s, or five of 30.
const DEFAULT_HISTORY_BYTES: usize = 128 * 1024 * 1024;
/// How many chat completions a key may ask for in a second.
const DEFAULT_CHAT_PER_SECOND: u32 = 20;
/// How long an answer takes.
const DEFAULT_INFERENCE_LATENCY: Duration = Duration::from_millis(80);

/// The settings of one emulator. `Default` is a friendly local service.
#[derive(Clone, Debug)]
pub struct Config {
    /// The keys that are accepted; empty: any key that is not empty.
    pub api_keys: Vec<String>,
    /// How long a stream lives without a keepalive.
    pub lease_ttl: Duration,
    /// How many streams one key may have at a time; one more gets 429.
    pub max_streams_per_key: usize,
    /// Insist on the route cookie, see rule 5 of the crate.
    pub sticky: bool,
    /// Where UDP is bound, and the one candidate of the answers. An address of this host, not 0.0.0.0.
    pub media_ip: IpAddr,
    /// Of the RTP packets that come, every so-manieth is lost on the way; 0: none.
    pub lose_every: u32,
    /// What the line to the emulator carries, in bit/s; RTP beyond it is lost. 0: any.
    pub bandwidth: u32,
    /// The codecs that are taken; of those that are offered the offer's first one is.
    pub codecs: Vec<Codec>,
    /// Take H.264 in its baseline profiles only, as some WebRTC stacks do.
    pub h264_baseline_only: bool,
    /// What the answers come from.
    pub engine: Engine,
    /// How long an answer takes. With an engine that takes its own time, this says nothing.
    pub inference_latency: Duration,
    /// Decode what arrives. Without it there are no answers; for measuring senders by the dozen.
    pub decode: bool,
    /// Read QR codes in every decoded frame, not only in those that an answer is about.
    pub read_every_frame: bool,
    /// The relays that the create response names.
    pub turn_servers: Vec<TurnServer>,
    /// The LiveKit server that has the rooms. `None`: the emulator has them itself.
    pub livekit: Option<LivekitServer>,
    /// Join the rooms of clients. Without it the streams of these live unwatched.
    pub visits: bool,
    /// What is left to spend. `None`: credits are not reported.
    pub credits_cents: Option<f64>,
    /// How far a v1 stream's history reaches back.
    pub history: Duration,
    /// How many bytes the pictures of a v1 stream's history may take: a JPEG of at most 640 pixels'
    /// width for each frame, which is mostly 10 to 50 kB, and takes some 3 ms of the decoder's thread.
    pub history_bytes: usize,
    /// How many chat completions a key may ask for in a second.
    pub chat_per_second: u32,
    /// The region that this is, on v1: callers must name it. `None`: there are no regions.
    pub region: Option<String>,
    /// The models, and how they are; other engines than [`Engine::Measures`] have their own.
    pub models: Vec<Model>,
    /// Where to look and to inject while it runs.
    pub control: Control,
    /// Told about everything that happens, on the thread where it happens: must be quick.
    pub on_event: Option<EventSink>,
    /// Shown each decoded picture (I420), on the decoder's thread: must be quick.
    pub on_picture: Option<PictureSink>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            api_keys: Vec::new(),
            lease_ttl: DEFAULT_LEASE_TTL,
            max_streams_per_key: DEFAULT_MAX_STREAMS_PER_KEY,
            sticky: true,
            media_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            lose_every: 0,
            bandwidth: 0,
            codecs: vec![Codec::Vp8, Codec::H264, Codec::Vp9, Codec::H265, Codec::Av1],
            h264_baseline_only: false,
            engine: Engine::default(),
            inference_latency: DEFAULT_INFERENCE_LATENCY,
            decode: true,
            read_every_frame: false,
            turn_servers: Vec::new(),
            livekit: None,
            visits: true,
            credits_cents: None,
            history: DEFAULT_HISTORY,
            history_bytes: DEFAULT_HISTORY_BYTES,
            chat_per_second: DEFAULT_CHAT_PER_SECOND,
            region: None,
            models: Model::defaults(),
            control: Control::default(),
            on_event: None,
            on_picture: None,
        }
    }
}

/// A look at the decoded pictures: the stream's id, the picture, and when the decoder let go of it.
#[derive(Clone)]
pub struct PictureSink(Arc<ShowPicture>);

type ShowPicture = dyn Fn(&str, &gst::Sample, Instant) + Send + Sync;

impl PictureSink {
    /// From a closure.
    pub fn new(show: impl Fn(&str, &gst::Sample, Instant) + Send + Sync + 'static) -> Self {
        PictureSink(Arc::new(show))
    }

    pub(crate) fn show(&self, stream: &str, picture: &gst::Sample, at: Instant) {
        (self.0)(stream, picture, at);
    }
}

impl fmt::Debug for PictureSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PictureSink")
    }
}

/// A listener for [`Event`]s.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(&Event) + Send + Sync>);

impl EventSink {
    /// Wraps a function.
    pub fn new(sink: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        EventSink(Arc::new(sink))
    }

    pub(crate) fn emit(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}

/// A LiveKit server to have rooms on.
#[derive(Clone, PartialEq, Eq)]
pub struct LivekitServer {
    /// Where it is, for the emulator and for its clients: `ws://…`.
    pub url: String,
    /// An API key of it.
    pub key: String,
    /// That key's secret.
    pub secret: String,
}

impl fmt::Debug for LivekitServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivekitServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A relay, as the create response spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TurnServer {
    /// `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// The user.
    pub username: String,
    /// The password.
    pub credential: String,
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The settings of an emulator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::api::Api;
use crate::codec::Codec;
use crate::records::event::Event;
use crate::service::control::Control;
use crate::service::price::Price;
use crate::vision::engine::Engine;
use crate::vision::model::Model;

/// How long a stream of each API lives without a keepalive.
const LEASE_TTL_V02: Duration = Duration::from_secs(30);
const LEASE_TTL_V1: Duration = Duration::from_secs(300);
/// How many streams one key may have at a time.
const DEFAULT_MAX_STREAMS_PER_KEY: usize = 5;
/// What the route cookie is set with.
const DEFAULT_COOKIE_ATTRIBUTES: &str = "Path=/; HttpOnly";
/// How far back the history of a v1 stream reaches.
const DEFAULT_HISTORY: Duration = Duration::from_secs(600);
/// The maximum size of a history's pictures: at 15 kB each, ten minutes of 15 frames/s, or five of 30.
const DEFAULT_HISTORY_BYTES: usize = 128 * 1024 * 1024;
/// How many chat completions a key may request in a second.
const DEFAULT_CHAT_PER_SECOND: u32 = 20;
/// How long an answer takes.
const DEFAULT_INFERENCE_LATENCY: Duration = Duration::from_millis(80);

/// The settings of one emulator. `Default` is a local service without obstacles.
#[derive(Clone, Debug)]
pub struct Config {
    /// The accepted keys; empty: every key that is not empty.
    pub api_keys: Vec<String>,
    /// How long a stream lives without a keepalive. 0: as at the service, 30 s on v0.2 and 300 s on v1.
    pub lease_ttl: Duration,
    /// How many streams one key may have at a time; the next one gets 429.
    pub max_streams_per_key: usize,
    /// Require the route cookie of a sticky gateway.
    pub sticky: bool,
    /// What the route cookie is set with, for example another path.
    pub cookie_attributes: String,
    /// The address for UDP, and the only candidate of the SDP answers. An address of this host, not 0.0.0.0.
    pub media_ip: IpAddr,
    /// Drop every n-th RTP packet that arrives; 0: none.
    pub lose_every: u32,
    /// The bandwidth of the link to the emulator, in bit/s; RTP beyond it is dropped. 0: unlimited.
    pub bandwidth: u32,
    /// The accepted codecs. An SDP answer takes the first accepted codec of the offer.
    pub codecs: Vec<Codec>,
    /// Accept H.264 only in its baseline profiles, as some WebRTC stacks do.
    pub h264_baseline_only: bool,
    /// What the answers are made by.
    pub engine: Engine,
    /// How long an answer takes. Without effect if the engine takes its own time.
    pub inference_latency: Duration,
    /// Decode the video. Without it there are no answers; useful to measure senders by the dozen.
    pub decode: bool,
    /// Read QR codes in every decoded frame, not only in the frames that an answer is about.
    pub read_every_frame: bool,
    /// The TURN servers in the create response.
    pub turn_servers: Vec<TurnServer>,
    /// The LiveKit server to make rooms on. `None`: the emulator hosts the rooms.
    pub livekit: Option<LivekitServer>,
    /// Join the clients' own rooms. Without it, streams in such rooms are created, but nobody watches them.
    pub visits: bool,
    /// The credits of the account, in cents. `None`: credits are not counted.
    pub credits_cents: Option<f64>,
    /// How far back the history of a v1 stream reaches.
    pub history: Duration,
    /// The maximum size of the pictures in a v1 stream's history, in bytes. Each frame is kept as a JPEG of
    /// at most 640 pixels' width, which has mostly 10 to 50 kB and takes the decoder's thread some 3 ms.
    pub history_bytes: usize,
    /// How many chat completions a key may request in a second.
    pub chat_per_second: u32,
    /// Serve only this API, as the public service does. `None`: both.
    pub only: Option<Api>,
    /// The region, on v1: clients must name it. `None`: there are no regions.
    pub region: Option<String>,
    /// Pull from cameras in private networks, and on this machine, too (v1).
    pub private_cameras: bool,
    /// The models and their status. Only for [`Engine::Measures`]; other engines have their own.
    pub models: Vec<Model>,
    /// What models cost on v1. An answer of another model costs nothing.
    pub prices: Vec<Price>,
    /// The handle to observe the emulator and to inject faults while it runs.
    pub control: Control,
    /// Called for every event, on the thread where it happens: must be quick.
    pub on_event: Option<EventSink>,
    /// Called with each decoded picture (I420), on the decoder's thread: must be quick.
    pub on_picture: Option<PictureSink>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            api_keys: Vec::new(),
            lease_ttl: Duration::ZERO,
            max_streams_per_key: DEFAULT_MAX_STREAMS_PER_KEY,
            sticky: true,
            cookie_attributes: DEFAULT_COOKIE_ATTRIBUTES.to_owned(),
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
            only: None,
            region: None,
            private_cameras: false,
            models: Model::defaults(),
            prices: Price::defaults(),
            control: Control::default(),
            on_event: None,
            on_picture: None,
        }
    }
}

impl Config {
    /// How long a stream of this API lives without a keepalive.
    pub(crate) fn lease(&self, api: Api) -> Duration {
        match api {
            _ if !self.lease_ttl.is_zero() => self.lease_ttl,
            Api::V02 => LEASE_TTL_V02,
            Api::V1 => LEASE_TTL_V1,
        }
    }
}

/// A callback for decoded pictures. It gets the stream's id, the picture, and when the decoder returned it.
#[derive(Clone)]
pub struct PictureSink(Arc<ShowPicture>);

type ShowPicture = dyn Fn(&str, &gst::Sample, Instant) + Send + Sync;

impl PictureSink {
    /// Wraps a function.
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

/// A callback for [`Event`]s.
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

/// A LiveKit server to make rooms on.
#[derive(Clone, PartialEq, Eq)]
pub struct LivekitServer {
    /// Its URL, for the emulator and for its clients: `ws://…`.
    pub url: String,
    /// One of its API keys.
    pub key: String,
    /// The secret of that API key.
    pub secret: String,
}

impl fmt::Debug for LivekitServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivekitServer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A TURN server, as in the create response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TurnServer {
    /// `turn:` and `turns:` URLs.
    pub urls: Vec<String>,
    /// The user.
    pub username: String,
    /// The password.
    pub credential: String,
}

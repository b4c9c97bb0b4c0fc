// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A local stand-in for the Overshoot real-time vision service (its API v0.2 and its API v1), for demos, tests
//! and work without a network.
//!
//! [`run`] serves on a listener until it is told to stop. A [`Control`] in the [`Config`] shows what happened
//! ([`Control::snapshot`], [`Control::wait`]) and makes things go wrong ([`Control::inject`]). The binary
//! `overshoot-emulator` is the same as a program.
//!
//! # The rules
//!
//! The emulator is as strict as the service. Each room states its own rules at the top of its `mod.rs`:
//!
//! - `server`: base paths, request ids, the maximum body, pages of other origins
//! - `service`: limits of a key, leases, credits
//! - `v02`: keys, errors, strict bodies, models, route cookies, the socket, the schedule, clips
//! - `v1`: errors, regions, rate limits, streams, viewers, checkout, history, `ovs://` URLs, questions, answers, threads
//! - `livekit`: hosted rooms, joined rooms, LiveKit servers
//! - `media`: offers, ICE and DTLS, keyframes
//! - `vision`: what answers contain, output schemas, the engines
//! - `faults`: which request gets a fault
//!
//! And everywhere: records, queues, bodies and histories are bounded; if they are full, the oldest entries are
//! dropped. Nothing from outside causes a panic of the emulator. Keys are never shown.
//!
//! # The rooms
//!
//! | room | what is in it | it may use |
//! |---|---|---|
//! | `server` | finds the call of a request, applies faults | all rooms below |
//! | `v02`, `v1` | the calls of one API, and the state of its streams; neither uses the other | all rooms below |
//! | `livekit` | hosted and joined rooms, tokens | `media` and below |
//! | `media` | WebRTC peers, RTP, the decoder | `service`, `vision`, `records`, `faults` |
//! | `http` | a request, a response, a connection that can be reset | `service`, `faults` |
//! | `service` | settings, `Control`, streams and leases, credits | `vision`, `records`, `faults` |
//! | `vision` | measures, QR codes, OCR, vision models, output schemas | `records` |
//! | `records` | what tests read and what is printed | `faults` |
//! | `faults` | what goes wrong on purpose | |
//! | `cli` | the program's options and output | the public items of this library |
//!
//! The files beside the rooms (`api`, `clock`, `codec`, `http_client`, `ids`, `lock`) use no room. `local` uses [`run`].

mod api;
mod clock;
mod codec;
mod faults;
mod http;
mod http_client;
mod ids;
mod livekit;
mod local;
mod lock;
mod media;
mod records;
mod server;
mod service;
mod v02;
mod v1;
mod vision;

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use api::Api;
pub use codec::Codec;
pub use faults::fault::{Call, Fault, Times};
#[doc(hidden)]
pub use faults::injected::FedFrame;
pub use faults::injected::{LeaveAction, SignalMessage, SocketMessage};
pub use http_client::http_client;
pub use local::Local;
pub use records::event::Event;
pub use records::snapshot::{
    Answer, EndReason, Frame, JOINS_PER_STREAM, Join, Mode, Named, NamedFrame, QUESTIONS_KEPT,
    Question, RECORDS_PER_STREAM, REQUESTS_KEPT, Request, STREAMS_KEPT, Sample, Snapshot, Source,
    Stream,
};
pub use service::config::{Config, EventSink, LivekitServer, PictureSink, TurnServer};
pub use service::control::Control;
pub use service::price::Price;
pub use vision::engine::{Engine, Ocr, Vlm};
pub use vision::model::{Model, ModelStatus};

/// The base path of API v0.2.
pub const BASE_PATH: &str = server::routes::BASE;

/// The base paths of API v1, which are equivalent.
pub const BASE_PATHS_V1: [&str; 2] = server::routes::BASES_V1;

/// How long streams and sockets may take to end in order when the emulator stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(300);

/// Serves until `shutdown`, then ends every stream, closes every connection and joins every task.
///
/// # Errors
///
/// If GStreamer cannot start, or the listener fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    gst::init().map_err(io::Error::other)?;
    media::decoder::load(&config.codecs);
    let app = service::app::App::new(config);
    let model_check = app.clone().check_model_endpoint();
    app.tracker.spawn(model_check);
    let cut = CancellationToken::new();
    // If this future is dropped before the end, everything stops too.
    let _stop_on_drop = (app.stop.clone().drop_guard(), cut.clone().drop_guard());
    let listener = http::connection::ResettableListener {
        listener,
        cut: cut.clone(),
    };
    let service = server::router::router(app.clone())
        .into_make_service_with_connect_info::<http::connection::ConnectionHandle>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(app.stop.clone().cancelled_owned());
    let stopping = async {
        shutdown.await;
        app.stop.cancel();
        app.tracker.close();
        // Connections that are still open then are reset below.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, app.tracker.wait()).await;
        cut.cancel();
    };
    let (served, ()) = tokio::join!(serving, stopping);
    app.tracker.wait().await;
    served
}

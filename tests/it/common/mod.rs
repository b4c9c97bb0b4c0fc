// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the tests share. Each helper stops what it has started when it is dropped: an emulator, a pipeline, a
//! `gst-launch-1.0`, an RTSP camera, a LiveKit server, a network, a proxy. Only helpers live here, no tests.

pub mod access_units;
pub mod camera;
pub mod clock;
pub mod http_proxy;
pub mod launch;
pub mod livekit;
#[cfg(target_os = "linux")]
pub mod network;
pub mod pipeline;
pub mod process;
pub mod proxy;
pub mod random;
pub mod service;
pub mod slow_states;
pub mod tls;

pub use access_units::AccessUnits;
pub use camera::Camera;
pub use clock::Clock;
pub use launch::Launch;
#[cfg(target_os = "linux")]
pub use network::Network;
pub use pipeline::{Pipeline, PostedMessage};
pub use proxy::Proxy;
pub use random::Random;
pub use service::Service;

/// The API key of the tests. No log, message or file may contain it.
pub const KEY: &str = "ovs-key-5f1e9c7a";

/// Initialises GStreamer and registers the element. GLib's CRITICAL and WARNING messages abort the test.
pub fn init() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().expect("GStreamer starts");
        gst::glib::log_set_always_fatal(
            gst::glib::LogLevels::LEVEL_WARNING
                | gst::glib::LogLevels::LEVEL_CRITICAL
                | gst::glib::LogLevels::LEVEL_ERROR,
        );
        gstovershoot::plugin_register_static().expect("the element registers");
    });
}

/// An address that is free now, for a server that starts later. The system gives no such port to others that ask for any
/// (Linux: those are 32768 and up), so that tests at the same time do not get it.
pub fn unused_address() -> std::net::SocketAddr {
    let first = 20_000 + std::process::id() % 10_000;
    let mut ports = (first..32_000).filter_map(|port| u16::try_from(port).ok());
    let free = ports.find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok());
    free.and_then(|listener| listener.local_addr().ok())
        .expect("a free port")
}

/// The path of a real video that `tests/run.sh` downloads.
pub fn video(name: &str) -> std::path::PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    std::path::Path::new(&folder).join(name)
}

/// The path of a file in `tests/inputs`.
pub fn input(name: &str) -> std::path::PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/inputs");
    std::path::Path::new(folder).join(name)
}

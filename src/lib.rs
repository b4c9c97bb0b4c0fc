// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! **overshootsink** sends the video of any GStreamer pipeline to the Overshoot real-time vision service
//! over WebRTC. The answers of a vision-language model come back as bus messages, text and JSON.
//!
//! | module | concern |
//! |---|---|
//! | [`sink`] | the element `overshootsink`: GStreamer, no HTTP |
//! | `filter` | the element `overshootfilter`, with an `overshootsink` inside |
//! | [`message`] | the bus messages of the element as types, for applications |
//! | [`session`] | the service: HTTP, no GStreamer |
//!
//! Threads:
//!
//! - The application's streaming thread passes frames on. It never waits for the network.
//! - Each element has one *controller* thread, which handles all events and keeps the state.
//! - Each stream has one session task, on the shared runtime below.
//! - webrtcbin has its own threads.
//!
//! When the process ends, all of them end first (`at_exit`).

use std::sync::LazyLock;

use gst::glib;

mod analytics;
mod at_exit;
mod at_fork;
mod filter;
#[cfg(test)]
mod fuzz;
mod lock;
pub mod message;
pub mod session;
pub mod sink;

pub use message::Message;
pub use sink::Condition;

/// Runs the sessions of all elements in the process. One worker thread is enough, because sessions mostly
/// wait for sockets.
pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("overshoot")
        .enable_all()
        .build()
        .expect("the system has a thread and an epoll instance left")
});

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    // One file serves all versions, and finds newer features when it runs.
    if let Some(missing) = analytics::missing() {
        gst::info!(sink::CAT, "{}: {missing}", gst::version_string());
    }
    sink::register(plugin)?;
    filter::register(plugin)
}

gst::plugin_define!(
    overshoot,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MPL",
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    "https://overshoot.ai",
    env!("BUILD_REL_DATE")
);

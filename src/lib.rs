//! **overshootsink**: any GStreamer pipeline's video goes to the Overshoot real-time vision
//! service over WebRTC, and a vision-language model's answers come back as bus messages, text and
//! JSON.
//!
//! | module | concern |
//! |---|---|
//! | [`sink`] | the element; knows GStreamer and no HTTP |
//! | [`message`] | the element's bus messages as types, for applications |
//! | [`session`] | the service; knows HTTP and no GStreamer |
//!
//! Threads: the application's streaming thread hands frames over and never waits for the network;
//! one *controller* thread an element turns everything that happens into state; one session task a
//! stream runs on the shared runtime below; webrtcbin brings its own.

use std::sync::LazyLock;

use gst::glib;

#[cfg(test)]
mod fuzz;
pub mod message;
pub mod session;
pub mod sink;

pub use message::Message;

/// Runs the sessions of all elements of the process: they wait for sockets and little else.
pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("overshoot")
        .enable_all()
        .build()
        .expect("a thread and an epoll can be had")
});

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    sink::register(plugin)
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

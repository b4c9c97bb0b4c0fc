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
//! The rooms, each of which may use those below it (its `mod.rs` says which):
//!
//! | room | what lives there |
//! |---|---|
//! | `element` | the GObject: properties, pads, states, signals, what encoded input needs in front |
//! | `controller` | what happens when: connect, watch, end, replace |
//! | `answers` | messages, answer pads, statistics |
//! | `webrtc` | webrtcbin and the chain in front of it |
//! | `config` | the properties' values, checked, as the plan of one run |
//! | `frames` | the way of a frame to that chain: rate limit, GOP cache, stall detector |
//! | `codec` | which codec, which encoder, and what is passed through |
//! | `enums`, `lock` | the registered enumerations; the one way to lock a mutex |

use gst::glib;
use gst::prelude::*;

mod answers;
mod codec;
mod config;
mod controller;
mod element;
pub mod enums;
mod frames;
mod lock;
mod webrtc;

use std::sync::LazyLock;

use enums::{ApiVersion, Backend, Mode, OnError, State, Transport};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "overshootsink",
        gst::DebugColorFlags::empty(),
        Some("Overshoot vision sink"),
    )
});

glib::wrapper! {
    pub struct OvershootSink(ObjectSubclass<element::imp::OvershootSink>)
        @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
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

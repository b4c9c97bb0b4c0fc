// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! SECTION:element-overshootsink
//!
//! The element sends video to the Overshoot real-time vision service over WebRTC, asks a vision-language
//! model about it, and posts each answer as an `overshoot-result` element message. Answers are also
//! available from the request pads `text_src` (the text) and `json_src` (JSON Lines), from the signal
//! `result`, and from the property `last-result`. Alerts (the property `alerts`) are `overshoot-alert` messages, and
//! lines on the request pad `alert_src`.
//!
//! ## Example pipeline
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! gst-launch-1.0 -v videotestsrc is-live=true ! overshootsink prompt="What do you see?"
//! ```
//!
//! Since: 0.1.0
//!
//! ## Where the code is
//!
//! A room may use the rooms below it in this table; its `mod.rs` says which.
//!
//! | room | what lives there |
//! |---|---|
//! | `element` | the GObject: properties, pads, state changes, signals, parser and decoder for encoded input |
//! | `controller` | the state machine: connect, watch, end, replace a stream |
//! | `answers` | messages, answer pads, statistics |
//! | `evidence` | the pictures that answers are about, and the video around alerts |
//! | `webrtc` | webrtcbin and the encoding chain in front of it |
//! | `config` | the property values, their checks, and the plan of one run |
//! | `frames` | the path of a frame to the encoding chain: rate limit, GOP cache, stall detector |
//! | `codec` | which codec, which encoder, and what can be passed through |
//! | `enums` | the registered enumerations and flags |
//! | `inner_pipelines` | the pipelines inside of elements, for the end of the process |
//! | `call` | calls of the application's own code: signals, property changes, messages, answers |

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

mod answers;
mod call;
mod codec;
mod config;
mod controller;
mod element;
pub mod enums;
mod evidence;
mod frames;
mod inner_pipelines;
mod webrtc;

use std::sync::LazyLock;

pub use codec::passthrough::reencoding_reason;
pub use config::condition::Condition;
pub(crate) use element::host::HostedAnswer;
pub(crate) use element::signals::{all as signals, first_true};

use enums::{ApiVersion, Backend, Evidence, Mode, OnError, Outputs, SchemaMode, State, Transport};

pub(crate) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
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

impl OvershootSink {
    /// The element that the application sees: this one, or the one that has it inside.
    fn public_element(&self) -> gst::Element {
        self.imp().public_element()
    }
}

/// The running time of the element; `None` unless it is in PLAYING. On the way to PLAYING the clock is set
/// before the base time. In between, the running time would be the clock's own time: hours or years.
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
        Outputs::static_type(),
        Evidence::static_type(),
        SchemaMode::static_type(),
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

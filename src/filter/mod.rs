// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! SECTION:element-overshootfilter
//!
//! The element passes video on at once and unchanged, asks a vision-language model about it as `overshootsink` does, and
//! attaches each answer to the buffers that follow it: as the custom meta `overshoot`, and with GStreamer 1.24 or newer
//! also as GstAnalytics metadata. It has all properties, signals, messages and request pads of `overshootsink`. A failure
//! of the service never stops the video, unless `on-error=error` is set.
//!
//! With the property `hold`, video is delayed, so that each answer is on the frames that it is about.
//!
//! ## Example pipeline
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! gst-launch-1.0 -v videotestsrc is-live=true ! overshootfilter prompt="What do you see?" ! videoconvert ! autovideosink
//! ```
//!
//! Since: 0.2.0
//!
//! ## Where the code is
//!
//! | module | what lives there |
//! |---|---|
//! | `imp` | the GObject, its pads and state changes |
//! | `mirror` | properties and signals of `overshootsink` as those of this element |
//! | `data_flow` | what happens to buffers, events and queries |
//! | `branch` | the way to the `overshootsink` inside: a short queue that never blocks |
//! | `hold` | the queue of delayed video |
//! | `answers` | which answer belongs to a frame, and its metadata |
//! | `labels` | classes and boxes in answers, for GstAnalytics |

use gst::glib;
use gst::prelude::*;

mod answers;
mod branch;
mod data_flow;
mod hold;
mod imp;
mod labels;
mod mirror;

use std::sync::LazyLock;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "overshootfilter",
        gst::DebugColorFlags::empty(),
        Some("Overshoot vision filter"),
    )
});

glib::wrapper! {
    pub struct OvershootFilter(ObjectSubclass<imp::OvershootFilter>)
        @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "overshootfilter",
        gst::Rank::NONE,
        OvershootFilter::static_type(),
    )
}

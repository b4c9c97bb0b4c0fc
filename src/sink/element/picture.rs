// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the remote peer gets to see: upright pictures, and their size.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::sink::codec::picture_size::{SizeLimits, fit};
use crate::sink::codec::video_codec::Codec;
use crate::sink::frames::orientation::Orientation;

/// Maximum number of elements upstream that are looked at.
const MAX_ELEMENTS: usize = 100;

impl OvershootSink {
    /// Follows an event at the appsink. A tag is ignored if an element upstream has turned the picture already:
    /// videoflip (GStreamer 1.22, tested) passes the tag on unchanged.
    pub(super) fn follow_orientation(&self, event: &gst::EventRef) {
        if event.type_() == gst::EventType::Tag && self.is_turned_upstream() {
            return;
        }
        lock(&self.chain).orientation.follow(event);
    }

    /// Whether an element between the source and this one turns the picture.
    fn is_turned_upstream(&self) -> bool {
        let mut next = self.obj().static_pad("sink").and_then(|pad| pad.peer());
        for _ in 0..MAX_ELEMENTS {
            let Some(mut pad) = next else {
                return false;
            };
            // Into a bin.
            while let Some(target) = pad.downcast_ref::<gst::GhostPad>().map(|pad| pad.target()) {
                let Some(target) = target else {
                    return false;
                };
                pad = target;
            }
            let Some(element) = pad.parent_element() else {
                // Out of a bin.
                let outer = pad.parent().and_downcast::<gst::GhostPad>();
                next = outer.and_then(|pad| pad.peer());
                continue;
            };
            if element
                .find_property("video-direction")
                .is_some_and(|spec| {
                    let value = element.property_value("video-direction");
                    value.serialize().ok() != spec.default_value().serialize().ok()
                })
            {
                return true;
            }
            // An element with several inputs makes a new picture.
            next = match element.sink_pads().as_slice() {
                [sink] => sink.peer(),
                _ => None,
            };
        }
        false
    }

    /// The orientation of the next frame at the appsink.
    pub(super) fn orientation(&self) -> Orientation {
        lock(&self.chain).orientation.current()
    }

    /// Width and height of the video that is sent, in pixels, if the caps contain them.
    pub fn sent_size(&self, limits: SizeLimits) -> Option<(u32, u32)> {
        let caps = self.appsink.static_pad("sink")?.current_caps()?;
        let structure = caps.structure(0)?;
        let pixels = |name| u32::try_from(structure.get::<i32>(name).ok()?).ok();
        let size = || Some((pixels("width")?, pixels("height")?));
        if Codec::of_caps(&caps).is_some() {
            return size();
        }
        let info = gst_video::VideoInfo::from_caps(&caps).ok().or_else(|| {
            let (width, height) = size()?;
            let format = gst_video::VideoFormat::I420;
            gst_video::VideoInfo::builder(format, width, height)
                .build()
                .ok()
        });
        Some(fit(&info?, self.orientation().swaps_sides(), limits))
    }
}

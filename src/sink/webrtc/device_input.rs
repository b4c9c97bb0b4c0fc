// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Brings frames from the memory of a device to an encoder that reads it, or to system memory. They are scaled on the
//! device first, because a smaller picture is downloaded faster.

use std::sync::Mutex;

use gst::glib;
use gst::prelude::*;

use super::encoding_chain::{build_failed, make};
use crate::lock::lock;
use crate::session::error::Error;
use crate::sink::codec::device_memory::{DeviceInput, mapped_caps};
use crate::sink::codec::device_route::Route;
use crate::sink::codec::device_scaler::DeviceScaler;
use crate::sink::codec::picture_size::{SizeLimits, fit};
use crate::sink::frames::orientation::Orientation;

/// Creates the elements for the frames that leave `pad`. `upstream` is the pad at which these frames arrive in the
/// application's pipeline.
///
/// # Errors
/// If an element can't be created.
pub fn make_download(
    input: DeviceInput,
    pad: &gst::Pad,
    upstream: glib::WeakRef<gst::Pad>,
    limits: SizeLimits,
) -> Result<Vec<gst::Element>, Error> {
    let Some(route) = input.route else {
        map_frames(pad);
        return Ok(Vec::new());
    };
    share_contexts(pad, upstream);
    let names = match input.is_plain {
        true => route.scale,
        false => route.unscaled,
    };
    let mut elements = names
        .iter()
        .map(|name| make(name))
        .collect::<Result<Vec<_>, _>>()?;
    let filter = make("capsfilter")?;
    scale_frames(pad, route, filter.downgrade(), limits);
    elements.push(filter);
    if let Some(download) = route.download {
        elements.push(make(download)?);
    }
    Ok(elements)
}

/// Creates the elements for the frames that leave `pad` and stay on their device, for an encoder behind this route.
/// `upstream` is the pad at which these frames arrive in the application's pipeline.
///
/// # Errors
/// If an element can't be created.
pub fn make_direct(
    route: &'static Route,
    pad: &gst::Pad,
    upstream: glib::WeakRef<gst::Pad>,
    limits: SizeLimits,
) -> Result<Vec<gst::Element>, Error> {
    share_contexts(pad, upstream);
    let DeviceScaler { elements, settings } = DeviceScaler::new(route)
        .ok_or_else(|| build_failed("an element of the device is missing"))?;
    let follower = Follower::default();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::PadProbeData::Event(event)) = &info.data else {
            return gst::PadProbeReturn::Ok;
        };
        let Some((video, orientation)) = follower.follow(event) else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some(video) = video {
            let size = fit(&video, orientation.swaps_sides(), limits);
            settings.apply(orientation.method(), size);
        }
        match Orientation::of_event(event) {
            Some(_) => gst::PadProbeReturn::Handled,
            None => gst::PadProbeReturn::Ok,
        }
    });
    Ok(elements)
}

/// The input so far.
#[derive(Default)]
struct Follower(Mutex<(Option<gst_video::VideoInfo>, Orientation)>);

impl Follower {
    /// The input after this event. `None`: the event does not change it.
    fn follow(&self, event: &gst::EventRef) -> Option<(Option<gst_video::VideoInfo>, Orientation)> {
        let mut input = lock(&self.0);
        match event.view() {
            gst::EventView::Caps(caps) => {
                input.0 = gst_video::VideoInfo::from_caps(caps.caps()).ok();
            }
            _ => input.1 = Orientation::of_event(event)?,
        }
        Some(input.clone())
    }
}

/// Declares the frames that leave `pad` to be in system memory. Elements map them when they read them.
fn map_frames(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Caps(caps) = event.view()
        {
            let mapped = mapped_caps(caps.caps());
            *event = gst::event::Caps::builder(&mapped)
                .seqnum(event.seqnum())
                .build();
        }
        gst::PadProbeReturn::Ok
    });
}

/// Passes on what elements ask for the device: OpenGL needs the context of the textures, for example. The elements that
/// made the frames know it.
fn share_contexts(pad: &gst::Pad, upstream: glib::WeakRef<gst::Pad>) {
    let kinds = gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PUSH;
    pad.add_probe(kinds, move |_, info| {
        if let Some(gst::PadProbeData::Query(query)) = &mut info.data
            && query.type_() == gst::QueryType::Context
            && let Some(upstream) = upstream.upgrade()
            && upstream.peer_query(query)
        {
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

/// Sets the size to scale to, in the caps of `filter`, whenever the input changes.
fn scale_frames(
    pad: &gst::Pad,
    route: &'static Route,
    filter: glib::WeakRef<gst::Element>,
    limits: SizeLimits,
) {
    let follower = Follower::default();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::PadProbeData::Event(event)) = &info.data else {
            return gst::PadProbeReturn::Ok;
        };
        let Some((video, orientation)) = follower.follow(event) else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some(filter) = filter.upgrade() {
            let caps = scaled_caps(route, video.as_ref(), orientation, limits);
            filter.set_property("caps", caps);
        }
        gst::PadProbeReturn::Ok
    });
}

/// The caps behind the scaler.
fn scaled_caps(
    route: &Route,
    video: Option<&gst_video::VideoInfo>,
    orientation: Orientation,
    limits: SizeLimits,
) -> gst::Caps {
    let mut caps = gst::Caps::builder("video/x-raw");
    // Scaling interlaced video would mix its fields, and not every element knows pixels that are not square.
    let square = gst::Fraction::new(1, 1);
    if let Some(video) = video.filter(|video| !video.is_interlaced() && video.par() == square) {
        let sideways = orientation.swaps_sides();
        let (width, height) = match (fit(video, sideways, limits), sideways) {
            ((width, height), false) => (width, height),
            // The picture is scaled before it is turned.
            ((width, height), true) => (height, width),
        };
        caps = caps
            .field("width", width as i32)
            .field("height", height as i32)
            .field("pixel-aspect-ratio", square);
    }
    match route.download {
        Some(_) => caps.features([route.memory.feature()]).build(),
        None => caps.build(),
    }
}

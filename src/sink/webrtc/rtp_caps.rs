// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the format parameters of the RTP caps equal to those of the offer.

use gst::prelude::*;

/// Replaces the parameters in the caps that leave `payloader_src` by `parameters`, those of the offer.
/// Otherwise the stream's own profile and level (42c01e, for example) would not match webrtcbin's pad,
/// although they only have to be within those of the offer. A pad probe does this because the element
/// `capssetter` splits buffer lists. `allowed` is what the caps must also contain, such as header extensions.
pub fn pin_parameters(payloader_src: &gst::Pad, parameters: &gst::Caps, allowed: gst::Caps) {
    let pinned = parameters.clone();
    payloader_src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Caps(caps) = event.view()
        {
            *event = gst::event::Caps::builder(&with_parameters(caps.caps(), &pinned))
                .seqnum(event.seqnum())
                .build();
        }
        gst::PadProbeReturn::Ok
    });
    // Payloaders query the allowed caps. They may use any parameters, because the first probe sets them.
    let kinds = gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH;
    payloader_src.add_probe(kinds, move |pad, info| {
        if let Some(gst::PadProbeData::Query(query)) = &mut info.data
            && let gst::QueryViewMut::Caps(query) = query.view_mut()
        {
            let caps = pad.pad_template_caps().intersect(&allowed);
            let result = query.filter().map_or_else(
                || caps.clone(),
                |filter| filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
            );
            query.set_result(&result);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

/// Replaces the parameters in the caps.
fn with_parameters(caps: &gst::CapsRef, parameters: &gst::Caps) -> gst::Caps {
    let mut caps = caps.to_owned();
    if let (Some(structure), Some(parameters)) =
        (caps.make_mut().structure_mut(0), parameters.structure(0))
    {
        for (name, value) in parameters.iter() {
            structure.set_value(name, value.clone());
        }
    }
    caps
}

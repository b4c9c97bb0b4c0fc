//! Keeps the format parameters of an RTP stream at those of the offer.

use gst::prelude::*;

/// The stream's own profile and level (42c01e, say) must not keep it from a pad that was negotiated
/// with those of the offer: they only have to be within them. On the payloader's pad itself, as the
/// element for it, capssetter, takes lists of packets apart. `allowed` is what else the caps must
/// hold, such as header extensions.
pub fn pin_parameters(payloader_src: &gst::Pad, parameters: &gst::Caps, allowed: gst::Caps) {
    let pinned = parameters.clone();
    payloader_src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Caps(caps) = event.view()
        {
            *event = gst::event::Caps::builder(&with(caps.caps(), &pinned))
                .seqnum(event.seqnum())
                .build();
        }
        gst::PadProbeReturn::Ok
    });
    // Payloaders ask what they may put out: any parameters, as they are set above.
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

/// The caps with the parameters in place of their own.
fn with(caps: &gst::CapsRef, parameters: &gst::Caps) -> gst::Caps {
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

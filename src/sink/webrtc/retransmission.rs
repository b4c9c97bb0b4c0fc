//! Lost packets are sent again, when the far side asks (NACK, RFC 4585), by RTX (RFC 4588).

use gst::glib;
use gst::prelude::*;

use crate::sink::codec::offer::OfferedFormat;

/// Has webrtcbin keep what it sent for a while, and offer RTX for the first codec.
pub fn enable(transceiver: &glib::Object) {
    transceiver.set_property("do-nack", true);
}

/// RTX for the other codecs, as `codec-preferences` take it. webrtcbin (1.22) gives a payload type
/// of its own choice to the first codec's.
pub fn rtx(offered: &[OfferedFormat]) -> impl Iterator<Item = gst::Structure> {
    let next = offered.iter().map(|o| o.payload_type).max();
    let free = next.map_or(0, |last| last + 1)..;
    offered
        .iter()
        .skip(1)
        .zip(free)
        .map(|(codec, payload_type)| {
            gst::Structure::builder("application/x-rtp")
                .field("media", "video")
                .field("encoding-name", "RTX")
                .field("payload", payload_type as i32)
                .field("clock-rate", 90_000i32)
                // A string: it goes into `a=fmtp` as it is.
                .field("apt", codec.payload_type.to_string())
                .build()
        })
}

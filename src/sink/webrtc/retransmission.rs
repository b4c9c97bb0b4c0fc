// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Retransmits lost packets by RTX (RFC 4588) when the remote peer requests them (NACK, RFC 4585).

use gst::glib;
use gst::prelude::*;

use crate::sink::codec::offer::OfferedFormat;

/// Makes webrtcbin keep sent packets for a while, and offer RTX for the first codec.
pub fn enable(transceiver: &glib::Object) {
    transceiver.set_property("do-nack", true);
}

/// The RTX structures of the other codecs for `codec-preferences`. webrtcbin 1.22 (tested) adds that of
/// the first codec itself, and chooses its payload type.
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
                // A string, because webrtcbin copies it into `a=fmtp` unchanged.
                .field("apt", codec.payload_type.to_string())
                .build()
        })
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Connects a webrtcbin of the pipeline to the emulator: what the transport costs without an element around it.

use gst::prelude::*;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};

use crate::signaller;

/// Sets a webrtcbin up to send to the emulator.
pub fn set_up(webrtcbin: &gst::Element, url: &str) {
    let bin = webrtcbin
        .downcast_ref::<gst::Bin>()
        .expect("webrtcbin is a bin");
    signaller::use_certificate(bin);
    let url = url.to_owned();
    webrtcbin.connect("on-negotiation-needed", false, move |values| {
        let webrtcbin = values.first()?.get::<gst::Element>().ok()?;
        let (weak, url) = (webrtcbin.downgrade(), url.clone());
        let promise = gst::Promise::with_change_func(move |reply| {
            let offer = reply
                .ok()
                .flatten()
                .and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok());
            let (Some(offer), Some(webrtcbin)) = (offer, weak.upgrade()) else {
                return;
            };
            // Not on webrtcbin's thread, because the call waits for the emulator.
            std::thread::spawn(move || connect(&webrtcbin, &offer, &url));
        });
        webrtcbin.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
        None
    });
}

/// Exchanges the descriptions. The emulator is ICE-lite, so it needs no candidates.
fn connect(webrtcbin: &gst::Element, offer: &WebRTCSessionDescription, url: &str) {
    let none = None::<gst::Promise>;
    webrtcbin.emit_by_name::<()>("set-local-description", &[offer, &none]);
    let sdp = offer.sdp().as_text().expect("SDP");
    match signaller::exchange(url, &sdp) {
        Ok(sdp) => {
            let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
            webrtcbin.emit_by_name::<()>("set-remote-description", &[&answer, &none]);
        }
        // The missing video fails the run.
        Err(why) => eprintln!("{why}"),
    }
}

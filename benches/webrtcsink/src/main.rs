// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Sends with GStreamer's webrtcsink, or with webrtcbin alone, and measures itself as the other senders do.
//!
//! `overshoot-bench-webrtcsink SECONDS URL LINE`

use gst::prelude::*;

mod bare;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/sender/mod.rs"]
mod sender;
mod signaller;

fn main() -> std::process::ExitCode {
    let register = || gstrswebrtc::plugin_register_static().map_err(|error| error.to_string());
    sender::run::main(register, |element, url| {
        match element.factory().map(|factory| factory.name()).as_deref() {
            Some("webrtcsink") => signaller::set_up(element, url),
            Some("webrtcbin") => bare::set_up(element, url),
            _ => {}
        }
    })
}

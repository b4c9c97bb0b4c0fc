// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Sends with GStreamer's webrtcsink, and measures itself as the other senders do.
//!
//! `overshoot-bench-webrtcsink SECONDS URL LINE`

use gst::prelude::*;

#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/sender/mod.rs"]
mod sender;
mod signaller;

fn main() -> std::process::ExitCode {
    let register = || gstrswebrtc::plugin_register_static().map_err(|error| error.to_string());
    sender::run::main(register, |element, url| {
        if element.factory().is_some_and(|f| f.name() == "webrtcsink") {
            signaller::set_up(element, url);
        }
    })
}

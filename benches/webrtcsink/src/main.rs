//! Sends with GStreamer's webrtcsink, in a process of its own, measured as the other senders are.
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
    sender::play::main(register, |element, url| {
        if element.factory().is_some_and(|f| f.name() == "webrtcsink") {
            signaller::set_up(element, url);
        }
    })
}

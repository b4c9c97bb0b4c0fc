//! Sends with `overshootsink`, or with the elements that are its floor, in a process of its own.
//!
//! `bench-sender SECONDS URL LINE`

use gst::prelude::*;

mod report;
mod sender;

fn main() -> std::process::ExitCode {
    let register = || gstovershoot::plugin_register_static().map_err(|error| error.to_string());
    sender::play::main(register, |element, url| {
        if element
            .factory()
            .is_some_and(|f| f.name() == "overshootsink")
        {
            element.set_property("api-url", url);
            element.set_property("api-key", "bench");
            element.set_property("prompt", "What do you see?");
        }
    })
}

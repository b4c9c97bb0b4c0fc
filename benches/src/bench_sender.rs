// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The program `bench-sender`: sends with `overshootsink`, or plays the elements that are its floor.
//!
//! `bench-sender SECONDS URL LINE`

use gst::prelude::*;

mod report;
mod sender;

fn main() -> std::process::ExitCode {
    let register = || gstovershoot::plugin_register_static().map_err(|error| error.to_string());
    sender::run::main(register, |element, url| {
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

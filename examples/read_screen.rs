// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the text on the screen (X11) and prints it when it changes.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example read_screen
//! ```

mod common;

use std::error::Error;
use std::process::ExitCode;

use gst::prelude::*;

/// The pointer would hide letters. Small print needs every pixel, so the size is not reduced and the bitrate is high
/// enough for sharp edges. This costs little, because only one frame per second is sent.
const PIPELINE: &str = "ximagesrc use-damage=false show-pointer=false ! video/x-raw,framerate=5/1 \
    ! overshootsink name=sink interval-seconds=1 max-width=0 max-height=0 bitrate=8000000";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    common::Arguments::read("read_screen", 0, 0)?;
    let (pipeline, sink) = common::launch(PIPELINE)?;
    sink.set_property(
        "prompt",
        "Read any visible text. Answer with the text only.",
    );
    let mut shown = String::new();
    let show = |message: &gst::StructureRef| {
        if let Some(text) = common::read_answer(message).and_then(|answer| answer.result)
            && text != shown
        {
            shown = text;
            println!("{shown}\n");
        }
    };
    common::play(&pipeline, std::future::pending(), show).await
}

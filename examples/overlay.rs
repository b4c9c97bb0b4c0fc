// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Shows a video in a window with the newest answer over it. The video never waits for answers.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example overlay                          # a moving test picture
//! cargo run --example overlay -- file:///tmp/video.mp4 "What happens?"
//! ```

mod common;

use std::error::Error;
use std::process::ExitCode;

use gst::prelude::*;
use gstovershoot::Message;
use gstovershoot::sink::enums::State;

/// With the queues, the branches do not wait for each other.
const PIPELINE: &str = "videoconvert ! tee name=t \
    t. ! queue ! textoverlay name=text valignment=bottom shaded-background=true \
        font-desc=\"Sans 18\" ! videoconvert ! autovideosink \
    t. ! queue ! overshootsink name=sink";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = common::Arguments::read("overlay [URI [QUESTION]]", 0, 2)?;
    let (pipeline, sink) = common::launch_with_source(arguments.uri()?, PIPELINE)?;
    let prompt = arguments.next();
    sink.set_property("prompt", prompt.as_deref().unwrap_or("What do you see?"));
    let overlay = pipeline.by_name("text").ok_or("no element is named text")?;
    let show = |message: &gst::StructureRef| match Message::from_structure(message) {
        Some(Message::Result(answer)) if answer.ok => overlay.set_property("text", answer.result),
        Some(Message::State(change)) if change.state != State::Streaming => {
            overlay.set_property("text", format!("({})", change.state.nick()));
        }
        _ => {}
    };
    common::play(&pipeline, std::future::pending(), show).await
}

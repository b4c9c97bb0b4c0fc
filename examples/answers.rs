// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Prints each answer about a video and changes the prompt half-way. It ends cleanly at the end of the video,
//! after some seconds, or at Ctrl-C.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example answers                             # a moving test picture, for 10 seconds
//! cargo run --example answers -- 60 file:///tmp/video.mp4 # or rtsp://…, https://…; for 60 seconds
//! ```

mod common;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use gst::prelude::*;
use gstovershoot::Message;
use tokio::time::sleep;

const FIRST_PROMPT: &str = "What do you see?";
const SECOND_PROMPT: &str = "What moves, and where to?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = common::Arguments::read("answers [SECONDS [URI]]", 0, 2)?;
    let time = Duration::from_secs_f64(arguments.seconds(10.0)?);

    let (pipeline, sink) = common::launch_with_source(arguments.uri()?, "overshootsink name=sink")?;
    sink.set_property("prompt", FIRST_PROMPT);
    let plan = async {
        sleep(time / 2).await;
        sink.set_property("prompt", SECOND_PROMPT);
        sleep(time / 2).await;
    };
    common::play(&pipeline, plan, show).await
}

/// Prints the messages of the element.
fn show(message: &gst::StructureRef) {
    match Message::from_structure(message) {
        Some(Message::Result(answer)) => match answer.text() {
            Some(text) => println!("{text}"),
            None => eprintln!("no answer: {}", answer.error.unwrap_or_default()),
        },
        Some(Message::Prompt(change)) => println!("now asking: {}", change.prompt),
        Some(Message::State(change)) => {
            let reason = change.reason.unwrap_or_default();
            println!("{}", format!("{} {reason}", change.state.nick()).trim_end());
        }
        _ => {}
    }
}

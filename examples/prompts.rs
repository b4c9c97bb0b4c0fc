// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Asks typed questions about a video. Each line is a new question, and the end of the input ends the program.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example prompts                          # a moving test picture
//! cargo run --example prompts -- file:///tmp/video.mp4 # or rtsp://…, https://…
//! ```

mod common;

use std::error::Error;
use std::io::BufRead;
use std::process::ExitCode;

use gst::prelude::*;
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = common::Arguments::read("prompts [URI]", 0, 1)?;
    // Answers to an earlier question are dropped.
    let (pipeline, sink) = common::launch_with_source(
        arguments.uri()?,
        "overshootsink name=sink drop-late-results=true",
    )?;
    let mut questions = read_questions();
    eprintln!("What do you want to know? Each line is a question. Ctrl-D ends the program.");
    let Some(first) = questions.recv().await else {
        return Ok(());
    };
    sink.set_property("prompt", first);
    let plan = async {
        while let Some(question) = questions.recv().await {
            sink.set_property("prompt", question);
        }
    };
    common::play(&pipeline, plan, show).await
}

/// The typed lines. Reading blocks, so it has its own thread, which ends with the process.
fn read_questions() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let input = std::io::stdin().lock().lines().map_while(Result::ok);
        for line in input.filter(|line| !line.trim().is_empty()) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn show(message: &gst::StructureRef) {
    if let Some(answer) = common::read_answer(message) {
        let (prompt, text) = (answer.prompt.as_deref(), answer.text());
        println!(
            "{}: {}",
            prompt.unwrap_or_default(),
            text.unwrap_or_default()
        );
    }
}

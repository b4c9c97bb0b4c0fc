// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Counts repetitions: down and up again is one. Answers are JSON of a fixed form, and the program keeps the
//! count across answers.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example repetitions -- file:///tmp/squats.mp4 "What position is the person in?"
//! ```

mod common;

use std::error::Error;
use std::process::ExitCode;

use gst::prelude::*;
use serde::Deserialize;

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {"position": {"enum": ["up", "down"]}},
    "required": ["position"]
}"#;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Position {
    Up,
    Down,
}

#[derive(Deserialize)]
struct Answer {
    position: Position,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = common::Arguments::read("repetitions [URI [QUESTION]]", 0, 2)?;
    let (pipeline, sink) = common::launch_with_source(
        arguments.uri()?,
        "overshootsink name=sink interval-seconds=0.2",
    )?;
    let prompt = arguments.next();
    sink.set_property(
        "prompt",
        prompt.unwrap_or_else(|| "Is the moving thing up or down?".to_owned()),
    );
    sink.set_property("output-schema", SCHEMA);

    let mut counter = Counter::default();
    let count = |message: &gst::StructureRef| {
        // "stale": the video has stalled, and the answer is about an old frame.
        let Some(answer) = common::read_answer(message).filter(|answer| !answer.stale) else {
            return;
        };
        match serde_json::from_str::<Answer>(answer.text().unwrap_or_default()) {
            Ok(read) if counter.add(read.position) => {
                let time = format_time(answer.capture_time);
                println!("{} at {time}", counter.repetitions);
            }
            Ok(_) => {}
            Err(error) => eprintln!("the answer does not match the schema: {error}"),
        }
    };
    common::play(&pipeline, std::future::pending(), count).await?;
    println!("repetitions: {}", counter.repetitions);
    Ok(())
}

/// The time of the frame since the start of the video.
fn format_time(time: Option<gst::ClockTime>) -> String {
    time.map_or("?".to_owned(), |time| {
        format!("{:.1} s", time.useconds() as f64 / 1e6)
    })
}

/// A model makes mistakes: a position counts only after two equal answers in a row.
#[derive(Default)]
struct Counter {
    last: Option<Position>,
    position: Option<Position>,
    repetitions: u32,
}

impl Counter {
    /// Adds an answer. Returns whether it completes a repetition.
    fn add(&mut self, position: Position) -> bool {
        let agreed = self.last.replace(position) == Some(position);
        if !agreed || self.position == Some(position) {
            return false;
        }
        let before = self.position.replace(position);
        let completed = (before, position) == (Some(Position::Down), Position::Up);
        self.repetitions += u32::from(completed);
        completed
    }
}

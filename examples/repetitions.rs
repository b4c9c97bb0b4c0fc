//! Counts repetitions: what goes up, down, and up again has done one. Answers have a fixed form, and
//! what they mean together is kept here.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example repetitions -- file:///tmp/squats.mp4 "What position is the person in?"
//! ```

mod common;

use std::error::Error;

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
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (pipeline, ask) = common::open(
        arguments.next(),
        "overshootsink name=ask interval-seconds=0.2",
    )?;
    let prompt = arguments.next();
    ask.set_property(
        "prompt",
        prompt.unwrap_or_else(|| "Is the moving thing up or down?".to_owned()),
    );
    ask.set_property("output-schema", SCHEMA);

    let mut counter = Counter::default();
    let count = |said: &gst::StructureRef| {
        // "stale": the camera stalls, and the picture is an old one.
        if said.get("stale") == Ok(true) {
            return;
        }
        match common::answer(said).map(serde_json::from_str::<Answer>) {
            Some(Ok(answer)) if counter.see(answer.position) => {
                println!("{} at {}", counter.repetitions, time(said));
            }
            Some(Err(error)) => eprintln!("not of the form that was asked for: {error}"),
            _ => {}
        }
    };
    common::play(&pipeline, std::future::pending(), count).await?;
    println!("repetitions: {}", counter.repetitions);
    Ok(())
}

/// When the picture was taken, counted from the start.
fn time(said: &gst::StructureRef) -> String {
    let time = said.get::<gst::ClockTime>("capture-time");
    time.map_or("?".to_owned(), |time| {
        format!("{:.1} s", time.useconds() as f64 / 1e6)
    })
}

/// A model errs now and then: a position counts once two answers in a row agree.
#[derive(Default)]
struct Counter {
    last: Option<Position>,
    position: Option<Position>,
    repetitions: u32,
}

impl Counter {
    /// Whether that completes a repetition.
    fn see(&mut self, position: Position) -> bool {
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

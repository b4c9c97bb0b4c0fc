//! Asks about a video what is typed: each line is a new question, and the end of the input ends it.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example prompts                          # a moving test picture
//! cargo run --example prompts -- file:///tmp/video.mp4 # or rtsp://…, https://…
//! ```

mod common;

use std::error::Error;
use std::io::BufRead;

use gst::prelude::*;
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // An answer to the question before is no answer to this one.
    let (pipeline, ask) = common::open(
        std::env::args().nth(1),
        "overshootsink name=ask drop-late-results=true",
    )?;
    let mut questions = typed();
    eprintln!("What do you want to know? A line is a question; Ctrl-D ends it.");
    let Some(first) = questions.recv().await else {
        return Ok(());
    };
    ask.set_property("prompt", first);
    let plan = async {
        while let Some(question) = questions.recv().await {
            ask.set_property("prompt", question);
        }
    };
    common::play(&pipeline, plan, show).await
}

/// The lines that are typed. Reading waits for as long as nothing is, so it has a thread of its own,
/// which ends with the process.
fn typed() -> mpsc::Receiver<String> {
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

fn show(said: &gst::StructureRef) {
    if let Some(answer) = common::answer(said) {
        println!("{}: {answer}", common::text(said, "prompt"));
    }
}

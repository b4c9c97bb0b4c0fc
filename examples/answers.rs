//! Prints each answer about a video, asks something else half-way through, and ends in order: at the
//! end of the video, after some seconds, or at Ctrl-C.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example answers                             # a moving test picture, for 10 seconds
//! cargo run --example answers -- 60 file:///tmp/video.mp4 # or rtsp://…, https://…; for 60 seconds
//! ```

mod common;

use std::error::Error;
use std::time::Duration;

use gst::prelude::*;
use tokio::time::sleep;

const FIRST: &str = "What do you see?";
const THEN: &str = "What moves, and where to?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(10.0), |text| text.parse())?;
    let time = Duration::try_from_secs_f64(seconds)?;

    let (pipeline, ask) = common::open(arguments.next(), "overshootsink name=ask")?;
    ask.set_property("prompt", FIRST);
    let plan = async {
        sleep(time / 2).await;
        ask.set_property("prompt", THEN);
        sleep(time / 2).await;
    };
    common::play(&pipeline, plan, show).await
}

/// Prints what the element says.
fn show(said: &gst::StructureRef) {
    if let Some(answer) = common::answer(said) {
        println!("{answer}");
    }
    match said.name().as_str() {
        "overshoot-prompt" => println!("now asking: {}", common::text(said, "prompt")),
        "overshoot-state" => {
            let said = ["state", "reason"].map(|field| common::text(said, field));
            println!("{}", said.join(" ").trim_end());
        }
        _ => {}
    }
}

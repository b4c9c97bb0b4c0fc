//! Reads what is on the screen (X11), and prints it when it changes.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example read_screen
//! ```

mod common;

use std::error::Error;

use gst::prelude::*;

/// The pointer would hide letters. Small print wants every pixel: the size is not reduced, and there
/// are bits enough for sharp edges. One picture a second is sent, so that costs little.
const PIPELINE: &str = "ximagesrc use-damage=false show-pointer=false ! video/x-raw,framerate=5/1 \
    ! overshootsink name=ask interval-seconds=1 max-width=0 max-height=0 bitrate=8000000";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (pipeline, ask) = common::launch(PIPELINE)?;
    ask.set_property(
        "prompt",
        "Read any visible text. Answer with the text only.",
    );
    let mut shown = String::new();
    let show = |said: &gst::StructureRef| {
        if let Some(text) = common::answer(said)
            && text != shown
        {
            text.clone_into(&mut shown);
            println!("{shown}\n");
        }
    };
    common::play(&pipeline, std::future::pending(), show).await
}

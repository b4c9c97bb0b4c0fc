//! Shows a video in a window, with the newest answer written over it. The picture does not wait for
//! answers.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example overlay                          # a moving test picture
//! cargo run --example overlay -- file:///tmp/video.mp4 "What happens?"
//! ```

mod common;

use std::error::Error;

use gst::prelude::*;

/// The queues let each branch run by itself.
const PIPELINE: &str = "videoconvert ! tee name=t \
    t. ! queue ! textoverlay name=text valignment=bottom shaded-background=true \
        font-desc=\"Sans 18\" ! videoconvert ! autovideosink \
    t. ! queue ! overshootsink name=ask";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (pipeline, ask) = common::open(arguments.next(), PIPELINE)?;
    let prompt = arguments.next();
    ask.set_property("prompt", prompt.as_deref().unwrap_or("What do you see?"));
    let overlay = pipeline.by_name("text").ok_or("it was named")?;
    let show = |said: &gst::StructureRef| {
        if let Some(answer) = common::answer(said) {
            overlay.set_property("text", answer);
        } else if said.name() == "overshoot-state" && common::text(said, "state") != "streaming" {
            overlay.set_property("text", format!("({})", common::text(said, "state")));
        }
    };
    common::play(&pipeline, std::future::pending(), show).await
}

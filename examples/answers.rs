//! An application of its own that asks about video and uses the answers. It prints each one, asks
//! something else half-way through, and ends in order: at the end of the video, after some seconds,
//! or at Ctrl-C.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example answers                             # a moving test picture, for 10 seconds
//! cargo run --example answers -- 60 file:///tmp/video.mp4 # or rtsp://…, https://…; for 60 seconds
//! ```
//!
//! The element is linked into this program. One that loads it as a plugin, by `GST_PLUGIN_PATH`,
//! leaves out `plugin_register_static()` and needs no dependency on this crate.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use gst::prelude::*;
use tokio::time::{Instant, sleep};

const FIRST: &str = "What do you see?";
const THEN: &str = "What moves, and where to?";
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(10.0), |text| text.parse())?;
    let time = Duration::try_from_secs_f64(seconds)?;

    gst::init()?;
    gstovershoot::plugin_register_static()?;
    let pipeline = pipeline(arguments.next())?;
    let mut messages = pipeline.bus().ok_or("a pipeline has a bus")?.stream();
    // Where it does not start, the bus says why.
    let started = pipeline.set_state(gst::State::Playing);
    let played = play(&pipeline, &mut messages, time).await;
    pipeline.set_state(gst::State::Null)?;
    played?;
    started?;
    Ok(())
}

/// The test picture, or what is behind a URI, into the element, which is named "ask".
fn pipeline(uri: Option<String>) -> Result<gst::Pipeline, Box<dyn Error>> {
    let pipeline = gst::Pipeline::new();
    let ask = gst::ElementFactory::make("overshootsink")
        .name("ask")
        .property("prompt", FIRST)
        .build()?;
    pipeline.add(&ask)?;
    let Some(uri) = uri else {
        let source = gst::ElementFactory::make("videotestsrc")
            .property("is-live", true)
            .property_from_str("pattern", "ball")
            .build()?;
        pipeline.add(&source)?;
        source.link(&ask)?;
        return Ok(pipeline);
    };
    let source = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri)
        .build()?;
    pipeline.add(&source)?;
    // One pad a track. Sound does not fit, and stays unlinked.
    let video = ask.static_pad("sink").ok_or("a sink has a pad")?;
    source.connect_pad_added(move |_, pad| {
        if !video.is_linked() {
            let _ = pad.link(&video);
        }
    });
    Ok(pipeline)
}

/// Until the end of the video, of the time, or Ctrl-C.
async fn play(
    pipeline: &gst::Pipeline,
    messages: &mut gst::bus::BusStream,
    time: Duration,
) -> Result<(), Box<dyn Error>> {
    let ask = pipeline.by_name("ask").ok_or("it was added")?;
    let mut half_way = pin!(sleep(time / 2));
    let mut end = pin!(async {
        tokio::select! {
            () = sleep(time) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    });
    // After the end was sent: a camera that never came up does not pass it on.
    let mut patience = pin!(sleep(PATIENCE));
    let (mut asked, mut ended) = (false, false);
    loop {
        tokio::select! {
            Some(message) = messages.next() => match message.view() {
                gst::MessageView::Element(_) => show(&message),
                gst::MessageView::Warning(warning) => eprintln!("warning: {}", warning.error()),
                gst::MessageView::Error(error) => return Err(error.error().to_string().into()),
                // The last answer is here, and the stream at the service is deleted.
                gst::MessageView::Eos(_) => return Ok(()),
                _ => {}
            },
            () = &mut half_way, if !asked => {
                asked = true;
                ask.set_property("prompt", THEN);
            }
            () = &mut end, if !ended => {
                ended = true;
                // Not just the state is changed: so the last answers still come.
                pipeline.send_event(gst::event::Eos::new());
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
            () = &mut patience, if ended => return Ok(()),
        }
    }
}

/// Prints what the element says.
fn show(message: &gst::Message) {
    let Some(said) = message.structure() else {
        return;
    };
    let text = |field: &str| said.get::<&str>(field).unwrap_or_default();
    match said.name().as_str() {
        "overshoot-result" if said.get("ok") == Ok(false) => {
            println!("no answer: {}", text("error"))
        }
        "overshoot-result" => println!("{}", text("result")),
        "overshoot-prompt" => println!("now asking: {}", text("prompt")),
        "overshoot-state" => println!("{}", [text("state"), text("reason")].join(" ").trim_end()),
        _ => {}
    }
}

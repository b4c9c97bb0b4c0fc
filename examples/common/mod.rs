//! What the programs share: a pipeline from its description, and its way to a good end.
// Each program uses its part of it.
#![allow(dead_code)]

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use gst::prelude::*;
use tokio::time::{Instant, sleep};

/// How long the last answers are waited for. A camera that never came up passes no end on.
const PATIENCE: Duration = Duration::from_secs(10);

/// A pipeline in the language of gst-launch-1.0, and the element in it that is named `ask`.
pub fn launch(description: &str) -> Result<(gst::Pipeline, gst::Element), Box<dyn Error>> {
    gst::init()?;
    // The element is linked into this program. One that loads it as a plugin, by GST_PLUGIN_PATH,
    // leaves this out and needs no dependency on the crate.
    gstovershoot::plugin_register_static()?;
    let pipeline = gst::parse::launch(description)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "more than one element makes a pipeline")?;
    let ask = pipeline.by_name("ask").ok_or("no element is named ask")?;
    Ok((pipeline, ask))
}

/// The same with a source before it: what is behind a URI (`file://`, `rtsp://`, `https://`), or else
/// a moving test picture.
pub fn open(
    uri: Option<String>,
    description: &str,
) -> Result<(gst::Pipeline, gst::Element), Box<dyn Error>> {
    let Some(uri) = uri else {
        return launch(&format!(
            "videotestsrc is-live=true pattern=ball ! {description}"
        ));
    };
    let (pipeline, ask) = launch(&format!("uridecodebin name=source ! {description}"))?;
    let source = pipeline.by_name("source").ok_or("it was named")?;
    source.set_property("uri", uri);
    Ok((pipeline, ask))
}

/// Plays until the end of the video, of `plan`, or Ctrl-C; the last answers are still waited for.
/// `told` gets what the elements say.
pub async fn play(
    pipeline: &gst::Pipeline,
    plan: impl Future<Output = ()>,
    told: impl FnMut(&gst::StructureRef),
) -> Result<(), Box<dyn Error>> {
    // Where it does not start, the bus says why.
    let started = pipeline.set_state(gst::State::Playing);
    let played = listen(pipeline, plan, told).await;
    pipeline.set_state(gst::State::Null)?;
    played?;
    started?;
    Ok(())
}

async fn listen(
    pipeline: &gst::Pipeline,
    plan: impl Future<Output = ()>,
    mut told: impl FnMut(&gst::StructureRef),
) -> Result<(), Box<dyn Error>> {
    let mut messages = pipeline.bus().ok_or("a pipeline has a bus")?.stream();
    let mut end = pin!(async {
        tokio::select! {
            () = plan => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    });
    let mut patience = pin!(sleep(PATIENCE));
    let mut ending = false;
    loop {
        tokio::select! {
            Some(message) = messages.next() => match message.view() {
                gst::MessageView::Element(_) => message.structure().into_iter().for_each(&mut told),
                gst::MessageView::Warning(warning) => eprintln!("warning: {}", warning.error()),
                gst::MessageView::Error(error) => return Err(error.error().to_string().into()),
                // The last answer is here, and the stream at the service is deleted.
                gst::MessageView::Eos(_) => return Ok(()),
                _ => {}
            },
            () = &mut end, if !ending => {
                ending = true;
                // Not just the state is changed: so the last answers still come.
                pipeline.send_event(gst::event::Eos::new());
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
            () = &mut patience, if ending => return Ok(()),
            // Again: at once.
            _ = tokio::signal::ctrl_c(), if ending => return Ok(()),
        }
    }
}

/// A text of a message; empty where it is not there.
pub fn text<'a>(said: &'a gst::StructureRef, field: &str) -> &'a str {
    said.get(field).unwrap_or_default()
}

/// The answer, if that is what is said. Why there is none goes to stderr.
pub fn answer(said: &gst::StructureRef) -> Option<&str> {
    if said.name() != "overshoot-result" {
        return None;
    }
    if said.get("ok") == Ok(false) {
        eprintln!("no answer: {}", text(said, "error"));
        return None;
    }
    said.get("result").ok()
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Helpers of the small programs: they make a pipeline from its description, and play it to a clean end.
// Each program uses only some of them.
#![allow(dead_code, unused_imports)]

mod arguments;

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use gst::prelude::*;
use gstovershoot::message::{Message, ResultMessage};
use tokio::time::{Instant, sleep};

pub use arguments::{Arguments, end};

/// How long to wait for the last answers. A camera that never connected does not pass EOS on.
const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a pipeline from a description in the syntax of gst-launch-1.0. Returns it and its element named `sink`.
pub fn launch(description: &str) -> Result<(gst::Pipeline, gst::Element), Box<dyn Error>> {
    gst::init()?;
    // The element is linked into this program. A program that loads the plugin from GST_PLUGIN_PATH does not need
    // this call, and does not depend on the crate.
    gstovershoot::plugin_register_static()?;
    let pipeline = gst::parse::launch(description)
        .map_err(explain)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "the description needs more than one element")?;
    let sink = pipeline.by_name("sink").ok_or("no element is named sink")?;
    Ok((pipeline, sink))
}

/// Says what to install if an element is missing.
fn explain(error: gst::glib::Error) -> String {
    match error.kind::<gst::ParseError>() {
        Some(gst::ParseError::NoSuchElement) => format!(
            "GStreamer says: {}. Install the packages that README.md lists under \"Install\"",
            error.message()
        ),
        _ => error.to_string(),
    }
}

/// Makes a pipeline with a source before the description: a URI (`file://`, `rtsp://`, `https://`), or else a moving
/// test picture.
pub fn launch_with_source(
    uri: Option<String>,
    description: &str,
) -> Result<(gst::Pipeline, gst::Element), Box<dyn Error>> {
    let Some(uri) = uri else {
        return launch(&format!(
            "videotestsrc is-live=true pattern=ball ! {description}"
        ));
    };
    let (pipeline, sink) = launch(&format!("uridecodebin name=source ! {description}"))?;
    let source = pipeline
        .by_name("source")
        .ok_or("no element is named source")?;
    source.set_property("uri", uri);
    Ok((pipeline, sink))
}

/// Plays until the video ends, `plan` completes, or Ctrl-C. Then it waits for the last answers. `on_message` gets the
/// messages of the elements.
pub async fn play(
    pipeline: &gst::Pipeline,
    plan: impl Future<Output = ()>,
    on_message: impl FnMut(&gst::StructureRef),
) -> Result<(), Box<dyn Error>> {
    // If the pipeline does not start, an error on the bus says why.
    let started = pipeline.set_state(gst::State::Playing);
    let played = listen(pipeline, plan, on_message).await;
    pipeline.set_state(gst::State::Null)?;
    played?;
    started?;
    Ok(())
}

async fn listen(
    pipeline: &gst::Pipeline,
    plan: impl Future<Output = ()>,
    mut on_message: impl FnMut(&gst::StructureRef),
) -> Result<(), Box<dyn Error>> {
    let mut messages = pipeline.bus().ok_or("the pipeline has no bus")?.stream();
    let mut end = pin!(async {
        tokio::select! {
            () = plan => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    });
    let mut last_answers = pin!(sleep(LAST_ANSWERS_TIMEOUT));
    let mut ending = false;
    loop {
        tokio::select! {
            Some(message) = messages.next() => match message.view() {
                gst::MessageView::Element(_) => message.structure().into_iter().for_each(&mut on_message),
                gst::MessageView::Warning(warning) => eprintln!("warning: {}", warning.error()),
                gst::MessageView::Error(error) => return Err(error.error().to_string().into()),
                // The last answer has arrived, and the stream at the service is deleted.
                gst::MessageView::Eos(_) => return Ok(()),
                _ => {}
            },
            () = &mut end, if !ending => {
                ending = true;
                // EOS, and not only a state change, so that the last answers still arrive.
                pipeline.send_event(gst::event::Eos::new());
                last_answers.as_mut().reset(Instant::now() + LAST_ANSWERS_TIMEOUT);
            }
            () = &mut last_answers, if ending => return Ok(()),
            // A second Ctrl-C ends it at once.
            _ = tokio::signal::ctrl_c(), if ending => return Ok(()),
        }
    }
}

/// The answer, if the message has one. The reason of a failed answer is printed to stderr.
pub fn read_answer(message: &gst::StructureRef) -> Option<Box<ResultMessage>> {
    let Message::Result(answer) = Message::from_structure(message)? else {
        return None;
    };
    if answer.text().is_none() {
        eprintln!("no answer: {}", answer.error.as_deref().unwrap_or_default());
        return None;
    }
    Some(answer)
}

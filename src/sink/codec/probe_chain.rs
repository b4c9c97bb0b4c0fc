// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A pipeline that sends one picture through an encoder.

use std::time::Duration;

use gst::prelude::*;

use super::video_codec::Codec;

/// The chain around the encoder, and the picture that goes through it.
pub struct ProbeChain {
    pub picture: gst::Sample,
    pub before: Vec<gst::Element>,
    /// Elements that decode what the encoder outputs.
    pub after: Vec<gst::Element>,
    /// The caps of the result.
    pub decoded: gst::Caps,
}

/// # Errors
/// The element is not installed.
pub fn make(name: &str) -> Result<gst::Element, String> {
    let element = gst::ElementFactory::make(name).build();
    element.map_err(|error| error.to_string())
}

impl ProbeChain {
    /// Sends the picture through the chain, in this pipeline, and returns what comes out of it. The caller stops the
    /// pipeline.
    ///
    /// # Errors
    /// Why nothing comes out.
    pub fn run(
        self,
        pipeline: &gst::Pipeline,
        encoder: gst::Element,
        codec: Codec,
        timeout: Duration,
    ) -> Result<gst::Sample, String> {
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).build();
        let caps = make("capsfilter")?;
        caps.set_property("caps", codec.encoded_caps());
        let sink = gst_app::AppSink::builder()
            .caps(&self.decoded)
            .sync(false)
            .build();
        let mut elements = vec![source.clone().upcast()];
        elements.extend(self.before);
        elements.extend([encoder, caps]);
        elements.extend(self.after);
        elements.push(sink.clone().upcast());
        pipeline
            .add_many(&elements)
            .map_err(|error| error.to_string())?;
        gst::Element::link_many(&elements).map_err(|error| error.to_string())?;

        let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|_| "it can't go to PLAYING".to_owned())?;
        source
            .push_sample(&self.picture)
            .map_err(|error| error.to_string())?;
        // EOS makes the encoder output the frame even if it would wait for more frames.
        source.end_of_stream().map_err(|error| error.to_string())?;
        let wait = gst::ClockTime::try_from(timeout).unwrap_or(gst::ClockTime::SECOND);
        let sample = sink.try_pull_sample(wait);
        let error = bus.pop_filtered(&[gst::MessageType::Error]);
        match (sample, error.as_ref().map(|message| message.view())) {
            (Some(sample), _) => Ok(sample),
            (None, Some(gst::MessageView::Error(error))) => Err(error.error().to_string()),
            (None, _) if sink.is_eos() => Err("it outputs no frame".to_owned()),
            (None, _) => Err(format!("it outputs no frame within {timeout:?}")),
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One run of the element: a pipeline from a session's video to `overshootsink`.

use futures_util::StreamExt;
use gst::prelude::*;
use gst_utils::ConsumptionLink;

use crate::config::Service;
use crate::error::AppError;
use crate::media::{Pipeline, add};

use super::messages::{StreamEvent, read_message};
use super::settings::StreamSettings;
use super::source::Source;

pub(crate) struct Stream {
    pipeline: Pipeline,
    sink: gst::Element,
    messages: gst::bus::BusStream,
    /// Passes the video of a webcam on.
    _link: Option<ConsumptionLink>,
}

impl Stream {
    /// Starts a stream with this video.
    pub(crate) fn start(
        source: &Source,
        settings: &StreamSettings,
        service: &Service,
    ) -> Result<Self, AppError> {
        let pipeline = Pipeline::new();
        let sink = make_element(service)?;
        settings.apply(&sink);
        add(pipeline.get(), &sink)?;
        let link = source.connect(pipeline.get(), &sink)?;
        let messages = pipeline.messages()?;
        // If the pipeline does not start, an error on the bus says why.
        let _ = pipeline.get().set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            sink,
            messages,
            _link: link,
        })
    }

    /// The next event. Cancel safe.
    pub(crate) async fn next_event(&mut self) -> StreamEvent {
        while let Some(message) = self.messages.next().await {
            if let Some(event) = read_message(&message) {
                return event;
            }
        }
        StreamEvent::Failed(AppError::unexpected("the bus of the pipeline is closed"))
    }

    pub(crate) fn set_prompt(&self, prompt: &str) {
        self.sink.set_property("prompt", prompt);
    }

    /// Ends the stream at the service, which ends the billing.
    pub(crate) async fn stop(self) {
        self.pipeline.stop().await;
    }
}

/// Makes the element, with the address and key of the service.
pub(crate) fn make_element(service: &Service) -> Result<gst::Element, AppError> {
    let sink = gst::ElementFactory::make("overshootsink")
        .property("api-key", &service.key)
        .build()
        .map_err(AppError::unexpected)?;
    if let Some(url) = &service.url {
        sink.set_property("api-url", url);
    }
    Ok(sink)
}

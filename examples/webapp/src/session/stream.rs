// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One run of the element: a pipeline from a session's video to `overshootsink`.

use axum::http::StatusCode;
use futures_util::StreamExt;
use gst::prelude::*;

use crate::config::Service;
use crate::error::AppError;
use crate::media::{Pipeline, Relay, add};

use super::messages::{StreamEvent, read_message};
use super::settings::StreamSettings;
use super::source::{Feed, Source};
use super::task::Shared;

pub(crate) struct Stream {
    pipeline: Pipeline,
    sink: gst::Element,
    messages: gst::bus::BusStream,
    /// Who answers. Each answer says it.
    answered_by: String,
    feed: Feed,
}

impl Stream {
    /// Starts a stream with this video.
    pub(crate) fn start(
        source: &Source,
        settings: &StreamSettings,
        shared: &Shared,
    ) -> Result<Self, AppError> {
        let pipeline = Pipeline::new();
        let sink = make_element(&shared.service)?;
        settings.apply(&sink);
        add(pipeline.get(), &sink)?;
        let hosts = &shared.config.source_hosts;
        let feed = source.connect(settings.playback(), hosts, pipeline.get(), &sink)?;
        let messages = pipeline.messages()?;
        // If the pipeline does not start, an error on the bus says why.
        let _ = pipeline.get().set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            sink,
            messages,
            answered_by: shared.answers_from.name.clone(),
            feed,
        })
    }

    /// The next event. Cancel safe.
    pub(crate) async fn next_event(&mut self) -> StreamEvent {
        while let Some(message) = self.messages.next().await {
            if let (gst::MessageView::SegmentDone(_), Feed::File(player)) =
                (message.view(), &mut self.feed)
            {
                // The seek waits for the file for a moment.
                if tokio::task::block_in_place(|| player.repeat()) {
                    continue;
                }
                return StreamEvent::Ended;
            }
            match (read_message(&message, &self.answered_by), &self.feed) {
                (Some(StreamEvent::Failed(error)), Feed::Camera(relay)) => {
                    return StreamEvent::Failed(explain(error, relay));
                }
                (Some(event), _) => return event,
                (None, _) => {}
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

/// The relay knows better than `rtspsrc` why a camera cannot be watched.
fn explain(error: AppError, relay: &Relay) -> AppError {
    match relay.refusal().filter(|_| error.is("video")) {
        Some(why) => AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "video",
            format!("The camera cannot be watched: {why}."),
        ),
        None => error,
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

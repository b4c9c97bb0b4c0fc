// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One run of the element: a pipeline from a session's video to `overshootsink`.

use futures_util::StreamExt;
use gst::prelude::*;
use serde_json::{Map, Value};
use url::Url;

use crate::config::{Api, Service};
use crate::error::AppError;
use crate::media::{Pipeline, Preview, VideoClock, add};

use super::events::Event;
use super::messages::{StreamEvent, read_message};
use super::progress::round;
use super::settings::StreamSettings;
use super::source::{Feed, Source};
use super::task::Shared;

pub(crate) struct Stream {
    pipeline: Pipeline,
    sink: gst::Element,
    messages: gst::bus::BusStream,
    clock: VideoClock,
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
        preview: &Preview,
    ) -> Result<Self, AppError> {
        let pipeline = Pipeline::new();
        let sink = make_element(&shared.service)?;
        settings.apply(&sink);
        add(pipeline.get(), &sink)?;
        let pad = sink
            .static_pad("sink")
            .ok_or_else(|| AppError::unexpected("the element has no pad"))?;
        let clock = VideoClock::watch(&pad);
        preview.watch(&pad);
        let hosts = &shared.config.source_hosts;
        let messages = pipeline.messages()?;
        // Last, so that an error before it leaves no connection behind.
        let feed = source.connect(settings.playback(), hosts, pipeline.get(), &sink)?;
        // If the pipeline does not start, an error on the bus says why.
        let _ = pipeline.get().set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            sink,
            messages,
            clock,
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
                // The link knows better than the pipeline why a camera cannot be watched.
                (Some(StreamEvent::Failed(error)), Feed::Camera(link)) => {
                    let known = link.refusal().filter(|_| error.is("video"));
                    return StreamEvent::Failed(known.unwrap_or(error));
                }
                (Some(StreamEvent::Update(Event::Result(mut result))), _) => {
                    self.place(&mut result);
                    return StreamEvent::Update(Event::Result(result));
                }
                (Some(event), _) => return event,
                (None, _) => {}
            }
        }
        StreamEvent::Failed(AppError::unexpected("the bus of the pipeline is closed"))
    }

    /// Adds where in the video the answer belongs.
    fn place(&self, result: &mut Map<String, Value>) {
        let captured = result.get("capture_time").and_then(Value::as_u64);
        let captured = captured.map(gst::ClockTime::from_nseconds);
        if let Some(seconds) = captured.and_then(|time| self.clock.seconds_at(time)) {
            result.insert("video_seconds".to_owned(), round(seconds).into());
        }
    }

    /// Where in the video the stream is.
    pub(crate) fn position_seconds(&self) -> Option<f64> {
        let now = self.pipeline.get().current_running_time()?;
        self.clock.seconds_at(now).map(round)
    }

    /// The element's counters.
    pub(crate) fn stats(&self) -> gst::Structure {
        self.sink.property("stats")
    }

    /// The API that the element has found.
    pub(crate) fn api(&self) -> Option<Api> {
        let url = self.stats().get::<String>("api-url").ok()?;
        Url::parse(&url).ok().as_ref().map(Api::at)
    }

    pub(crate) fn set_prompt(&self, prompt: &str) {
        self.sink.set_property("prompt", prompt);
    }

    /// Ends the stream at the service, which ends the billing.
    pub(crate) async fn stop(self) {
        self.pipeline.stop().await;
        self.feed.stop().await;
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

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decodes the frames of a source that is passed on without decoding, for one viewer.

use gst::prelude::*;
use gst_app::{AppLeakyType, AppSink, AppSinkCallbacks, AppSrc};
use tokio::sync::watch;

use super::pipeline::{Pipeline, add, link, make};
use crate::error::AppError;

/// How many frames may wait for the decoder.
const MAX_QUEUED_FRAMES: u64 = 60;

pub(super) struct PreviewDecoder {
    _pipeline: Pipeline,
    source: AppSrc,
    caps: gst::Caps,
    frames: watch::Receiver<Option<gst::Sample>>,
}

impl PreviewDecoder {
    /// Blocks while plugins are loaded.
    pub(super) fn start(caps: &gst::Caps) -> Result<Self, AppError> {
        let pipeline = Pipeline::new();
        let source = AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(MAX_QUEUED_FRAMES)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let (sender, frames) = watch::channel(None);
        let sink = AppSink::builder()
            .sync(false)
            .drop(true)
            .max_buffers(1)
            .callbacks(
                AppSinkCallbacks::builder()
                    .new_sample(move |sink| {
                        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        sender.send_replace(Some(sample));
                        Ok(gst::FlowSuccess::Ok)
                    })
                    .build(),
            )
            .build();
        let (decode, convert) = (make("decodebin")?, make("videoconvert")?);
        for element in [source.upcast_ref(), &decode, &convert, sink.upcast_ref()] {
            add(pipeline.get(), element)?;
        }
        link(source.upcast_ref(), &decode)?;
        link(&convert, sink.upcast_ref())?;
        let input = convert.static_pad("sink").map(|pad| pad.downgrade());
        decode.connect_pad_added(move |_, pad| {
            let input = input.as_ref().and_then(gst::glib::WeakRef::upgrade);
            if let Some(input) = input.filter(|input| !input.is_linked()) {
                let _ = pad.link(&input);
            }
        });
        let started = pipeline.get().set_state(gst::State::Playing);
        started.map_err(AppError::unexpected)?;
        Ok(Self {
            _pipeline: pipeline,
            source,
            caps: caps.clone(),
            frames,
        })
    }

    /// Whether the frame has the format that this was started for.
    pub(super) fn takes(&self, sample: &gst::Sample) -> bool {
        sample.caps().is_some_and(|caps| *caps == *self.caps)
    }

    /// Never waits: if the decoder is too slow, the oldest frames are lost.
    pub(super) fn push(&self, sample: &gst::Sample) {
        let _ = self.source.push_sample(sample);
    }

    /// The newest decoded frame. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<gst::Sample> {
        match self.frames.changed().await {
            Ok(()) => self.frames.borrow_and_update().clone(),
            // The decoder is stuck. The next frame may start another.
            Err(_) => std::future::pending().await,
        }
    }
}

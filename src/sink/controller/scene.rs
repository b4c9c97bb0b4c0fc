// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `ask-when=still`: what looks at the scene. The feeder looks at raw video itself.

use std::sync::Arc;
use std::time::Duration;

use super::{Controller, report};
use crate::session::Api;
use crate::session::protocol::Processing;
use crate::sink::OvershootSink;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::frames::encoded_scene::EncodedScene;

impl Controller {
    /// Starts to look at the scene of video that is passed through. Says so if that is not possible.
    pub(super) fn watch_scene(&mut self, element: &OvershootSink) {
        let Some(scene) = self.video.scene().cloned() else {
            return;
        };
        // On v0.2, a change wakes the stream, and each frame counts: one that shows something must not be lost.
        let interval = match self.plan.api {
            Api::V02 if self.plan.idle.is_none() => return,
            Api::V02 => Duration::ZERO,
            Api::V1 => self.shortest_interval(),
        };
        let input = self.live.source.borrow().input.clone();
        let outcome = match input {
            Some(Ok(InputFormat::Encoded(passthrough))) if self.video.passes_encoded() => {
                let codec = passthrough.codec;
                let looking = self.encoded_scene.as_ref();
                if looking.is_some_and(|looking| looking.suits(codec, interval)) {
                    return;
                }
                let video = Arc::downgrade(&self.video);
                let on_change = move |at, before| {
                    if let Some(video) = video.upgrade() {
                        video.report_event(at, before);
                    }
                };
                EncodedScene::start(codec, &scene, interval, on_change)
                    .map(Some)
                    .map_err(|error| error.message)
            }
            Some(Ok(InputFormat::Device(_) | InputFormat::Pictures(_))) => Err(
                "it looks at raw video in system memory and at encoded video, and this video is in another form. Put a decoder (decodebin) or a download element in front of overshootsink.".to_owned(),
            ),
            _ => Ok(None),
        };
        let (looking, why) = match outcome {
            Ok(looking) => (looking, None),
            Err(why) => (None, Some(why)),
        };
        self.video
            .set_encoded_scene(looking.as_ref().map(EncodedScene::input));
        // The one before ends here, after the feeder has let it go.
        self.encoded_scene = looking;
        if let Some(why) = why.filter(|_| self.epoch == 1) {
            report::post_info(element, &format!("ask-when has no effect: {why}"));
        }
    }

    /// The shortest time from one question to the next.
    fn shortest_interval(&self) -> Duration {
        let rate = self.live.source.borrow().rate;
        let request = self.plan.request(rate).ok();
        let request = request.map(|request| self.live.apply_to(request, self.plan.api));
        let all = request.iter().flat_map(|request| {
            let more = request
                .questions
                .iter()
                .map(|question| &question.processing);
            more.chain([&request.processing])
        });
        let shortest = all
            .map(Processing::interval_seconds)
            .fold(f64::INFINITY, f64::min);
        // Endless is too long.
        Duration::try_from_secs_f64(shortest).unwrap_or_default()
    }

    /// Ends it.
    pub(super) fn end_scene(&mut self) {
        self.video.set_encoded_scene(None);
        self.encoded_scene = None;
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `ask-when=meta`: looks at the metadata of the buffers as they arrive, before any is dropped or decoded.

use std::sync::Arc;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;
use tokio::sync::watch;

use super::imp::OvershootSink;
use crate::analytics;
use crate::session::ask_window::AskWindow;
use crate::sink::CAT;
use crate::sink::config::ask_when::AskWhen;
use crate::sink::frames::feeder::Feeder;

impl OvershootSink {
    /// Watches the sink pad, if objects decide when to ask.
    pub(super) fn watch_objects(
        &self,
        ask_when: Option<&AskWhen>,
        window: Option<&watch::Sender<AskWindow>>,
        video: &Arc<Feeder>,
    ) -> Option<gst::PadProbeId> {
        let (Some(AskWhen::Meta(objects, after)), Some(window)) = (ask_when, window) else {
            return None;
        };
        let (objects, after, window) = (objects.clone(), *after, window.clone());
        let video = video.clone();
        // Loads the library here, and not with the first frame.
        gst::debug!(
            CAT,
            imp = self,
            "GstAnalytics: {}",
            analytics::is_available()
        );
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        let pad = self.obj().static_pad("sink")?;
        pad.add_probe(kinds, move |_, info| {
            let is_there = match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => objects.are_on(buffer),
                Some(gst::PadProbeData::BufferList(list)) => {
                    list.iter().any(|buffer| objects.are_on(buffer))
                }
                _ => false,
            };
            if is_there {
                let now = Instant::now();
                window.send_if_modified(|window| window.goes_on(now, after));
                // This frame arrives there later.
                video.report_event(now, now);
            }
            gst::PadProbeReturn::Ok
        })
    }

    pub(super) fn forget_objects(&self, probe: Option<gst::PadProbeId>) {
        if let Some((pad, probe)) = self.obj().static_pad("sink").zip(probe) {
            pad.remove_probe(probe);
        }
    }
}

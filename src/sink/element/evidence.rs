// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Evidence: what is kept of the video, and what happens to its files.

use std::sync::Arc;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::answers::messages;
use crate::sink::config::evidence::EvidencePlan;
use crate::sink::evidence::keeper::{Event, Keeper};

impl OvershootSink {
    /// Begins to keep what the plan names. `None`: it names nothing.
    pub(super) fn start_evidence(
        &self,
        plan: &EvidencePlan,
    ) -> std::io::Result<Option<Arc<Keeper>>> {
        if !plan.is_needed() {
            return Ok(None);
        }
        let weak = self.obj().downgrade();
        let on_event = move |event| {
            let Some(element) = weak.upgrade() else {
                return;
            };
            match event {
                Event::Clip(clip) => {
                    let times = (clip.start, clip.end);
                    let structure = messages::clip(&clip.alert, &clip.location, times);
                    messages::post(&element, structure);
                }
                Event::NotWritten(text) => {
                    let error = Error::new(Kind::InvalidSettings, Stage::Evidence, text);
                    messages::post_failure(&element, &error, false, true);
                }
            }
        };
        Keeper::start(plan, Box::new(on_event)).map(|keeper| Some(Arc::new(keeper)))
    }

    /// What keeps evidence in this run.
    pub fn evidence(&self) -> Option<Arc<Keeper>> {
        self.public_state().evidence.clone()
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `trigger`, and the custom event that does the same: with `ask-when=event`, questions are asked only
//! around these times.

use std::time::Instant;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::error::{Error, Stage};
use crate::sink::answers::messages;
use crate::sink::config::ask_when::AskWhen;

/// The name of the custom event's structure.
const EVENT: &str = "overshoot-trigger";

/// Whether this is the custom event, sent in either direction.
pub(super) fn is_trigger(event: &gst::EventRef) -> bool {
    event
        .structure()
        .is_some_and(|structure| structure.name() == EVENT)
}

impl OvershootSink {
    /// Returns whether questions are asked because of this. If not, a WARNING message says why.
    pub(super) fn trigger(&self) -> bool {
        let now = Instant::now();
        let Err(why) = self.add_event(now) else {
            return true;
        };
        let error = Error {
            stage: Stage::Ask,
            ..Error::settings(format!("trigger has no effect: {why}"))
        };
        messages::post_failure(&self.obj(), &error, false, true);
        false
    }

    fn add_event(&self, at: Instant) -> Result<(), &'static str> {
        const HOW: &str = "ask-when is not \"event\". Set ask-when=\"event,before=2,after=5\" before the pipeline plays.";
        let running = lock(&self.running);
        let running = running.as_ref();
        let running = running.ok_or("the element does not run. Let the pipeline play.")?;
        if running.end.is_reached() {
            return Err("the video has ended.");
        }
        match (&running.ask_when, &running.ask_window) {
            (Some(AskWhen::Event(event)), Some(window)) => {
                window.send_modify(|window| window.add_event(at, event.before, event.after));
                let since = at.checked_sub(event.before).unwrap_or(at);
                running.video.report_event(at, since);
                Ok(())
            }
            _ => Err(HOW),
        }
    }
}

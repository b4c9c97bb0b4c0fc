//! The action signal `ask`: a question about now, or about a moment of the last ten minutes.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::question::{Moment, OneShotQuestion};
use crate::session::request::check_prompt;
use crate::sink::answers::messages;
use crate::sink::lock::lock;

/// How far the service's pictures reach back (protocol, section 2).
const MAX_HISTORY: Duration = Duration::from_secs(600);

impl OvershootSink {
    /// Returns at once, with the serial that the answer will have; 0 where it can't be asked, as a
    /// WARNING says.
    pub(super) fn ask(&self, prompt: String, window_ms: u64, end_offset_ms: u64) -> u64 {
        let refused = |error: Error| {
            let error = Error {
                stage: Stage::Ask,
                ..error
            };
            messages::post_failure(&self.obj(), &error, false, true);
            0
        };
        let (window, end_offset) = (
            Duration::from_millis(window_ms),
            Duration::from_millis(end_offset_ms),
        );
        if let Err(error) = check_prompt(&prompt) {
            return refused(error);
        }
        if window.saturating_add(end_offset) > MAX_HISTORY {
            return refused(Error::settings(
                "ask: the service keeps ten minutes; window-ms and end-offset-ms together are to be 600000 at the most.",
            ));
        }
        let (service, max_fps) = {
            let settings = self.settings();
            (settings.service(), settings.v1_fps())
        };
        match service {
            Ok((Api::V1, ..)) => {}
            Ok((Api::V02, ..)) => {
                return refused(Error::settings(
                    "ask needs API v1: set api-url to such an address. On v0.2 change prompt instead.",
                ));
            }
            Err(error) => return refused(error),
        }
        let ask = OneShotQuestion {
            serial: self.asks.fetch_add(1, Relaxed) + 1,
            prompt,
            moment: Moment {
                end_offset,
                window,
                max_fps,
            },
        };
        let serial = ask.serial;
        let sent = match &*lock(&self.running) {
            Some(running) => running.controller.ask(ask),
            None => false,
        };
        match sent {
            true => serial,
            false => refused(Error::settings(
                "ask: there is no stream, or too many questions wait already: ask while the state is streaming.",
            )),
        }
    }
}

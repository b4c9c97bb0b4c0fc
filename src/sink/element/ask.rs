// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `ask`: a single question about the present or about the last ten minutes (API v1).

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::Api;
use crate::session::error::{Error, Stage};
use crate::session::question::{Moment, OneShotQuestion};
use crate::session::request::check_prompt;
use crate::sink::answers::messages;

/// How long the service keeps frames (protocol, section 2).
const MAX_HISTORY: Duration = Duration::from_secs(600);

impl OvershootSink {
    /// Returns immediately, with the serial of the answer to come. A return value of 0 means that the
    /// question was rejected; a WARNING message says why.
    pub(super) fn ask(&self, prompt: String, window_ms: u64, end_offset_ms: u64) -> u64 {
        let reject = |error: Error| {
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
            return reject(error);
        }
        if window.saturating_add(end_offset) > MAX_HISTORY {
            return reject(Error::settings(
                "ask: the service keeps ten minutes of video. window-ms plus end-offset-ms must not exceed 600000.",
            ));
        }
        let (endpoints, max_fps) = {
            let settings = self.settings();
            (settings.endpoints(), settings.v1_fps())
        };
        match endpoints {
            Ok(endpoints) if endpoints.iter().any(|endpoint| endpoint.api == Api::V1) => {}
            Ok(_) => {
                return reject(Error::settings(
                    "ask needs API v1: set api-url to a v1 address. On API v0.2, change prompt instead.",
                ));
            }
            Err(error) => return reject(error),
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
            false => reject(Error::settings(
                "ask: there is no stream, or too many questions are waiting. Ask while the property state is streaming, and wait for answers before you ask again.",
            )),
        }
    }
}

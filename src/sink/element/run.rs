// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A run of the element: from READY to PAUSED, and back.

use std::sync::Arc;

use gst::prelude::*;
use gst::subclass::prelude::*;
use tokio::sync::watch;

use super::imp::OvershootSink;
use super::state::{End, PublicState, Running};
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::session::request::check_prompt;
use crate::sink::answers::changes::Changes;
use crate::sink::answers::messages;
use crate::sink::controller::handle::Handle;
use crate::sink::controller::inbox::LiveSettings;
use crate::sink::enums::{OnError, State};
use crate::sink::frames::feeder::Feeder;
use crate::sink::frames::orientation::OrientationTags;
use crate::sink::frames::rate_limit::Limit;
use crate::sink::webrtc::needs;

impl OvershootSink {
    /// Reads the settings, and starts the controller. A failure is reported.
    pub(super) fn start(&self) -> Result<(), gst::StateChangeError> {
        let (settings, prompt) = (self.settings().clone(), self.prompt.borrow().text.clone());
        let failed = |error: &Error| {
            let fatal = settings.on_error == OnError::Error;
            messages::post_failure(&self.obj(), error, fatal, false);
            if fatal {
                Err(gst::StateChangeError)
            } else {
                Ok(())
            }
        };
        let plan = match needs::check().and_then(|()| settings.plan(&prompt)) {
            Ok(plan) => plan,
            Err(error) => {
                // With on-error=warn, the pipeline must run without this element.
                self.set_async(false);
                return failed(&error);
            }
        };
        if let Some(warning) = plan.warning() {
            messages::post_failure(&self.obj(), &warning, false, false);
        }
        if check_prompt(&prompt).is_err() && !plan.has_questions() {
            let text = "prompt is not set: the service is asked only by the action signals ask and ask-about, and once prompt is set.";
            messages::post_info(&self.obj(), text);
        }
        let limit = Limit::Rate(settings.max_framerate);
        let video = Arc::new(Feeder::new(limit, plan.still()));
        let source = watch::Sender::new(self.expected_source());
        let questions = watch::Sender::default();
        let ask_when = plan.ask_when.clone();
        let ask_window = plan.awaits_events().then(watch::Sender::default);
        let live = LiveSettings {
            ask_window: ask_window.clone(),
            questions: questions.subscribe(),
            prompt: self.prompt.subscribe(),
            bitrate: self.bitrate.subscribe(),
            source: source.subscribe(),
        };
        let evidence = match self.start_evidence(&plan.evidence) {
            Ok(evidence) => evidence,
            Err(error) => return failed(&no_thread(&error)),
        };
        // An earlier run may still be closing its stream. Its state must not come after the new one's.
        self.show_state(State::Closed, None, Some("stopped"));
        *self.public_state() = PublicState {
            video: Some(video.clone()),
            evidence,
            ..PublicState::default()
        };
        let account = self.public_state().account.clone();
        account.set_budget(plan.budget.clone());
        lock(&self.alerts).restart(&plan.alerts);
        *lock(&self.changes) = Changes::default();
        // No data can arrive yet, because the appsink is not running.
        self.appsink.set_sync(true);
        self.appsink.set_ts_offset(0);
        let preroll = self.hold_preroll();
        let objects_probe = self.watch_objects(ask_when.as_ref(), ask_window.as_ref(), &video);
        // Locked while the controller starts, so that the controller finds `running` complete.
        let mut running = lock(&self.running);
        match Handle::start(&self.obj(), plan, video.clone(), live) {
            Ok(controller) => {
                *running = Some(Running {
                    controller,
                    video,
                    source,
                    questions,
                    first_questions: None,
                    ask_when,
                    ask_window,
                    objects_probe,
                    preroll,
                    held: None,
                    end: End::default(),
                });
                drop(running);
                self.begin_async_start();
                Ok(())
            }
            Err(error) => {
                drop(running);
                self.public_state().evidence = None;
                failed(&no_thread(&error))
            }
        }
    }

    /// Wakes all waiting threads and begins to end the stream, while the appsink is still stopping.
    pub(super) fn begin_stop(&self) {
        if let Some(running) = &*lock(&self.running) {
            running.controller.stop();
            running.video.detach();
        }
        if let Some(evidence) = self.evidence() {
            evidence.begin_stop();
        }
    }

    /// Waits until the stream has ended, and removes the elements in front of the appsink.
    pub(super) fn stop(&self) {
        let running = lock(&self.running).take();
        if let Some(mut running) = running {
            self.forget_objects(running.objects_probe.take());
            let pad = self.appsink.static_pad("sink");
            if let Some((pad, probe)) = pad.zip(running.preroll.into_probe()) {
                pad.remove_probe(probe);
            }
            running.controller.join();
        }
        if let Some(evidence) = self.evidence() {
            evidence.stop();
        }
        self.unplug();
        self.forget_frames();
        lock(&self.chain).orientation = OrientationTags::default();
    }
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::new(
        Kind::Media,
        Stage::Settings,
        format!("The operating system cannot start a thread for the element: {error}."),
    )
}

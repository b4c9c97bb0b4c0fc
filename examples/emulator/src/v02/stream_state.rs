// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The part of a v0.2 stream that other streams do not have: its plan, its route cookie, its sampler and
//! sockets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::timestamp;
use crate::faults::injected::SocketMessage;
use crate::lock::lock;
use crate::service::live_stream::ApiStream;
use crate::v02::request::StreamPlan;
use crate::v02::route_cookie::RouteCookie;
use crate::v02::sampler::Sampler;
use crate::v02::subscribers::Subscribers;
use crate::vision::jpeg::JpegPreset;
use crate::vision::observation::MeasuredFrame;

/// What the calls, the sockets and the answers of one v0.2 stream share.
pub(crate) struct V02StreamState {
    pub plan: StreamPlan,
    pub created_text: String,
    pub route_cookie: RouteCookie,
    pub subscribers: Subscribers,
    pub sampler: Sampler,
    /// How many answers were given.
    pub answers: AtomicU64,
    prompt: Mutex<String>,
}

impl V02StreamState {
    pub(crate) fn new(plan: StreamPlan, jpeg_preset: Option<JpegPreset>) -> Self {
        V02StreamState {
            prompt: Mutex::new(plan.prompt.clone()),
            sampler: Sampler::new(plan.sampling, jpeg_preset),
            plan,
            created_text: timestamp(),
            route_cookie: RouteCookie::new(),
            subscribers: Subscribers::default(),
            answers: AtomicU64::new(0),
        }
    }

    pub(crate) fn prompt(&self) -> String {
        lock(&self.prompt).clone()
    }

    pub(crate) fn set_prompt(&self, prompt: String) {
        *lock(&self.prompt) = prompt;
    }
}

impl ApiStream for V02StreamState {
    fn add_frame(&self, frame: MeasuredFrame, picture: gst::Sample) {
        self.sampler.add_frame(frame, picture);
    }

    fn clear(&self) {
        self.sampler.clear();
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    fn ends_without_video(&self) -> bool {
        true
    }

    fn send_on_sockets(&self, message: SocketMessage) -> bool {
        self.subscribers.inject(message)
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The change to PAUSED. As with any sink, it ends with the first frame, so that a file starts when its video can
//! flow. But a live pipeline does not wait for its sinks: there a branch without a frame, such as a shut valve or a
//! silent camera, must not hold the other branches back. So the element itself ends the change as soon as it knows
//! that the pipeline is live; the appsink, which could end it only with a frame, has no part in it.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::sink::CAT;

/// Longest time for the change to PLAYING to reach the bins around this element.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(1);

impl OvershootSink {
    /// The change to PAUSED begins. It ends later, unless the pipeline plays already and does not wait.
    pub(super) fn begin_async_start(&self) {
        self.set_async(false);
        if self.is_left_behind() {
            return;
        }
        self.starting.store(true, SeqCst);
        let obj = self.obj();
        self.parent_handle_message(gst::message::AsyncStart::builder().src(&*obj).build());
    }

    /// The change to PAUSED ends, if it has not yet.
    pub(super) fn end_async_start(&self) {
        if self.starting.swap(false, SeqCst) {
            let obj = self.obj();
            self.parent_handle_message(gst::message::AsyncDone::builder().src(&*obj).build());
        }
    }

    /// Ends the change to PAUSED if the pipeline does not wait for it. On the way to PLAYING, a pipeline asks its sinks
    /// for their latency: this is the moment to call this.
    pub(super) fn follow_live_pipeline(&self) {
        if !self.starting.load(SeqCst) {
            return;
        }
        // The thread that asks is in the middle of the pipeline's state change.
        self.obj().call_async(|element| {
            let this = element.imp();
            let give_up = Instant::now() + FOLLOW_TIMEOUT;
            while !this.bins_follow() && Instant::now() < give_up {
                thread::sleep(Duration::from_millis(1));
            }
            if this.is_left_behind() {
                gst::debug!(
                    CAT,
                    imp = this,
                    "the pipeline is live: not waiting for a frame"
                );
                this.end_async_start();
            }
        });
    }

    /// Whether the pipeline goes to PLAYING, or is there, while this element has no frame, and the input is not known
    /// to be something else than live.
    fn is_left_behind(&self) -> bool {
        let plays = self.bins().pop().is_some_and(|top| {
            let (_, current, pending) = top.state(gst::ClockTime::ZERO);
            current == gst::State::Playing
                || (current == gst::State::Paused && pending == gst::State::Playing)
        });
        plays && self.is_live() != Some(false)
    }

    /// Whether the bins around this element, in a live pipeline that goes to PLAYING, have been told so. A bin that has
    /// reached PAUSED without waiting, because a live source is in it, would lose the end of our state change before
    /// that (seen with GStreamer 1.22).
    fn bins_follow(&self) -> bool {
        let mut bins = self.bins();
        bins.pop();
        bins.iter().all(|bin| {
            let (_, current, pending) = bin.state(gst::ClockTime::ZERO);
            current != gst::State::Paused || pending != gst::State::VoidPending
        })
    }

    /// The bins around this element, the pipeline last.
    fn bins(&self) -> Vec<gst::Element> {
        let parent = |element: &gst::Element| element.parent().and_downcast::<gst::Element>();
        let element = self.obj().clone().upcast::<gst::Element>();
        std::iter::successors(parent(&element), parent).collect()
    }

    /// Whether the source is live, if there is one that says so.
    pub(super) fn is_live(&self) -> Option<bool> {
        let mut query = gst::query::Latency::new();
        let pad = self.obj().static_pad("sink")?;
        pad.peer_query(&mut query).then(|| query.result().0)
    }

    /// Whether the appsink's own state changes wait for frames. With files they must: after a flushing seek, the time
    /// of the pipeline starts again with the first frame.
    pub(super) fn set_async(&self, is_async: bool) {
        self.appsink.set_property("async", is_async);
    }
}

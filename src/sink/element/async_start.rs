// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The change to PAUSED. As with any sink, it ends with the first frame, so that a file starts when its video can
//! flow. But a live pipeline does not wait for its sinks: there a branch without a frame, such as a shut valve or a
//! silent camera, must not hold the other branches back. So the element itself begins the change, and ends it as soon as
//! it knows that the pipeline is live. If the input is not live, the appsink takes over, and ends it with a frame.

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
        // The bin around a filter would wait for the service.
        if self.has_host() || self.is_left_behind() {
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

    /// The element has stopped: nothing waits for a frame any more.
    pub(super) fn forget_frames(&self) {
        self.prerolling.store(false, SeqCst);
    }

    /// The input is not live, and its first frame waits, or will arrive next: the appsink's state changes wait for
    /// frames, also the one that goes on. It must end this one itself, in its own streaming thread: a frame that enters
    /// it while it goes to PLAYING would confuse it, and the bins around it would never play (seen with 1.22).
    pub(super) fn await_frames(&self) {
        self.set_async(true);
        let (_, current, pending) = self.appsink.state(gst::ClockTime::ZERO);
        if current == gst::State::Paused && pending == gst::State::VoidPending {
            self.appsink.lost_state();
        }
        if current >= gst::State::Paused {
            self.end_async_start();
        }
    }

    /// Follows the state changes of the appsink. Returns whether the message has a meaning: an appsink whose changes do
    /// not wait for frames still says that one has ended, if its first frame arrives just then.
    pub(super) fn follow_appsink(&self, message: &gst::MessageRef) -> bool {
        if message.src() != Some(self.appsink.upcast_ref()) {
            return true;
        }
        match message.type_() {
            gst::MessageType::AsyncStart => {
                self.prerolling.store(true, SeqCst);
                true
            }
            gst::MessageType::AsyncDone => self.prerolling.swap(false, SeqCst),
            _ => true,
        }
    }

    /// Whether the change to PAUSED goes on. The appsink takes over before the element ends its own part.
    pub(super) fn has_async_start(&self) -> bool {
        self.starting.load(SeqCst) || self.prerolling.load(SeqCst)
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

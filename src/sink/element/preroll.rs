// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Input that is not live waits in preroll until video can flow, and again while a lost connection is replaced.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::sink::enums::OnError;
use crate::sink::{CAT, running_time};

/// The probe in front of the appsink, and what it does with the first frame.
#[derive(Default)]
pub enum Preroll {
    /// No frame has arrived, and video cannot flow yet. The first frame shows whether the input is live.
    Closed(gst::PadProbeId),
    /// A frame of input that is not live is waiting in the probe.
    Waiting(gst::PadProbeId),
    /// Video can flow, or never will, but no frame has arrived. The first frame still shows whether the input is
    /// live.
    Open(gst::PadProbeId),
    /// There is no probe any more.
    #[default]
    Done,
}

impl Preroll {
    /// A frame is in the probe. Returns whether it must wait there.
    fn frame_arrived(&mut self, live: bool) -> bool {
        *self = match std::mem::take(self) {
            // After a flush, the next frame arrives while another one seems to wait.
            Self::Closed(probe) | Self::Waiting(probe) if !live => Self::Waiting(probe),
            _ => Self::Done,
        };
        matches!(self, Self::Waiting(_))
    }

    /// Video can flow, or never will. Returns the probe if it must be removed, because a frame waits in it.
    fn open(&mut self) -> Option<gst::PadProbeId> {
        let (next, waiting) = match std::mem::take(self) {
            Self::Closed(probe) | Self::Open(probe) => (Self::Open(probe), None),
            Self::Waiting(probe) => (Self::Done, Some(probe)),
            Self::Done => (Self::Done, None),
        };
        *self = next;
        waiting
    }

    fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// The gate closes again, because video begins anew. `add_probe` adds a probe if there is none any more.
    fn close(&mut self, add_probe: impl FnOnce() -> Preroll) {
        *self = match std::mem::take(self).into_probe() {
            Some(probe) => Self::Closed(probe),
            None => add_probe(),
        };
    }

    /// The probe, if it is still there.
    pub fn into_probe(self) -> Option<gst::PadProbeId> {
        match self {
            Self::Closed(probe) | Self::Waiting(probe) | Self::Open(probe) => Some(probe),
            Self::Done => None,
        }
    }
}

impl OvershootSink {
    /// Input that is not live waits in preroll until video can flow, so no frame is lost. Its frames then
    /// arrive at the pace of the clock. Live input does not wait and is not paced.
    pub(super) fn hold_preroll(&self) -> Preroll {
        let weak = self.downgrade();
        let kind = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
        let probe = self.appsink.static_pad("sink").and_then(|pad| {
            pad.add_probe(kind, move |pad, _| match weak.upgrade() {
                Some(this) if this.must_wait(pad) => gst::PadProbeReturn::Ok,
                _ => gst::PadProbeReturn::Remove,
            })
        });
        probe.map_or(Preroll::Done, Preroll::Closed)
    }

    /// Finds out whether the input is live, and whether its frame must wait.
    fn must_wait(&self, pad: &gst::Pad) -> bool {
        let mut query = gst::query::Latency::new();
        let live = pad.peer_query(&mut query) && query.result().0;
        let not = if live { "" } else { "not " };
        gst::debug!(CAT, imp = self, "the input is {not}live");
        let Some(video) = self.video() else {
            return false;
        };
        video.set_live(live);
        if live {
            self.set_async(false);
            self.appsink.set_sync(false);
        } else {
            self.await_frames();
        }
        let waits = lock(&self.running)
            .as_mut()
            .is_some_and(|running| running.preroll.frame_arrived(live));
        if !waits {
            self.end_async_start();
        }
        waits
    }

    /// Video comes after its end: it begins anew, and waits again if it is not live.
    pub(super) fn resume_after_end(&self, flushed: bool) {
        {
            let mut running = lock(&self.running);
            let Some(running) = running.as_mut().filter(|r| r.end.is_reached()) else {
                return;
            };
            gst::debug!(CAT, imp = self, "the video begins anew after EOS");
            running.end.resume(flushed);
            running.held = running_time(self.obj().upcast_ref()).filter(|_| !flushed);
            running.preroll.close(|| self.hold_preroll());
            running.controller.resume(flushed);
        }
        let pad = self.obj().static_pad("sink");
        let target = pad
            .and_downcast::<gst::GhostPad>()
            .and_then(|pad| pad.target());
        if let Some(target) = target.filter(|_| !flushed) {
            // Without a flush, the base class of sinks refuses everything after EOS (seen with 1.22).
            self.set_async(false);
            target.send_event(gst::event::FlushStart::new());
            target.send_event(gst::event::FlushStop::new(false));
        }
    }

    /// Holds back input that is not live while its connection is replaced, so that no frame is lost. With
    /// `on-error=warn` the frames are dropped: other branches of the pipeline go on.
    pub fn hold_frames(&self) {
        let video = self.video();
        let is_file = video.is_some_and(|video| !video.is_live() && !video.has_failed());
        let may_wait = self.settings().on_error == OnError::Error;
        if !(is_file && may_wait && self.is_current_run()) {
            return;
        }
        let held = running_time(self.obj().upcast_ref());
        // Locked until the probe is recorded: a frame may reach it at once.
        if let Some(running) = &mut *lock(&self.running)
            && running.preroll.is_done()
        {
            gst::debug!(CAT, imp = self, "holding back the input");
            running.preroll = self.hold_preroll();
            running.held = held;
        }
    }

    /// Unblocks input that is not live. If no frame has arrived yet, the probe stays: at the first frame it
    /// finds out whether the input is live. `part` is the part of the video that can flow now: video that began anew
    /// since then goes on waiting.
    pub fn release_preroll(&self, part: u64) {
        if !self.is_current_run() {
            return;
        }
        let (probe, held) = match &mut *lock(&self.running) {
            Some(running) if running.controller.part() == part => {
                (running.preroll.open(), running.held.take())
            }
            _ => (None, None),
        };
        let now = running_time(self.obj().upcast_ref());
        if let Some(time) = now.zip(held).and_then(|(now, held)| now.checked_sub(held)) {
            // The frames are late by this time. They must not come all at once.
            let offset = i64::try_from(time.nseconds()).unwrap_or_default();
            self.appsink
                .set_ts_offset(self.appsink.ts_offset().saturating_add(offset));
        }
        if let Some(probe) = probe
            && let Some(pad) = self.appsink.static_pad("sink")
        {
            self.await_frames();
            pad.remove_probe(probe);
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Buffers, events and queries: they pass from one pad to the other, and the branch gets its copy. Nothing here waits for
//! the branch, and nothing that it does comes back, but key-frame requests.

use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::CAT;
use super::answers::Frame;
use super::hold::{Hold, Item};
use super::imp::OvershootFilter;
use crate::lock::lock;

/// How many frames the branch keeps at most: in its queue, in the sink, as the last frame and in front of the encoder.
/// Pools need this many more, or a source with a small pool would wait for the branch.
const BRANCH_BUFFERS: u32 = 5;

/// What the events said about the frames that follow.
#[derive(Default)]
pub struct Input {
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// Width and height in pixels.
    size: Option<(i32, i32)>,
    caps: BranchCaps,
}

/// Whether the service can be asked about this kind of data.
#[derive(Default, Clone, Copy, PartialEq)]
enum BranchCaps {
    /// There are no caps yet.
    #[default]
    None,
    Usable,
    /// A WARNING was posted.
    Unusable,
}

impl OvershootFilter {
    pub(super) fn sink_chain(
        &self,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (frame, caps) = {
            let input = lock(&self.input);
            let frame = Frame {
                arrived: Instant::now(),
                running_time: input
                    .segment
                    .as_ref()
                    .and_then(|segment| segment.to_running_time(buffer.pts()?)),
                size: input.size,
            };
            (frame, input.caps)
        };
        match caps {
            BranchCaps::Usable => self.branch.push_frame(buffer.clone()),
            BranchCaps::Unusable => {}
            BranchCaps::None => self.reject_caps(None),
        }
        match self.hold() {
            None => self
                .src_pad
                .push(self.answers.attach(buffer, &frame, false)),
            Some(hold) => {
                self.find_out_if_live(&hold);
                let is_full = hold.push_frame(buffer, frame)?;
                if is_full {
                    self.overshootsink.imp().warn_about_input(hold.limit_text());
                }
                Ok(gst::FlowSuccess::Ok)
            }
        }
    }

    pub(super) fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::FlushStart(_) => {
                let hold = self.hold();
                if let Some(hold) = &hold {
                    hold.flush_start();
                }
                let done = self.src_pad.push_event(event);
                if hold.is_some() {
                    // It waits until nothing is pushed any more.
                    let _ = self.src_pad.pause_task();
                }
                return done;
            }
            gst::EventView::FlushStop(flush) => {
                self.branch.flush(flush.resets_time());
                if flush.resets_time() {
                    // Answers about another part of the video.
                    self.answers.clear();
                }
                lock(&self.input).segment = None;
                let done = self.src_pad.push_event(event);
                if let Some(hold) = self.hold() {
                    hold.flush_stop();
                    self.start_hold();
                }
                return done;
            }
            _ => {}
        }
        if !event.is_serialized() {
            return self.src_pad.push_event(event);
        }
        if self.follow(&event) {
            self.branch.push_event(event.clone());
        }
        match self.hold() {
            None => self.src_pad.push_event(event),
            Some(hold) => {
                if event.type_() == gst::EventType::Eos
                    && let Some(flow) = hold.failure()
                {
                    // Upstream sends nothing more, so nothing else would report it.
                    gst::element_imp_error!(
                        self,
                        gst::StreamError::Failed,
                        ["the video cannot be passed on: {flow}"]
                    );
                }
                hold.push_event(event);
                true
            }
        }
    }

    /// Remembers what an event says. Returns whether the branch gets it.
    fn follow(&self, event: &gst::Event) -> bool {
        match event.view() {
            gst::EventView::Segment(segment) => {
                let segment = segment.segment().downcast_ref::<gst::ClockTime>();
                lock(&self.input).segment = segment.cloned();
            }
            gst::EventView::Caps(caps) => {
                let caps = caps.caps();
                let size = caps.structure(0).and_then(|structure| {
                    Some((structure.get("width").ok()?, structure.get("height").ok()?))
                });
                let sink = self.overshootsink.static_pad("sink");
                let is_usable = sink.is_some_and(|sink| sink.query_accept_caps(&caps.to_owned()));
                {
                    let mut input = lock(&self.input);
                    input.size = size.filter(|(width, height)| *width > 0 && *height > 0);
                    if is_usable {
                        input.caps = BranchCaps::Usable;
                    }
                }
                if !is_usable {
                    self.reject_caps(Some(caps));
                }
                return is_usable;
            }
            _ => {}
        }
        true
    }

    /// The branch gets none of these buffers. They pass as always.
    fn reject_caps(&self, caps: Option<&gst::CapsRef>) {
        lock(&self.input).caps = BranchCaps::Unusable;
        let what = match caps.and_then(|caps| caps.structure(0)) {
            None => "data without caps".to_owned(),
            Some(structure) => structure.name().to_string(),
        };
        self.overshootsink.imp().warn_about_input(&format!(
            "The service cannot be asked about {what}; it is passed on unchanged. Put overshootfilter where the pipeline has video, for example behind decodebin or a parser."
        ));
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let is_about_caps = matches!(
            query.type_(),
            gst::QueryType::Caps | gst::QueryType::AcceptCaps
        );
        if query.is_serialized() && self.hold().is_some() {
            // What is in front of the query is still in the queue.
            return false;
        }
        if !self.src_pad.peer_query(query) {
            return is_about_caps && gst::Pad::query_default(pad, Some(&*self.obj()), query);
        }
        if let gst::QueryViewMut::Allocation(query) = query.view_mut() {
            add_branch_buffers(query);
        }
        true
    }

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        match query.type_() {
            // Pads that push only.
            gst::QueryType::Scheduling => {
                return gst::Pad::query_default(pad, Some(&*self.obj()), query);
            }
            gst::QueryType::Caps | gst::QueryType::AcceptCaps => {
                return self.sink_pad.peer_query(query)
                    || gst::Pad::query_default(pad, Some(&*self.obj()), query);
            }
            _ => {}
        }
        if !self.sink_pad.peer_query(query) {
            return false;
        }
        if let (gst::QueryViewMut::Latency(query), Some(hold)) = (query.view_mut(), self.hold()) {
            let (live, min, max) = query.result();
            hold.set_live(live);
            if live {
                let max = max.map(|max| max.saturating_add(hold.delay));
                query.set(true, min.saturating_add(hold.delay), max);
            }
        }
        true
    }

    pub(super) fn src_event(&self, event: gst::Event) -> bool {
        if event.type_() != gst::EventType::Seek {
            return self.sink_pad.push_event(event);
        }
        // A seek of the pipeline goes to each of its sinks, so it comes here from the sink behind this element, too.
        let seqnum = event.seqnum();
        let known = *lock(&self.last_seek);
        if let Some((_, done)) = known.filter(|(last, _)| *last == seqnum) {
            return done;
        }
        let done = self.sink_pad.push_event(event);
        *lock(&self.last_seek) = Some((seqnum, done));
        done
    }

    fn find_out_if_live(&self, hold: &Hold) {
        if hold.is_live().is_some() {
            return;
        }
        let mut query = gst::query::Latency::new();
        let is_live = self.sink_pad.peer_query(&mut query) && query.result().0;
        hold.set_live(is_live);
        if is_live {
            let obj = self.obj();
            // Without a bus, nobody asks for the latency.
            let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        }
    }

    /// Starts the thread that pushes the delayed video.
    pub(super) fn start_hold(&self) {
        let Some(hold) = self.hold() else {
            return;
        };
        let (weak, pad) = (self.downgrade(), self.src_pad.downgrade());
        let started = self.src_pad.start_task(move || {
            let Some((pad, this)) = pad.upgrade().zip(weak.upgrade()) else {
                return;
            };
            match hold.next() {
                Some(Item::Frame(buffer, frame)) => {
                    let flow = pad.push(this.answers.attach(buffer, &frame, true));
                    if let Err(flow) = flow {
                        hold.fail(flow);
                    }
                }
                Some(Item::Event(event)) => {
                    pad.push_event(event);
                }
                // It fails only while the pad is stopped.
                None => drop(pad.pause_task()),
            }
        });
        if let Err(error) = started {
            gst::error!(CAT, imp = self, "no thread: {error}");
        }
    }
}

fn add_branch_buffers(query: &mut gst::query::Allocation<gst::QueryRef>) {
    let pools: Vec<_> = query.allocation_pools().collect();
    for (index, (pool, size, min, max)) in (0..).zip(pools) {
        let needed = min.saturating_add(BRANCH_BUFFERS);
        // A pool with a limit may belong to hardware.
        if max == 0 || max >= needed {
            query.set_nth_allocation_pool(index, pool.as_ref(), size, needed, max);
        }
    }
}

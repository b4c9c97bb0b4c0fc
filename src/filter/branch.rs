// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The way to the `overshootsink` inside: a short queue, and a thread that pushes what is in it. Whoever adds to the
//! queue never waits. When it is full, frames are dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use gst::prelude::*;

use super::CAT;
use crate::lock::lock;
use crate::sink::OvershootSink;

/// Frames that stand alone: the newest wins. More would keep buffers of the source's pool.
const MAX_FRAMES: usize = 2;
/// Events are small, and more come only while the branch stands still: then gaps do not count.
const MAX_ITEMS: usize = 1000;
/// Of encoded video each frame counts, so the queue is longer: 4 s of 30 frames per second.
const MAX_ENCODED_FRAMES: usize = 120;
const MAX_ENCODED_BYTES: usize = 16 << 20;

pub struct Branch {
    /// It belongs to no element, so that its events and queries reach no other part of the pipeline.
    pad: gst::Pad,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_open: bool,
    items: VecDeque<Item>,
    /// Each frame can be decoded alone.
    stands_alone: bool,
    /// Frames were dropped: the next ones cannot be decoded before a key frame.
    needs_key_frame: bool,
}

enum Item {
    Frame(gst::Buffer),
    Event(gst::Event),
    /// Everything before was flushed. Whether the running time starts again.
    Flush(bool),
}

impl Branch {
    /// Key-frame requests and queries go to what is in front of `upstream`.
    pub fn new(upstream: &gst::Pad) -> Self {
        let [events, queries] = [upstream.downgrade(), upstream.downgrade()];
        let pad = gst::Pad::builder(gst::PadDirection::Src)
            .name("branch")
            .event_function(move |_, _, event| {
                let is_key_frame_request = gst_video::UpstreamForceKeyUnitEvent::parse(&event);
                // Seeks, QoS and the like of this branch must not touch the video that passes.
                match events.upgrade() {
                    Some(upstream) if is_key_frame_request.is_ok() => upstream.push_event(event),
                    _ => true,
                }
            })
            .query_function(move |_, _, query| match query.view_mut() {
                // Never wait here, and never let anybody wait: the newest frame wins, also of a file.
                gst::QueryViewMut::Latency(query) => {
                    query.set(true, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                    true
                }
                _ => queries
                    .upgrade()
                    .is_some_and(|upstream| upstream.peer_query(query)),
            })
            .build();
        Self {
            pad,
            queue: Arc::default(),
        }
    }

    pub fn link(&self, sink: &OvershootSink) {
        let sink = sink.static_pad("sink").expect("a sink has a sink pad");
        self.pad
            .link_full(&sink, gst::PadLinkCheck::empty())
            .expect("both pads are new");
    }

    /// Starts the thread.
    pub fn start(&self) {
        *lock(&self.queue.state) = State {
            is_open: true,
            ..State::default()
        };
        let queue = self.queue.clone();
        let pad = self.pad.downgrade();
        let started = self.pad.set_active(true).and_then(|()| {
            self.pad.start_task(move || {
                let Some(pad) = pad.upgrade() else {
                    return;
                };
                match queue.next() {
                    Some(item) => push(&pad, item),
                    // It fails only while the pad is stopped.
                    None => drop(pad.pause_task()),
                }
            })
        });
        if let Err(error) = started {
            gst::error!(CAT, obj = self.pad, "no thread: {error}");
        }
    }

    /// Drops what is queued. Nothing is added any more.
    pub fn close(&self) {
        *lock(&self.queue.state) = State::default();
        self.queue.changed.notify_all();
    }

    /// Waits for the end of the thread. The `overshootsink` must be stopped.
    pub fn stop(&self) {
        self.close();
        // They fail only if the pad is inactive already.
        let _ = self.pad.set_active(false);
        let _ = self.pad.stop_task();
    }

    /// Adds a frame.
    pub fn push_frame(&self, frame: gst::Buffer) {
        self.queue.push_frame(frame);
    }

    /// Adds an event.
    pub fn push_event(&self, event: gst::Event) {
        if let gst::EventView::Caps(caps) = event.view() {
            lock(&self.queue.state).stands_alone = stands_alone(caps.caps());
        }
        self.queue.push(Item::Event(event));
    }

    /// Drops the frames that wait, and lets the `overshootsink` begin anew.
    pub fn flush(&self, resets_time: bool) {
        self.queue.flush(resets_time);
    }
}

fn push(pad: &gst::Pad, item: Item) {
    // The video that passes does not depend on what becomes of this.
    match item {
        Item::Frame(frame) => {
            if let Err(flow) = pad.push(frame) {
                gst::log!(CAT, obj = pad, "a frame was not taken: {flow}");
            }
        }
        Item::Event(event) => {
            if !pad.push_event(event.clone()) {
                gst::debug!(CAT, obj = pad, "not taken: {event:?}");
            }
        }
        Item::Flush(resets_time) => {
            pad.push_event(gst::event::FlushStart::new());
            pad.push_event(gst::event::FlushStop::new(resets_time));
        }
    }
}

fn stands_alone(caps: &gst::CapsRef) -> bool {
    let alone = [
        "video/x-raw",
        "image/jpeg",
        "video/x-prores",
        "video/x-dnxhd",
    ];
    caps.structure(0)
        .is_some_and(|structure| alone.contains(&structure.name().as_str()))
}

impl Queue {
    /// Waits for the next item. `None`: the queue is closed.
    fn next(&self) -> Option<Item> {
        let state = lock(&self.state);
        let nothing = |state: &mut State| state.is_open && state.items.is_empty();
        let waited = self.changed.wait_while(state, nothing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.items.pop_front()
    }

    fn push(&self, item: Item) {
        let mut state = lock(&self.state);
        let is_gap = matches!(&item, Item::Event(event) if !event.is_sticky());
        if state.is_open && !(is_gap && state.items.len() >= MAX_ITEMS) {
            state.items.push_back(item);
            self.changed.notify_one();
        }
    }

    fn push_frame(&self, mut frame: gst::Buffer) {
        // What is dropped may be freed by others, which must not happen under the lock.
        let mut dropped = Vec::new();
        let mut state = lock(&self.state);
        if !state.is_open {
            return;
        }
        let sizes = state.frames().map(|frame| frame.size());
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        if state.stands_alone {
            if count >= MAX_FRAMES {
                dropped.extend(state.take_frames(count + 1 - MAX_FRAMES));
            }
        } else {
            if count >= MAX_ENCODED_FRAMES || bytes >= MAX_ENCODED_BYTES {
                dropped.extend(state.take_frames(count));
                state.needs_key_frame = true;
            }
            if state.needs_key_frame {
                if frame.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                    return;
                }
                state.needs_key_frame = false;
                frame.make_mut().set_flags(gst::BufferFlags::DISCONT);
            }
        }
        state.items.push_back(Item::Frame(frame));
        self.changed.notify_one();
    }

    fn flush(&self, resets_time: bool) {
        let mut dropped = Vec::new();
        let mut state = lock(&self.state);
        if state.is_open {
            dropped.extend(state.take_frames(usize::MAX));
            state.needs_key_frame = false;
            // An end before the flush is no end any more.
            let is_end =
                |item: &Item| matches!(item, Item::Event(e) if e.type_() == gst::EventType::Eos);
            state.items.retain(|item| !is_end(item));
            state.items.push_back(Item::Flush(resets_time));
            self.changed.notify_one();
        }
    }
}

impl State {
    fn frames(&self) -> impl Iterator<Item = &gst::Buffer> {
        self.items.iter().filter_map(|item| match item {
            Item::Frame(frame) => Some(frame),
            _ => None,
        })
    }

    /// Takes this many frames out, the oldest first. Events stay.
    fn take_frames(&mut self, count: usize) -> VecDeque<Item> {
        let mut left = count;
        let items = std::mem::take(&mut self.items);
        let (taken, kept) = items.into_iter().partition(|item: &Item| {
            let is_taken = left > 0 && matches!(item, Item::Frame(_));
            left -= usize::from(is_taken);
            is_taken
        });
        self.items = kept;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(stands_alone: bool) -> Queue {
        gst::init().expect("GStreamer");
        let queue = Queue::default();
        *lock(&queue.state) = State {
            is_open: true,
            stands_alone,
            ..State::default()
        };
        queue
    }

    fn push(queue: &Queue, index: usize, is_delta: bool) {
        let mut frame = gst::Buffer::new();
        let writable = frame.make_mut();
        writable.set_offset(index as u64);
        if is_delta {
            writable.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        queue.push_frame(frame);
    }

    fn queued(queue: &Queue) -> Vec<u64> {
        lock(&queue.state)
            .frames()
            .map(|frame| frame.offset())
            .collect()
    }

    #[test]
    fn the_newest_raw_frames_win() {
        let queue = open(true);
        for index in 0..10 {
            push(&queue, index, false);
            if index == 7 {
                queue.push(Item::Event(gst::event::Gap::new(
                    gst::ClockTime::ZERO,
                    None,
                )));
            }
        }
        assert_eq!(queued(&queue), [8, 9]);
        // The event is between the frames that it was between.
        assert!(matches!(queue.next(), Some(Item::Event(_))));
        queue.flush(true);
        assert!(queued(&queue).is_empty());
        assert!(matches!(queue.next(), Some(Item::Flush(true))));
    }

    #[test]
    fn encoded_video_goes_on_at_a_key_frame() {
        let queue = open(false);
        for index in 0..MAX_ENCODED_FRAMES {
            push(&queue, index, index > 0);
        }
        assert_eq!(queued(&queue).len(), MAX_ENCODED_FRAMES);
        push(&queue, 1000, true);
        assert!(queued(&queue).is_empty());
        push(&queue, 1001, true);
        push(&queue, 1002, false);
        push(&queue, 1003, true);
        assert_eq!(queued(&queue), [1002, 1003]);
        let Some(Item::Frame(first)) = queue.next() else {
            panic!("a frame");
        };
        assert!(first.flags().contains(gst::BufferFlags::DISCONT));
    }
}

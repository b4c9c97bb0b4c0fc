// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The request pads for answers, `text_src` and `json_src`. Each pad has its own task and its own bounded
//! queue, so a slow or paused reader blocks neither the video nor the other pad.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::messages;
use crate::lock::lock;
use crate::sink::{CAT, call, running_time};

/// Maximum number of answers that wait for a slow reader. Beyond it, the oldest answer is dropped.
const MAX_QUEUED_ANSWERS: usize = 1024;

/// After this time without an answer, the pad sends a GAP event. Sparse streams must do so, because the
/// elements downstream would otherwise wait for data.
const GAP_INTERVAL: Duration = Duration::from_millis(500);

/// An answer ends this long before the next one begins: about the duration of a frame.
const HANDOVER_GAP: Duration = Duration::from_millis(40);

/// GAP events end this long before now: an answer of that age may not have reached the pad yet, and its
/// time must not be covered by a GAP event.
const GAP_MARGIN: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Minimum duration of an answer, so that a reader can show it.
const MIN_DURATION: Duration = Duration::from_millis(100);

/// If the running time goes back by more than this, it was reset.
const RESET_THRESHOLD: gst::ClockTime = gst::ClockTime::from_mseconds(200);

#[derive(Debug)]
enum QueuedItem {
    Text {
        text: String,
        time: gst::ClockTime,
        duration: gst::ClockTime,
    },
    Event(gst::Structure),
    End,
    Restart,
}

#[derive(Default)]
struct State {
    items: VecDeque<QueuedItem>,
    /// The pad is active.
    running: bool,
    /// The stream position: the end of what the pad has sent, as buffers or GAP events. `None`: the pad has
    /// not sent its first events yet.
    position: Option<gst::ClockTime>,
    /// EOS was sent. Nothing follows it, unless the stream starts again.
    ended: bool,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits for the next item, but not longer than [`GAP_INTERVAL`].
    fn next(&self) -> Next {
        let idle = |state: &mut State| state.running && state.items.is_empty();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), GAP_INTERVAL, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.running {
            return Next::Stop;
        }
        state.items.pop_front().map_or(Next::Quiet, Next::Item)
    }
}

enum Next {
    Item(QueuedItem),
    /// No item arrived within [`GAP_INTERVAL`].
    Quiet,
    /// The pad is being deactivated.
    Stop,
}

/// A request pad for answers.
pub struct AnswerPad {
    pub pad: gst::Pad,
    queue: Arc<Queue>,
}

impl AnswerPad {
    /// `take_event` gets the events that come from the reader. It returns those that it does not take.
    pub fn new(
        template: &gst::PadTemplate,
        take_event: impl Fn(gst::Event) -> Result<bool, gst::Event> + Send + Sync + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let on_mode = queue.clone();
        let pad = gst::Pad::builder_from_template(template)
            .name(template.name_template())
            .activatemode_function(move |pad, _, mode, active| {
                activate(pad, &on_mode, mode, active)
            })
            .event_function(move |pad, parent, event| {
                take_event(event)
                    .unwrap_or_else(|event| gst::Pad::event_default(pad, parent, event))
            })
            .build();
        Self { pad, queue }
    }

    /// Queues an answer. Never waits. `interval` is the time to the next answer.
    pub fn push(&self, text: String, time: gst::ClockTime, interval: Duration) {
        // textoverlay shows a text without a duration for only one frame. It takes the next text when the
        // current one has ended, and shows one frame without text in between. If a text ends just before
        // the next one arrives, the next text is not delayed.
        let shown = interval.saturating_sub(HANDOVER_GAP).max(MIN_DURATION);
        let duration = messages::clock_time(shown);
        self.queue(QueuedItem::Text {
            text,
            time,
            duration,
        });
    }

    /// Queues a downstream event with this structure behind the answers.
    pub fn push_event(&self, structure: gst::Structure) {
        self.queue(QueuedItem::Event(structure));
    }

    fn queue(&self, item: QueuedItem) {
        let mut state = self.queue.lock();
        if !state.running {
            return;
        }
        if state.items.len() >= MAX_QUEUED_ANSWERS {
            state.items.pop_front();
            gst::warning!(
                CAT,
                obj = self.pad,
                "the reader of this pad is too slow: dropping the oldest queued answer"
            );
        }
        state.items.push_back(item);
        self.queue.changed.notify_one();
    }

    /// Queues EOS behind the answers.
    pub fn end(&self) {
        self.queue.lock().items.push_back(QueuedItem::End);
        self.queue.changed.notify_one();
    }

    /// Queues a new start of the stream, which counts only after EOS.
    pub fn restart(&self) {
        self.queue.lock().items.push_back(QueuedItem::Restart);
        self.queue.changed.notify_one();
    }
}

fn activate(
    pad: &gst::Pad,
    queue: &Arc<Queue>,
    mode: gst::PadMode,
    active: bool,
) -> Result<(), gst::LoggableError> {
    if mode != gst::PadMode::Push {
        return Err(gst::loggable_error!(CAT, "the pad supports only push mode"));
    }
    *queue.lock() = State {
        running: active,
        ..State::default()
    };
    queue.changed.notify_one();
    if active {
        let (weak, queue) = (pad.downgrade(), queue.clone());
        pad.start_task(move || {
            if let Some(pad) = weak.upgrade() {
                step(&pad, &queue);
            }
        })
        .map_err(|error| gst::loggable_error!(CAT, "the pad cannot start its task: {error}"))
    } else {
        pad.stop_task()
            .map_err(|error| gst::loggable_error!(CAT, "the pad cannot stop its task: {error}"))
    }
}

/// One iteration of the pad's task.
fn step(pad: &gst::Pad, queue: &Queue) {
    let Some(element) = pad.parent_element() else {
        return;
    };
    let Some(position) = queue.lock().position else {
        let now = running_time(&element).unwrap_or_default();
        open(pad, &element, now);
        queue.lock().position = Some(now);
        return;
    };
    let ended = queue.lock().ended;
    let (flow, position) = match queue.next() {
        Next::Item(QueuedItem::Restart) => {
            let mut state = queue.lock();
            if std::mem::take(&mut state.ended) {
                state.position = None;
            }
            return;
        }
        Next::Stop => return,
        Next::Item(_) | Next::Quiet if ended => return,
        Next::Item(QueuedItem::Text {
            text,
            time,
            duration,
        }) => {
            let time = in_order(time, position);
            let mut buffer = gst::Buffer::from_slice(text.into_bytes());
            let times = buffer.make_mut();
            times.set_pts(time);
            times.set_duration(duration);
            (call::push(pad, buffer).map(drop), time)
        }
        Next::Item(QueuedItem::Event(structure)) => {
            pad.push_event(gst::event::CustomDownstream::new(structure));
            (Ok(()), position)
        }
        Next::Item(QueuedItem::End) => {
            pad.push_event(gst::event::Eos::new());
            queue.lock().ended = true;
            (Ok(()), position)
        }
        Next::Quiet => match running_time(&element).map(|now| now.saturating_sub(GAP_MARGIN)) {
            Some(now) if now > position => {
                let gap = gst::event::Gap::builder(position).duration(now - position);
                pad.push_event(gap.build());
                (Ok(()), now)
            }
            Some(now) => (Ok(()), in_order(now, position)),
            None => (Ok(()), position),
        },
    };
    queue.lock().position = Some(position);
    match flow {
        Ok(()) | Err(gst::FlowError::NotLinked) => {}
        Err(error) => {
            gst::debug!(CAT, obj = pad, "the pad stops sending: {error}");
            // It fails only if the pad is being deactivated, which also stops the task.
            let _ = pad.pause_task();
        }
    }
}

/// The time of a buffer: not before the stream position, unless the running time was reset, for example by
/// a flushing seek.
fn in_order(time: gst::ClockTime, position: gst::ClockTime) -> gst::ClockTime {
    if time + RESET_THRESHOLD < position {
        time
    } else {
        time.max(position)
    }
}

/// Sends the first events of the stream. The GAP event lets sinks preroll, because the first answer arrives
/// only when the pipeline is in PLAYING.
fn open(pad: &gst::Pad, element: &gst::Element, now: gst::ClockTime) {
    let id = pad.create_stream_id(element, Some(&pad.name()));
    let start = gst::event::StreamStart::builder(&id)
        .flags(gst::StreamFlags::SPARSE)
        .group_id(gst::GroupId::next());
    pad.push_event(start.build());
    pad.push_event(gst::event::Caps::new(&pad.pad_template_caps()));
    pad.push_event(gst::event::Segment::new(&gst::FormattedSegment::<
        gst::ClockTime,
    >::new()));
    pad.push_event(gst::event::Gap::new(now, gst::ClockTime::ZERO));
}

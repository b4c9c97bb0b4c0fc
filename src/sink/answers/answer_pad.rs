//! The request pads that answers leave by. Each has a task and a bounded queue of its own, so that
//! a slow or paused reader holds back neither video nor the other pads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::messages;
use crate::sink::lock::lock;
use crate::sink::{CAT, running_time};

/// Answers that wait for a reader; the oldest is dropped for the next.
const MAX_QUEUED_ANSWERS: usize = 1024;

/// Without an answer for this long a GAP event says so: sparse streams must not leave the
/// elements behind them waiting.
const GAP_INTERVAL: Duration = Duration::from_millis(500);

/// How long before the next answer one ends: about a frame.
const HANDOVER_GAP: Duration = Duration::from_millis(40);

/// An answer of this age may still be on its way to the pad, and must find its time untold.
const GAP_MARGIN: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// Shortest time that an answer is to be shown.
const MIN_DURATION: Duration = Duration::from_millis(100);

/// Running time that goes back by more than this began anew.
const RESET_THRESHOLD: gst::ClockTime = gst::ClockTime::from_mseconds(200);

#[derive(Debug)]
enum QueuedItem {
    Text {
        text: String,
        time: gst::ClockTime,
        duration: gst::ClockTime,
    },
    End,
}

#[derive(Default)]
struct State {
    items: VecDeque<QueuedItem>,
    /// The pad is active.
    running: bool,
    /// Up to where the reader knows what came.
    told_to: Option<gst::ClockTime>,
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

    /// Waits for the next thing to do.
    fn next(&self) -> Next {
        let idle = |state: &mut State| state.running && state.items.is_empty();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), GAP_INTERVAL, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.running {
            return Next::Stop;
        }
        state
            .items
            .pop_front()
            .map_or(Next::Quiet, Next::QueuedItem)
    }
}

enum Next {
    QueuedItem(QueuedItem),
    /// Nothing came for [`GAP_INTERVAL`].
    Quiet,
    /// The pad is being deactivated.
    Stop,
}

/// A text pad of the element.
pub struct AnswerPad {
    pub pad: gst::Pad,
    queue: Arc<Queue>,
}

impl AnswerPad {
    pub fn new(template: &gst::PadTemplate) -> Self {
        let queue = Arc::new(Queue::default());
        let on_mode = queue.clone();
        let pad = gst::Pad::builder_from_template(template)
            .name(template.name_template())
            .activatemode_function(move |pad, _, mode, active| {
                activate(pad, &on_mode, mode, active)
            })
            .build();
        Self { pad, queue }
    }

    /// Queues an answer. Never waits. `interval` is the time to the next one.
    pub fn push(&self, text: String, time: gst::ClockTime, interval: Duration) {
        let mut state = self.queue.lock();
        if !state.running {
            return;
        }
        if state.items.len() >= MAX_QUEUED_ANSWERS {
            state.items.pop_front();
            gst::warning!(
                CAT,
                obj = self.pad,
                "the reader is too slow: an answer was dropped"
            );
        }
        // textoverlay shows a text without a duration for one frame only, and takes the next one
        // when that is over, at the price of a frame without any: if it is over just before the next
        // one comes, that costs no time.
        let shown = interval.saturating_sub(HANDOVER_GAP).max(MIN_DURATION);
        let duration = messages::clock_time(shown);
        state.items.push_back(QueuedItem::Text {
            text,
            time,
            duration,
        });
        self.queue.changed.notify_one();
    }

    /// Queues the end of the stream, behind the answers.
    pub fn end(&self) {
        self.queue.lock().items.push_back(QueuedItem::End);
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
        return Err(gst::loggable_error!(CAT, "only push mode"));
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
        .map_err(|error| gst::loggable_error!(CAT, "no task: {error}"))
    } else {
        pad.stop_task()
            .map_err(|error| gst::loggable_error!(CAT, "the task does not stop: {error}"))
    }
}

/// One round of the pad's task.
fn step(pad: &gst::Pad, queue: &Queue) {
    let Some(element) = pad.parent_element() else {
        return;
    };
    let Some(told_to) = queue.lock().told_to else {
        let now = running_time(&element).unwrap_or_default();
        open(pad, &element, now);
        queue.lock().told_to = Some(now);
        return;
    };
    let (flow, told_to) = match queue.next() {
        Next::QueuedItem(QueuedItem::Text {
            text,
            time,
            duration,
        }) => {
            let time = in_order(time, told_to);
            let mut buffer = gst::Buffer::from_slice(text.into_bytes());
            let times = buffer.make_mut();
            times.set_pts(time);
            times.set_duration(duration);
            (pad.push(buffer).map(drop), time)
        }
        Next::QueuedItem(QueuedItem::End) => {
            pad.push_event(gst::event::Eos::new());
            (Err(gst::FlowError::Eos), told_to)
        }
        Next::Quiet => match running_time(&element).map(|now| now.saturating_sub(GAP_MARGIN)) {
            Some(now) if now > told_to => {
                let gap = gst::event::Gap::builder(told_to).duration(now - told_to);
                pad.push_event(gap.build());
                (Ok(()), now)
            }
            Some(now) => (Ok(()), in_order(now, told_to)),
            None => (Ok(()), told_to),
        },
        Next::Stop => return,
    };
    queue.lock().told_to = Some(told_to);
    match flow {
        Ok(()) | Err(gst::FlowError::NotLinked) => {}
        Err(error) => {
            gst::debug!(CAT, obj = pad, "no more text: {error}");
            // Fails only where the pad is being deactivated, which stops the task too.
            let _ = pad.pause_task();
        }
    }
}

/// Not before what was told, unless running time began anew, as it does with a flushing seek.
fn in_order(time: gst::ClockTime, told_to: gst::ClockTime) -> gst::ClockTime {
    if time + RESET_THRESHOLD < told_to {
        time
    } else {
        time.max(told_to)
    }
}

/// The events that a stream begins with. The gap lets sinks preroll: the first answer comes only
/// once the pipeline plays.
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

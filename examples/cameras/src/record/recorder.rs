// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps the last seconds of a camera, and passes the frames of an event to a [`FileWriter`].

use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::config::Trigger;
use crate::lock::lock;

use super::file_writer::FileWriter;
use super::ring_buffer::{Frame, RingBuffer};

/// Limit for the frames of one camera in memory: a minute at 8 Mbit/s.
const MAX_RING_BYTES: usize = 64 * 1024 * 1024;
/// Frames are kept this much longer than `before-seconds`, because an answer comes this much later than its
/// frame.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);
/// How many frames may wait for the disk: about ten seconds.
const MAX_QUEUED_FRAMES: usize = 300;

#[derive(Debug)]
pub struct Recorder {
    camera: String,
    trigger: Trigger,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: RingBuffer,
    caps: Option<gst::Caps>,
    open: Option<OpenRecording>,
    /// Whether the last file ended too early.
    cut_short: bool,
}

#[derive(Debug)]
struct OpenRecording {
    until: gst::ClockTime,
    /// Dropping it ends the file.
    frames: SyncSender<gst::Buffer>,
}

impl Recorder {
    pub fn new(camera: &str, trigger: &Trigger) -> Self {
        let length = clock_time(trigger.before() + MAX_ANSWER_TIME);
        Self {
            camera: camera.to_owned(),
            trigger: trigger.clone(),
            inner: Mutex::new(Inner {
                ring: RingBuffer::new(length, MAX_RING_BYTES),
                caps: None,
                open: None,
                cut_short: false,
            }),
        }
    }

    /// Takes the next access unit, on the streaming thread.
    pub fn push_frame(&self, sample: &gst::Sample) {
        let Some(frame) = to_frame(sample) else {
            return;
        };
        let mut inner = lock(&self.inner);
        let caps = sample.caps();
        if inner.caps.as_deref() != caps {
            // A file has one format. After a change, a new file begins with a new key frame.
            inner.caps = caps.map(ToOwned::to_owned);
            inner.ring.clear();
            inner.open = None;
        }
        if let Some(open) = &inner.open {
            let complete = frame.time > open.until;
            // If the disk is too slow, the file ends early. A gap would be worse.
            let full = !complete
                && matches!(
                    open.frames.try_send(frame.buffer.clone()),
                    Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
                );
            if complete || full {
                inner.cut_short |= full;
                inner.open = None;
            }
        }
        inner.ring.push(frame);
    }

    /// Starts a file for an event at this running time. `None` means that the current file was extended.
    pub fn start(&self, event: gst::ClockTime) -> Result<Option<FileWriter>, &'static str> {
        let until = event + clock_time(self.trigger.after());
        let mut inner = lock(&self.inner);
        if let Some(open) = &mut inner.open {
            open.until = until;
            return Ok(None);
        }
        let first = inner
            .ring
            .since(event.saturating_sub(clock_time(self.trigger.before())));
        let caps = inner.caps.clone();
        let (Some(caps), false) = (caps, first.is_empty()) else {
            return Err("no key frame is in memory: set the camera to send key frames more often");
        };
        let (frames, rest) = sync_channel(MAX_QUEUED_FRAMES);
        // If the answer came later than `after-seconds`, all frames are in memory already.
        let newest = first.last().map(|frame| frame.time);
        inner.open = (newest < Some(until)).then_some(OpenRecording { until, frames });
        let first = first
            .into_iter()
            .take_while(|frame| frame.time <= until)
            .map(|frame| frame.buffer)
            .collect();
        Ok(Some(FileWriter::new(
            &self.trigger.folder,
            &self.camera,
            caps,
            first,
            rest,
        )))
    }

    /// Whether a file is being written.
    pub fn is_recording(&self) -> bool {
        lock(&self.inner).open.is_some()
    }

    /// Whether the last file ended early because the disk was too slow. Resets the flag.
    pub fn take_cut_short(&self) -> bool {
        std::mem::take(&mut lock(&self.inner).cut_short)
    }

    /// Ends the current file.
    pub fn finish(&self) {
        lock(&self.inner).open = None;
    }
}

/// The frame with its running time as its timestamp.
fn to_frame(sample: &gst::Sample) -> Option<Frame> {
    let mut buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = segment.to_running_time(buffer.pts().or(buffer.dts())?)?;
    let writable = buffer.make_mut();
    writable.set_pts(time);
    writable.set_dts(gst::ClockTime::NONE);
    Some(Frame { buffer, time })
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    duration.try_into().unwrap_or(gst::ClockTime::MAX)
}

//! Records what a camera sent around an event, as it came: nothing is encoded again.
//!
//! [`Recorder`] keeps the last seconds on the streaming thread, which never waits for a disk;
//! [`Writing`] is the file, on a thread of its own.

mod ring;
mod write;

use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::config::Trigger;
use crate::lock::lock;
use ring::{Frame, Ring};
pub use write::Writing;

/// What a camera's ring may take: a minute of 8 Mbit/s.
const RING_BYTES: usize = 64 * 1024 * 1024;
/// What an answer may take, so that what was before its picture is still there.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// How many frames may wait for the disk: some ten seconds of them.
const FRAMES_WAITING: usize = 300;

#[derive(Debug)]
pub struct Recorder {
    camera: String,
    trigger: Trigger,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: Ring,
    caps: Option<gst::Caps>,
    running: Option<Running>,
    /// The last file ended before its time.
    cut: bool,
}

#[derive(Debug)]
struct Running {
    until: gst::ClockTime,
    /// Dropped, it ends the file.
    frames: SyncSender<gst::Buffer>,
}

impl Recorder {
    pub fn new(camera: &str, trigger: &Trigger) -> Self {
        let length = clock_time(trigger.before() + ANSWER_PATIENCE);
        Self {
            camera: camera.to_owned(),
            trigger: trigger.clone(),
            inner: Mutex::new(Inner {
                ring: Ring::new(length, RING_BYTES),
                caps: None,
                running: None,
                cut: false,
            }),
        }
    }

    /// The next access unit; on the streaming thread.
    pub fn frame(&self, sample: &gst::Sample) {
        let Some(frame) = frame_of(sample) else {
            return;
        };
        let mut inner = lock(&self.inner);
        let caps = sample.caps();
        if inner.caps.as_deref() != caps {
            // A file holds video of one kind: another one begins with another key frame.
            inner.caps = caps.map(ToOwned::to_owned);
            inner.ring.clear();
            inner.running = None;
        }
        if let Some(running) = &inner.running {
            let over = frame.time > running.until;
            // Where the disk is too slow the file has an end, rather than a gap.
            let full = !over
                && matches!(
                    running.frames.try_send(frame.buffer.clone()),
                    Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
                );
            if over || full {
                inner.cut |= full;
                inner.running = None;
            }
        }
        inner.ring.push(frame);
    }

    /// An event began at this running time. `None`: the file that is being written goes on for longer.
    pub fn fire(&self, event: gst::ClockTime) -> Result<Option<Writing>, &'static str> {
        let until = event + clock_time(self.trigger.after());
        let mut inner = lock(&self.inner);
        if let Some(running) = &mut inner.running {
            running.until = until;
            return Ok(None);
        }
        let first = inner
            .ring
            .since(event.saturating_sub(clock_time(self.trigger.before())));
        let caps = inner.caps.clone();
        let (Some(caps), false) = (caps, first.is_empty()) else {
            return Err(
                "there is no key frame in memory to begin with: the camera sends too few of them",
            );
        };
        let (frames, rest) = sync_channel(FRAMES_WAITING);
        // It is over already where the answer took longer than that.
        let newest = first.last().map(|frame| frame.time);
        inner.running = (newest < Some(until)).then_some(Running { until, frames });
        let first = first
            .into_iter()
            .take_while(|frame| frame.time <= until)
            .map(|frame| frame.buffer)
            .collect();
        Ok(Some(Writing::new(
            &self.trigger.folder,
            &self.camera,
            caps,
            first,
            rest,
        )))
    }

    /// Whether a file is being written.
    pub fn is_running(&self) -> bool {
        lock(&self.inner).running.is_some()
    }

    /// Whether the last file ended early, as the disk was too slow.
    pub fn was_cut(&self) -> bool {
        std::mem::take(&mut lock(&self.inner).cut)
    }

    /// Ends the file now.
    pub fn end(&self) {
        lock(&self.inner).running = None;
    }
}

/// With its running time in place of its timestamps.
fn frame_of(sample: &gst::Sample) -> Option<Frame> {
    let mut buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = segment.to_running_time(buffer.pts().or(buffer.dts())?)?;
    let changed = buffer.make_mut();
    changed.set_pts(time);
    changed.set_dts(gst::ClockTime::NONE);
    Some(Frame { buffer, time })
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    duration.try_into().unwrap_or(gst::ClockTime::MAX)
}

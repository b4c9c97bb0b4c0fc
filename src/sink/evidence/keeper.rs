// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is kept of a run's video, and the thread that makes pictures and files of it.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gst::ClockTime;
use gst::prelude::*;

use super::jpeg_encoder::JpegEncoder;
use super::taps;
use super::worker::{Shared, join, spawn};
use crate::lock::lock;
use crate::sink::config::evidence::EvidencePlan;
use crate::sink::enums::Evidence;
use crate::sink::frames::stamps::Stamps;

/// How long an answer waits for its picture and its files.
pub const EVIDENCE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Answers that may wait for their pictures.
const MAX_JOBS: usize = 16;
/// Longest time that [`Keeper::stop`] waits for the thread and for the files.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// What an answer needs.
pub struct Request {
    /// The running time of the frame that it is about, if that is known.
    pub time: Option<ClockTime>,
    /// The running time of its arrival.
    pub now: Option<ClockTime>,
    /// The name of the first alert that it raises.
    pub alert: Option<String>,
}

/// What an answer gets.
#[derive(Default)]
pub struct Found {
    pub picture: Option<gst::Sample>,
    /// The file of the picture, if it was written.
    pub file: Option<String>,
}

/// A clip that is complete.
pub struct Clip {
    /// The name of the alert that began it.
    pub alert: String,
    pub location: String,
    /// The running times of its first and last frame.
    pub start: ClockTime,
    pub end: ClockTime,
}

/// What happens besides answers.
pub enum Event {
    Clip(Clip),
    /// A file was not written, and the one before was. The text says what to change.
    NotWritten(String),
}

type Job = (Request, Box<dyn FnOnce(Found) + Send>);
/// Called on other threads.
pub type OnEvent = Box<dyn Fn(Event) + Send + Sync>;

/// Keeps evidence for one run.
pub struct Keeper {
    shared: Arc<Shared>,
    jpeg: Mutex<Option<Arc<JpegEncoder>>>,
    jobs: Mutex<Option<mpsc::SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Starts. `on_event` is called on other threads.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn start(plan: &EvidencePlan, on_event: OnEvent) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(plan, on_event));
        let (jobs, received) = mpsc::sync_channel::<Job>(MAX_JOBS);
        let worker = shared.clone();
        let thread = spawn("overshoot-still", move || {
            for (request, reply) in received {
                reply(worker.find(&request));
            }
        })?;
        Ok(Self {
            shared,
            jpeg: Mutex::default(),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Watches the frames around an encoder. `stamps`: the timestamps of its chain.
    pub fn watch_encoder(&self, encoder: &gst::Element, stamps: &Arc<Stamps>) {
        let shared = &self.shared;
        let (Some(sink), Some(src)) = (encoder.static_pad("sink"), encoder.static_pad("src"))
        else {
            return;
        };
        if shared.plan.stills != Evidence::None {
            let mut jpeg = lock(&self.jpeg);
            if jpeg.is_none() {
                match JpegEncoder::start(shared.stills.clone()) {
                    Ok(started) => *jpeg = Some(Arc::new(started)),
                    Err(why) => shared.report(&format!("No pictures can be made: {why}.")),
                }
            }
            if let Some(jpeg) = &*jpeg {
                taps::watch_raw(&sink, jpeg.clone(), stamps.clone());
            }
        }
        if shared.plan.clip.is_some() {
            let of_source = shared.clone();
            let is_wanted = move || !of_source.has_encoded_source.load(Relaxed);
            taps::watch_encoded(&src, shared.packets.clone(), stamps.clone(), is_wanted);
        }
    }

    /// Says whether the source sends encoded video.
    pub fn set_encoded_source(&self, is_encoded: bool) {
        self.shared.has_encoded_source.store(is_encoded, Relaxed);
    }

    /// Takes an encoded frame of the source, which leaves `pad`. `is_passed`: it is sent as it is.
    pub fn take_source_frame(&self, pad: &gst::Pad, frame: &gst::Buffer, is_passed: bool) {
        let plan = &self.shared.plan;
        let is_needed = plan.clip.is_some() || (is_passed && plan.stills != Evidence::None);
        if is_needed && let Some(packet) = taps::source_packet(pad, frame) {
            self.shared.packets.push(packet);
        }
    }

    /// What an answer can have at once. `None`: it must be requested.
    pub fn find_now(&self, request: &Request) -> Option<Found> {
        let plan = &self.shared.plan;
        let wants_picture = match plan.stills {
            Evidence::None => false,
            Evidence::Jpeg => true,
            Evidence::JpegAlerts => request.alert.is_some(),
        };
        if plan.location.is_some() && request.alert.is_some() {
            return None;
        }
        let found = |picture| Found {
            picture,
            file: None,
        };
        let Some(time) = request.time.filter(|_| wants_picture) else {
            if wants_picture {
                self.shared.count(false, "the frame is not known");
            }
            return Some(found(None));
        };
        let picture = self.shared.stills.find(time)?;
        self.shared.count(true, "");
        Some(found(Some(picture)))
    }

    /// Asks for what an answer needs. `reply` is called on another thread. Returns `false`, and does not call it, if too
    /// many wait already.
    pub fn request(&self, request: Request, reply: impl FnOnce(Found) + Send + 'static) -> bool {
        let jobs = lock(&self.jobs);
        let sent = jobs
            .as_ref()
            .is_some_and(|jobs| jobs.try_send((request, Box::new(reply))).is_ok());
        if !sent {
            self.shared
                .count(false, "too many answers wait for pictures");
        }
        sent
    }

    /// Adds the counters to `stats`.
    pub fn add_to(&self, stats: &mut gst::StructureRef) {
        stats.set("evidence-pictures", self.shared.pictures.load(Relaxed));
        stats.set("evidence-missing", self.shared.missing.load(Relaxed));
    }

    /// Begins to end the thread, and the clip that goes on.
    pub fn begin_stop(&self) {
        self.shared.is_stopped.store(true, Relaxed);
        *lock(&self.jobs) = None;
        self.shared.packets.finish();
    }

    /// Ends them. It waits, but not longer than [`STOP_TIMEOUT`].
    pub fn stop(&self) {
        self.begin_stop();
        let thread = lock(&self.thread).take();
        let end = Instant::now() + STOP_TIMEOUT;
        join(thread.into_iter().collect(), end);
        self.shared.packets.finish();
        let clips = std::mem::take(&mut *lock(&self.shared.clips));
        join(clips, end);
        *lock(&self.jpeg) = None;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

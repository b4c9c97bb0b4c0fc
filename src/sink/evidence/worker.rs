// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Finds pictures, and writes files, on threads of their own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gst::ClockTime;

use super::clip::{NewClip, Packets};
use super::files::{Files, part_of, publish};
use super::keeper::{Clip, Event, Found, OnEvent, Request, STOP_TIMEOUT};
use super::still_ring::StillRing;
use super::{clip_writer, packet_decoder};
use crate::at_exit::Work;
use crate::lock::lock;
use crate::sink::CAT;
use crate::sink::config::evidence::EvidencePlan;
use crate::sink::enums::Evidence;

/// Longest time that a picture of encoded video may take.
const DECODING_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time that a picture of raw video is awaited: it is made when the frame is sent, long before an answer.
const STILL_TIMEOUT: Duration = Duration::from_millis(200);
/// Clips that are written at the same time: one that goes on, and some whose ends wait for the disk.
const MAX_CLIPS: usize = 4;

/// What the threads share.
pub struct Shared {
    pub plan: EvidencePlan,
    pub stills: Arc<StillRing>,
    pub packets: Arc<Packets>,
    files: Option<Files>,
    pub clips: Mutex<Vec<JoinHandle<()>>>,
    /// The source sends encoded video.
    pub has_encoded_source: AtomicBool,
    pub is_stopped: AtomicBool,
    /// A failure to write was reported, and nothing has been written since.
    is_reported: AtomicBool,
    pub pictures: AtomicU64,
    pub missing: AtomicU64,
    on_event: OnEvent,
}

/// Waits for the end of these threads. One that hangs, for example in a network folder, is left behind.
pub fn join(threads: Vec<JoinHandle<()>>, end: Instant) {
    for thread in threads {
        if thread.thread().id() == thread::current().id() {
            continue;
        }
        while !thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        if !thread.is_finished() {
            gst::error!(CAT, "writing evidence takes longer than {STOP_TIMEOUT:?}");
        } else if thread.join().is_err() {
            gst::error!(CAT, "a thread for evidence panicked");
        }
    }
}

/// # Errors
/// The operating system cannot start a thread.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let work = Work::begin();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        work.is_done_here();
        run();
        drop(work);
    })
}

impl Shared {
    pub fn new(plan: &EvidencePlan, on_event: OnEvent) -> Self {
        Self {
            plan: plan.clone(),
            stills: Arc::default(),
            packets: Arc::new(Packets::new(plan.clip)),
            files: plan.location.as_ref().map(Files::new),
            clips: Mutex::default(),
            has_encoded_source: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            is_reported: AtomicBool::new(false),
            pictures: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            on_event,
        }
    }

    /// What an answer needs. It waits for that.
    pub fn find(self: &Arc<Self>, request: &Request) -> Found {
        let wants_picture = self.plan.stills != Evidence::None;
        let picture = match wants_picture.then(|| self.picture(request.time)) {
            Some(Ok(picture)) => {
                self.count(true, "");
                Some(picture)
            }
            Some(Err(why)) => {
                self.count(false, &why);
                None
            }
            None => None,
        };
        let file = self.files.as_ref().zip(request.alert.as_deref());
        let file =
            file.and_then(|(files, alert)| self.write(files, alert, request, picture.as_ref()));
        Found { picture, file }
    }

    fn picture(&self, time: Option<ClockTime>) -> Result<gst::Sample, String> {
        let time = time.ok_or("the frame is not known")?;
        if let Some(still) = self.stills.find(time) {
            return Ok(still);
        }
        if let Some(packets) = self.packets.leading_to(time) {
            let is_stopped = || self.is_stopped.load(Relaxed);
            return packet_decoder::decode_last(&packets, DECODING_TIMEOUT, is_stopped);
        }
        let still = self.stills.wait_for(time, STILL_TIMEOUT);
        still.ok_or_else(|| format!("no frame of {time} is kept"))
    }

    /// Counts an answer that should have a picture.
    pub fn count(&self, is_there: bool, why: &str) {
        let counter = match is_there {
            true => &self.pictures,
            false => &self.missing,
        };
        counter.fetch_add(1, Relaxed);
        if !is_there {
            gst::info!(CAT, "an answer has no picture: {why}");
        }
    }

    /// Writes the files of an alert. Returns the path of the still.
    fn write(
        self: &Arc<Self>,
        files: &Files,
        alert: &str,
        request: &Request,
        picture: Option<&gst::Sample>,
    ) -> Option<String> {
        let written = picture.map(|picture| {
            let buffer = picture.buffer().map(gst::BufferRef::map_readable);
            let data = buffer.and_then(Result::ok);
            let data = data.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            files.write_still(&data)
        });
        let number = written.unwrap_or_else(|| match self.plan.clip {
            Some(_) => files.reserve(),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        if picture.is_none() && self.plan.clip.is_none() {
            return None;
        }
        let number = match number {
            Ok(number) => number,
            Err(error) => {
                self.report_unwritten(&files.still(0), &error.to_string());
                return None;
            }
        };
        if picture.is_some() {
            self.is_reported.store(false, Relaxed);
        }
        if let (Some(span), Some(time)) = (self.plan.clip, request.time.or(request.now))
            && let Some(clip) = self.packets.begin(time, span)
        {
            self.write_clip(alert, clip, &files.clip(number));
        }
        picture.map(|_| files.still(number).to_string_lossy().into_owned())
    }

    /// Writes a clip, in a thread of its own.
    fn write_clip(self: &Arc<Self>, alert: &str, clip: NewClip, path: &Path) {
        let mut clips = lock(&self.clips);
        clips.retain(|thread| !thread.is_finished());
        if clips.len() >= MAX_CLIPS {
            drop(clips);
            return self.report_unwritten(path, "the disk is too slow for another clip");
        }
        let (this, alert, path) = (self.clone(), alert.to_owned(), path.to_owned());
        let thread = spawn("overshoot-clip", move || {
            let mut frames = clip.frames();
            let mut next = Some(path);
            while let Some(path) = next.take() {
                let is_written = this.write_file(&alert, &mut frames, &path);
                // There are more frames if their format has changed.
                if is_written && frames.peek().is_some() {
                    next = this.next_clip();
                }
            }
        });
        match thread {
            Ok(thread) => clips.push(thread),
            Err(error) => {
                drop(clips);
                self.report(&format!("A clip cannot be written: {error}."));
            }
        }
    }

    /// The name of another file for the clip that goes on.
    fn next_clip(&self) -> Option<PathBuf> {
        let files = self.files.as_ref()?;
        match files.reserve() {
            Ok(number) => Some(files.clip(number)),
            Err(error) => {
                self.report_unwritten(&files.clip(0), &error.to_string());
                None
            }
        }
    }

    /// Writes one file of a clip. Returns whether it could.
    fn write_file(&self, alert: &str, frames: &mut clip_writer::Frames, path: &Path) -> bool {
        let part = part_of(path);
        let written = clip_writer::write(frames, &part).and_then(|times| {
            publish(&part, path).map_err(|error| error.to_string())?;
            Ok(times)
        });
        let is_written = written.is_ok();
        match written {
            Ok((start, end)) => {
                self.is_reported.store(false, Relaxed);
                (self.on_event)(Event::Clip(Clip {
                    alert: alert.to_owned(),
                    location: path.to_string_lossy().into_owned(),
                    start,
                    end,
                }));
            }
            Err(why) => {
                // It may not exist.
                let _ = std::fs::remove_file(&part);
                self.report_unwritten(path, &why);
            }
        }
        is_written
    }

    fn report_unwritten(&self, path: &Path, why: &str) {
        self.report(&format!(
            "The evidence of an alert cannot be written to {path:?}: {why}. Create the folder, make it writable or free space there, or set evidence-location to another one. The alerts go on."
        ));
    }

    /// Reports the first failure of several.
    pub fn report(&self, text: &str) {
        match self.is_reported.swap(true, Relaxed) {
            true => gst::info!(CAT, "{text}"),
            false => (self.on_event)(Event::NotWritten(text.to_owned())),
        }
    }
}

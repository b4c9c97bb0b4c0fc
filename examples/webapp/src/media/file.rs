// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Plays a file: from its beginning or another place, once or again and again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::pipeline::{add, link, make};
use crate::error::AppError;

/// A round that is shorter than this has no video worth repeating.
const MIN_ROUND: Duration = Duration::from_millis(50);
/// After so many of them in a row the video has ended.
const MAX_SHORT_ROUNDS: u32 = 10;

/// How to play a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Playback {
    /// Where to begin, if it is not the beginning.
    pub start_at: Option<gst::ClockTime>,
    pub repeats: bool,
}

/// A file in a pipeline.
pub(crate) struct FilePlayer {
    video: Arc<Mutex<Option<gst::Pad>>>,
    last_round: Instant,
    short_rounds: u32,
}

impl FilePlayer {
    /// Connects a file to the element.
    pub(crate) fn connect(
        path: &Path,
        playback: Playback,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<Self, AppError> {
        let source = make("filesrc")?;
        source.set_property("location", path);
        let decode = make("decodebin")?;
        add(pipeline, &source)?;
        add(pipeline, &decode)?;
        link(&source, &decode)?;
        let input = sink
            .static_pad("sink")
            .ok_or_else(|| AppError::unexpected("the element has no pad"))?;
        let video = Arc::new(Mutex::new(None));
        let found = video.clone();
        // One pad for each track. Audio cannot be linked, so it is ignored.
        decode.connect_pad_added(move |decode, pad| {
            if input.is_linked() || pad.link(&input).is_err() {
                return;
            }
            if playback.repeats || playback.start_at.is_some() {
                seek_first(decode, pad, playback);
            }
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(pad.clone());
        });
        Ok(Self {
            video,
            last_round: Instant::now(),
            short_rounds: 0,
        })
    }

    /// Plays from the beginning again. Returns whether there is something to play.
    pub(crate) fn repeat(&mut self) -> bool {
        let is_short = self.last_round.elapsed() < MIN_ROUND;
        self.short_rounds = if is_short { self.short_rounds + 1 } else { 0 };
        self.last_round = Instant::now();
        let video = self.video.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a flush, the running time goes on.
        let begin = gst::ClockTime::ZERO;
        self.short_rounds < MAX_SHORT_ROUNDS
            && video
                .as_ref()
                .is_some_and(|pad| pad.send_event(seek(begin, gst::SeekFlags::SEGMENT)))
    }
}

/// Seeks before the first frame leaves the pad.
fn seek_first(decode: &gst::Element, pad: &gst::Pad, playback: Playback) {
    let decode = decode.downgrade();
    let blocks = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
    let begun = Mutex::new(false);
    pad.add_probe(blocks, move |pad, info| {
        let already = std::mem::replace(
            &mut *begun.lock().unwrap_or_else(PoisonError::into_inner),
            true,
        );
        let (Some(decode), Some(id), false) = (decode.upgrade(), info.id.take(), already) else {
            return gst::PadProbeReturn::Ok;
        };
        let pad = pad.clone();
        // Not in the streaming thread: the seek waits for it.
        decode.call_async(move |decode| {
            if let Err(why) = seek_to_begin(&pad, playback) {
                gst::element_error!(decode, gst::ResourceError::Seek, ("{why}"));
            }
            pad.remove_probe(id);
        });
        gst::PadProbeReturn::Ok
    });
}

fn seek_to_begin(pad: &gst::Pad, playback: Playback) -> Result<(), String> {
    let begin = playback.start_at.unwrap_or_default();
    if let Some(duration) = pad.query_duration::<gst::ClockTime>()
        && begin >= duration
    {
        return Err(format!(
            "start_at is {} s, but the video has only {:.1} s",
            begin.seconds_f64(),
            duration.seconds_f64()
        ));
    }
    let mut flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    if playback.repeats {
        // At its end there is a message instead of the end of the stream.
        flags |= gst::SeekFlags::SEGMENT;
    }
    match pad.send_event(seek(begin, flags)) {
        true => Ok(()),
        false => Err("this file can only be played once and from its beginning".to_owned()),
    }
}

fn seek(begin: gst::ClockTime, flags: gst::SeekFlags) -> gst::Event {
    let (from, to) = (gst::SeekType::Set, gst::SeekType::None);
    gst::event::Seek::new(1.0, flags, from, begin, to, gst::ClockTime::NONE)
}

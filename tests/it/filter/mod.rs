// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `overshootfilter`: the video passes untouched whatever happens, and the answers are on its frames.

mod analytics;
mod answers;
mod failures;
mod files;
mod hold;
mod surface;
mod untouched;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::Pipeline;

const WAIT: Duration = Duration::from_secs(20);
const LIVE: &str = "videotestsrc name=source is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=30/1";

/// A buffer that passed a pad.
#[derive(Clone)]
struct Passed {
    at: Instant,
    buffer: gst::Buffer,
}

type AllPassed = Arc<Mutex<Vec<Passed>>>;

/// Keeps all buffers that pass a pad of the element. They must not come from a pool with a limit.
fn record(pipeline: &Pipeline, pad: &str) -> AllPassed {
    let all = AllPassed::default();
    let into = all.clone();
    let pad = pipeline.sink.static_pad(pad).expect("the pad");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            into.lock().expect("no panic").push(Passed {
                at: Instant::now(),
                buffer: buffer.clone(),
            });
        }
        gst::PadProbeReturn::Ok
    });
    all
}

fn passed(all: &AllPassed) -> Vec<Passed> {
    all.lock().expect("no panic").clone()
}

/// Waits until this many buffers have passed.
fn wait_for_frames(all: &AllPassed, count: usize) {
    let end = Instant::now() + WAIT;
    while all.lock().expect("no panic").len() < count {
        assert!(Instant::now() < end, "{} of {count}", passed(all).len());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The metas `overshoot` of a buffer, as structures.
fn metas(buffer: &gst::BufferRef) -> Vec<gst::Structure> {
    let metas = buffer.iter_meta::<gst::Meta>();
    let custom = metas.filter_map(|meta| {
        let structure = meta.try_as_custom_meta()?.structure().to_owned();
        (structure.name() == "overshoot").then_some(structure)
    });
    custom.collect()
}

/// The addresses of its memories.
fn memories(buffer: &gst::BufferRef) -> Vec<usize> {
    buffer
        .iter_memories()
        .map(|m| m.as_ptr() as usize)
        .collect()
}

/// Everything about a buffer that must not change.
#[derive(Debug, PartialEq)]
struct Identity {
    pts: Option<gst::ClockTime>,
    dts: Option<gst::ClockTime>,
    duration: Option<gst::ClockTime>,
    offset: u64,
    offset_end: u64,
    flags: gst::BufferFlags,
    memories: Vec<usize>,
    bytes: u64,
    metas: Vec<String>,
}

impl Identity {
    fn of(buffer: &gst::BufferRef) -> Self {
        let mut hasher = DefaultHasher::new();
        let map = buffer.map_readable().expect("readable");
        map.as_slice().hash(&mut hasher);
        // What the element adds is not compared.
        let own = ["overshoot", "GstAnalyticsRelationMeta"];
        let metas = buffer.iter_meta::<gst::Meta>().map(|meta| {
            let custom = meta.try_as_custom_meta();
            custom.map_or_else(
                || meta.api().name().to_owned(),
                |custom| custom.structure().name().to_string(),
            )
        });
        // A copy of a buffer keeps the original, which belongs to its pool.
        let metas = metas.filter(|name| {
            !own.iter().any(|own| name.starts_with(own)) && name != "GstParentBufferMetaAPI"
        });
        Self {
            pts: buffer.pts(),
            dts: buffer.dts(),
            duration: buffer.duration(),
            offset: buffer.offset(),
            offset_end: buffer.offset_end(),
            flags: buffer.flags() - gst::BufferFlags::TAG_MEMORY,
            memories: memories(buffer),
            bytes: hasher.finish(),
            metas: metas.collect(),
        }
    }
}

/// Each buffer that came in went out, once, in order and unchanged.
fn assert_untouched(came: &[Passed], went: &[Passed]) {
    assert!(
        came.len() - went.len() <= 1,
        "{} of {}",
        went.len(),
        came.len()
    );
    for (index, (came, went)) in came.iter().zip(went).enumerate() {
        assert_eq!(
            Identity::of(&came.buffer),
            Identity::of(&went.buffer),
            "buffer {index}"
        );
    }
}

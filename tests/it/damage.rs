// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Frames in which data is missing are skipped: the stream goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use gst::prelude::*;

use crate::common::{Pipeline, Service};

/// Every tenth frame is cut to this part of its size, in percent.
const CUTS: [usize; 3] = [90, 10, 0];

#[test]
fn damaged_frames_cost_no_stream() {
    let source =
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=30/1";
    for (input, api) in [
        ("", "v0.2"),
        ("", "v1"),
        ("! jpegenc", "v0.2"),
        ("! vp8enc deadline=1 keyframe-max-dist=15", "v0.2"),
        (
            "! x264enc tune=zerolatency key-int-max=15 ! video/x-h264,profile=constrained-baseline",
            "v0.2",
        ),
    ] {
        println!("{input} {api}");
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(
            &service,
            &format!("{source} {input} ! overshootsink name=o"),
        );
        let damaged = Arc::new(AtomicU64::new(0));
        let (seen, cut) = (AtomicU64::new(0), damaged.clone());
        let pad = pipeline.sink.static_pad("sink").expect("a pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                && seen.fetch_add(1, SeqCst) % 10 == 9
            {
                let part = CUTS[cut.fetch_add(1, SeqCst) as usize % CUTS.len()];
                let size = buffer.size() * part / 100;
                buffer.make_mut().set_size(size);
            }
            gst::PadProbeReturn::Ok
        });
        pipeline.play();
        pipeline.wait_for_state("streaming", Duration::from_secs(20));
        let before = damaged.load(SeqCst);
        while damaged.load(SeqCst) < before + 6 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let answers = pipeline.results().len();
        service.wait("answers after the damage", |_| {
            pipeline.results().len() > answers + 2
        });
        pipeline.stop();
        assert_eq!(service.control.snapshot().streams.len(), 1);
        let skipped: u64 = pipeline
            .sink
            .property::<gst::Structure>("stats")
            .get("frames-dropped-damaged")
            .expect("a count");
        println!("{skipped} of {} damaged", damaged.load(SeqCst));
        let warnings = pipeline.failures();
        let told = warnings
            .iter()
            .filter(|w| w.text.contains("data is missing"));
        // h264parse sees to the frames of H.264.
        if !input.contains("x264enc") {
            // A VP8 frame with its first partition can be sent: little of it is enough.
            assert!(skipped >= 2);
            assert_eq!(told.count(), 1, "{warnings:?}");
        }
        assert!(
            warnings.iter().all(|warning| !warning.fatal),
            "{warnings:?}"
        );
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Every buffer passes at once and unchanged: its bytes, its memory, its times, its flags, its metadata.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{LIVE, WAIT, assert_untouched, memories, metas, passed, record, wait_for_frames};
use crate::common::{Pipeline, Service, video};

fn raw_video(api: &str) {
    let service = Service::of(api, |_| {});
    let line = format!("{LIVE} ! overshootfilter name=o interval-seconds=0.2 ! fakesink name=end");
    let pipeline = Pipeline::new(&service, &line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    // Answers about this picture: the branch has its pixels.
    let answers = |pipeline: &Pipeline| pipeline.results();
    let end = Instant::now() + WAIT;
    while answers(&pipeline).len() < 5 {
        assert!(Instant::now() < end, "{:?}", pipeline.failures());
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_for_frames(&went, 60);
    pipeline.stop();
    let (came, went) = (passed(&came), passed(&went));
    assert_untouched(&came, &went);
    assert!(answers(&pipeline)[0].text().contains("320x240"), "{api}");
    let with_answer = went.iter().filter(|p| !metas(&p.buffer).is_empty()).count();
    assert!(with_answer > 15, "{api}: {with_answer} of {}", went.len());
    // At once: nothing waits between the pads.
    let mut times: Vec<_> = came.iter().zip(&went).map(|(a, b)| b.at - a.at).collect();
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{api}: from pad to pad p50 {p50:?}, p99 {p99:?}");
    assert!(p50 < Duration::from_millis(2), "{p50:?}");
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn raw_video_on_v02() {
    raw_video("v0.2");
}

#[test]
fn raw_video_on_v1() {
    raw_video("v1");
}

#[test]
fn encoded_video() {
    let service = Service::start();
    let location = video("bikes.mp4");
    let line = format!(
        "filesrc location={} ! qtdemux ! h264parse ! identity sync=true \
         ! overshootfilter name=o interval-seconds=0.2 ! fakesink",
        location.display()
    );
    let pipeline = Pipeline::new(&service, &line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT);
    wait_for_frames(&went, 60);
    pipeline.stop();
    assert_untouched(&passed(&came), &passed(&went));
    let decoded = service.stream().frames.len();
    assert!(decoded > 5, "{decoded}");
    service.assert_all_deleted();
}

/// Other data passes too, and a WARNING says that nobody can be asked about it.
#[test]
fn audio() {
    let service = Service::start();
    let line = "audiotestsrc num-buffers=20 ! overshootfilter name=o ! fakesink";
    let pipeline = Pipeline::new(&service, line);
    let (came, went) = (record(&pipeline, "sink"), record(&pipeline, "src"));
    pipeline.play();
    pipeline.wait_for_eos(WAIT);
    assert_eq!(passed(&went).len(), 20);
    assert_untouched(&passed(&came), &passed(&went));
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0]
            .text
            .contains("cannot be asked about audio/x-raw")
    );
    assert_eq!(failures[0].detail::<&str>("kind"), Some("invalid-settings"));
}

/// A source with few buffers, which waits for one, as cameras and hardware decoders do.
#[test]
fn buffers_of_a_small_pool() {
    let service = Service::start();
    let line = "appsrc name=source is-live=true format=time do-timestamp=true \
        caps=video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
        ! overshootfilter name=o interval-seconds=0.2 ! fakesink sync=false";
    let pipeline = Pipeline::new(&service, line);
    let source = pipeline.pipeline.by_name("source").expect("it");
    let source = source.downcast::<gst_app::AppSrc>().expect("an appsrc");
    let pool = gst::BufferPool::new();
    let mut config = pool.config();
    config.set_params(None, 320 * 240 * 3 / 2, 5, 5);
    pool.set_config(config).expect("valid");
    pool.set_active(true).expect("active");
    let pad = pipeline.sink.static_pad("src").expect("it");
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let into = seen.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
            into.lock().expect("no panic").extend(memories(buffer));
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.play();
    let start = Instant::now();
    let mut acquired = std::collections::BTreeSet::new();
    for _ in 0..90 {
        let waits = Instant::now();
        let buffer = pool.acquire_buffer(None).expect("a buffer");
        assert!(
            waits.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
        acquired.extend(memories(&buffer));
        source.push_buffer(buffer).expect("taken");
        std::thread::sleep(Duration::from_millis(33));
    }
    assert!(!pipeline.results().is_empty());
    // The pool's own memory came out, also with metadata. (The pool replaces a buffer whose memory is still in use when the
    // buffer comes back, as after any tee, so their number says nothing.)
    let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    assert!(
        !seen.is_empty() && seen.is_subset(&acquired),
        "{seen:?} {acquired:?}"
    );
    pipeline.stop();
    pool.set_active(false).expect("inactive");
    service.assert_all_deleted();
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `repetitions`: it counts how often an object goes up and down, from structured answers.

use std::path::Path;
use std::time::Duration;

use gst::prelude::*;

use super::programs::in_each_language;
use crate::common::Service;

/// Width and height in pixels.
const SIZE: (usize, usize) = (320, 180);
const FRAMES_PER_SECOND: usize = 30;
const REPETITIONS: usize = 4;

/// Records a square that is up for a second and down for a second. While it is up, it is shown down for 0.15 s. That
/// is shorter than two answers, so the program must not count it.
fn record(path: &Path) {
    crate::common::init();
    let description = format!(
        "appsrc name=source format=time caps=video/x-raw,format=GRAY8,width={},height={},framerate={FRAMES_PER_SECOND}/1 \
         ! videoconvert ! x264enc ! mp4mux ! filesink location={}",
        SIZE.0,
        SIZE.1,
        path.display()
    );
    let pipeline = gst::parse::launch(&description).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let source = pipeline.by_name("source").expect("named source");
    let source = source.downcast::<gst_app::AppSrc>().expect("an appsrc");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    for frame in 0..(2 * REPETITIONS + 1) * FRAMES_PER_SECOND {
        let (second, part) = (frame / FRAMES_PER_SECOND, frame % FRAMES_PER_SECOND);
        let is_flash = (15..19).contains(&part) && second > 0;
        let is_down = second % 2 == 1 || is_flash;
        let top = if is_down { 130 } else { 10 };
        let mut picture = vec![20_u8; SIZE.0 * SIZE.1];
        for row in picture.chunks_mut(SIZE.0).skip(top).take(40) {
            row[140..180].fill(230);
        }
        let mut buffer = gst::Buffer::from_slice(picture);
        let pts =
            gst::ClockTime::from_nseconds(frame as u64 * 1_000_000_000 / FRAMES_PER_SECOND as u64);
        buffer.get_mut().expect("new").set_pts(pts);
        source.push_buffer(buffer).expect("a buffer is accepted");
    }
    source.end_of_stream().expect("EOS is accepted");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let bus = pipeline.bus().expect("a bus");
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &ends);
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert_eq!(end.map(|end| end.type_()), Some(gst::MessageType::Eos));
}

#[test]
fn repetitions_are_counted() {
    in_each_language("repetitions", |program| {
        let video = program.folder.join("video.mp4");
        record(&video);
        let service = Service::start();
        let arguments = format!("file://{} 'Where is the square?'", video.display());
        let launch = program.start(&service, &arguments);
        let finished = launch.finish(Duration::from_secs(60));
        assert!(finished.status.success(), "{finished:?}");
        assert_eq!(finished.stderr, "");
        service.assert_all_deleted();
        assert_eq!(service.stream().prompts, ["Where is the square?"]);
        let lines: Vec<_> = finished.stdout.lines().collect();
        let (last, counted) = lines.split_last().expect("a sum");
        assert_eq!(*last, format!("repetitions: {REPETITIONS}"), "{finished:?}");
        assert_eq!(counted.len(), REPETITIONS, "{finished:?}");
        for (n, line) in counted.iter().enumerate() {
            let (count, at) = line.split_once(" at ").expect("a time");
            assert_eq!(count, (n + 1).to_string());
            let at: f64 = (at.strip_suffix(" s").expect("seconds"))
                .parse()
                .expect("a number");
            // The square is up again from this time on. The program is sure of that two answers later.
            let up = 2.0 * (n + 1) as f64;
            assert!((up..up + 1.0).contains(&at), "{finished:?}");
        }
    });
}

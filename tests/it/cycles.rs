// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Starting and stopping, a hundred times and more, at random moments: nothing leaks and no stream stays open. The
//! cycles run in their own process, under GStreamer's leaks tracer.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::process::{settled_thread_count, thread_count};
use crate::common::{Launch, Pipeline, Random, Service};
use gst::prelude::*;

const DEFAULT_CYCLES: usize = 100;
/// This variable is set in the process that runs the cycles.
const INNER_VARIABLE: &str = "OVERSHOOT_TEST_INNER";

/// The number of cycles. `OVERSHOOT_TEST_CYCLES` changes it.
fn cycle_count() -> usize {
    std::env::var("OVERSHOOT_TEST_CYCLES").map_or(DEFAULT_CYCLES, |count| {
        count.parse().expect("OVERSHOOT_TEST_CYCLES is a number")
    })
}

/// The paths of the video through the element: encoding, passthrough, decoding and encoding again. Each with the
/// encoder in front, the element's properties, and the number of WARNINGs allowed.
const VIDEO_PATHS: [(&str, &str, usize); 3] = [
    ("", "", 0),
    ("! x264enc tune=zerolatency", "", 0),
    ("! x264enc tune=zerolatency", "max-width=160", 1),
];

/// Starts a pipeline and stops it at this moment.
fn cycle(service: &Service, number: usize, moment: Duration) {
    let (encoder, settings, warnings) = VIDEO_PATHS[number % VIDEO_PATHS.len()];
    let pipeline = Pipeline::new(
        service,
        &format!(
            "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
             {encoder} ! overshootsink name=o {settings} o.json_src ! fakesink sync=false async=false"
        ),
    );
    pipeline.play();
    std::thread::sleep(moment);
    let elapsed = pipeline.stop();
    assert!(
        elapsed < Duration::from_secs(3),
        "stopping after {moment:?} took {elapsed:?}"
    );
    let failures = pipeline.failures();
    let fatal = failures.iter().any(|failure| failure.fatal);
    assert!(
        !fatal && failures.len() <= warnings,
        "after {moment:?}: {failures:?}"
    );
}

/// A stream is deleted because nothing changes. A change comes, and after this time the pipeline stops.
fn idle_cycle(service: &Service, moment: Duration) {
    let pipeline = Pipeline::new(
        service,
        "videotestsrc name=source is-live=true pattern=black ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o idle-timeout=1000000000 ask-when=\"still,after=0,every=0\"",
    );
    pipeline.play();
    pipeline.wait_for_state("idle", Duration::from_secs(20));
    pipeline.show_pattern("red");
    std::thread::sleep(moment);
    let elapsed = pipeline.stop();
    assert!(
        elapsed < Duration::from_secs(3),
        "stopping {moment:?} after a change took {elapsed:?}"
    );
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_hundred_starts_and_stops_leak_nothing() {
    if std::env::var_os(INNER_VARIABLE).is_some() {
        return;
    }
    let output = Command::new(std::env::current_exe().expect("a test has a path"))
        .args([
            "--exact",
            "cycles::inner",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(INNER_VARIABLE, "1")
        // Without backtraces: in a debug build they make each start as slow as a whole cycle.
        .env("GST_TRACERS", "leaks")
        .env("GST_DEBUG", "GST_TRACER:7")
        .env("GST_DEBUG_NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!(
        "{}",
        stdout
            .lines()
            .filter(|l| l.contains("cycles"))
            .collect::<String>()
    );
    assert!(output.status.success(), "{stdout}\n{stderr}");
    // The tracer first prints the format of its lines.
    let alive_lines = || stderr.lines().filter(|line| line.contains("object-alive"));
    assert!(
        alive_lines().count() > 0,
        "the tracer did not run: {stderr}"
    );
    let leaks: Vec<_> = alive_lines()
        .filter(|line| !line.contains("object-alive.class") && !line.contains("%s"))
        // This object is GStreamer's own: one agent with a generated certificate for the whole process. GStreamer
        // makes it for the first dtlsdec and never frees it (gstdtlsdec.c, `generated_cert_agent`).
        .filter(|line| !line.contains("<dtlsagent0>"))
        .collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// The test above runs this test in another process.
#[test]
fn inner() {
    if std::env::var_os(INNER_VARIABLE).is_none() {
        return;
    }
    let service = Service::start();
    let (mut random, cycles) = (Random::new(0x5eed), cycle_count());
    // The first cycle of each path loads plugins and starts the shared runtime.
    for path in 0..VIDEO_PATHS.len() {
        cycle(&service, path, Duration::from_millis(800));
    }
    let before = thread_count();
    for number in 0..cycles {
        // Starting takes 80 ms, so most cycles stop in the middle of it.
        cycle(&service, number, Duration::from_millis(random.below(160)));
        // This check runs after each cycle, because the emulator forgets the oldest streams.
        service.assert_all_deleted();
    }
    for moment in [0, 60, 120, 300, 600] {
        idle_cycle(&service, Duration::from_millis(moment));
    }
    let after = settled_thread_count(before);
    println!("{cycles} cycles: {before} threads before, {after} after");
    assert!(after <= before, "{before} threads before, {after} after");
    let seen = service.control.snapshot();
    let created = seen
        .calls(overshoot_emulator::Call::Create)
        .filter(|request| request.stream_id.is_some())
        .count();
    println!(
        "{created} streams were created in {} cycles",
        cycles + VIDEO_PATHS.len()
    );
    assert!(created > cycles / 4, "stopped too early to show anything");
    drop(service);
    // `deinit` lists the objects that are alive and warns about them, including GStreamer's own.
    gst::glib::log_set_always_fatal(gst::glib::LogLevels::LEVEL_ERROR);
    // SAFETY: no element of this process is left, and nothing uses GStreamer after this.
    #[allow(unsafe_code)]
    unsafe {
        gst::deinit();
    }
}

#[test]
fn stopping_a_file_while_it_waits_for_the_service() {
    // The input is not live, so the streaming thread waits in preroll. The service never responds.
    let service = Service::start();
    service.control.inject(
        overshoot_emulator::Call::Create,
        overshoot_emulator::Fault::Hang,
        overshoot_emulator::Times::Always,
    );
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    pipeline.play();
    service.wait("the creation", |seen| !seen.requests.is_empty());
    let elapsed = pipeline.stop();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
}

#[test]
fn stopping_from_a_signal_handler_does_not_hang() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240 ! overshootsink name=o",
    );
    let (stopped_sender, stopped) = std::sync::mpsc::channel();
    let weak = pipeline.pipeline.downgrade();
    pipeline.sink.connect("result", false, move |_| {
        if let Some(pipeline) = weak.upgrade() {
            let _ = pipeline.set_state(gst::State::Null);
            let _ = stopped_sender.send(());
        }
        None
    });
    pipeline.play();
    stopped
        .recv_timeout(Duration::from_secs(10))
        .expect("the handler returns");
    service.wait("the end", |seen| {
        seen.streams.iter().all(|s| s.ended.is_some())
    });
    service.assert_all_deleted();
}

#[test]
fn ctrl_c_leaves_no_stream_behind() {
    let service = Service::start();
    // Ctrl-C comes at different moments: while connecting, and while streaming.
    for frames in [0, 1, 30] {
        let before = service.control.snapshot().streams.len();
        let launch = Launch::start(
            &service,
            "-e videotestsrc is-live=true ! video/x-raw,width=320,height=240 \
             ! overshootsink prompt='What do you see?'",
        );
        service.wait("the stream", |seen| {
            seen.streams
                .get(before)
                .is_some_and(|s| s.frames.len() >= frames)
        });
        launch.interrupt();
        let finished = launch.finish(Duration::from_secs(15));
        assert!(finished.status.success(), "{finished:?}");
        assert_eq!(service.control.snapshot().streams.len(), before + 1);
        service.assert_all_deleted();
    }
}

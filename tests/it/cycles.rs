//! Start and stop, a hundred times and more, at random moments: nothing leaks, nothing stays behind. The
//! work is done in a process of its own, under GStreamer's leaks tracer.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::process::{threads, threads_settle};
use crate::common::{Launch, Pipeline, Random, Service};
use gst::prelude::*;

const CYCLES: usize = 100;
/// Set in the process that does the work.
const INNER: &str = "OVERSHOOT_TEST_INNER";

/// `OVERSHOOT_TEST_CYCLES`, for more of them.
fn cycles() -> usize {
    std::env::var("OVERSHOOT_TEST_CYCLES").map_or(CYCLES, |count| {
        count.parse().expect("OVERSHOOT_TEST_CYCLES is a number")
    })
}

/// What each way of the video needs, and how many WARNINGs it draws: encoding, nothing, decoding
/// and encoding again.
const WAYS: [(&str, &str, usize); 3] = [
    ("", "", 0),
    ("! x264enc tune=zerolatency", "", 0),
    ("! x264enc tune=zerolatency", "max-width=160", 1),
];

fn cycle(service: &Service, number: usize, moment: Duration) {
    let (encoder, settings, warnings) = WAYS[number % WAYS.len()];
    let pipeline = Pipeline::new(
        service,
        &format!(
            "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
             {encoder} ! overshootsink name=o {settings} o.json_src ! fakesink sync=false async=false"
        ),
    );
    pipeline.play();
    std::thread::sleep(moment);
    let took = pipeline.stop();
    assert!(
        took < Duration::from_secs(3),
        "stopping after {moment:?} took {took:?}"
    );
    let failures = pipeline.failures();
    let fatal = failures.iter().any(|failure| failure.fatal);
    assert!(
        !fatal && failures.len() <= warnings,
        "after {moment:?}: {failures:?}"
    );
}

#[test]
fn a_hundred_starts_and_stops_leave_nothing() {
    if std::env::var_os(INNER).is_some() {
        return;
    }
    let output = Command::new(std::env::current_exe().expect("a test has a path"))
        .args([
            "--exact",
            "cycles::inner",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(INNER, "1")
        // Without backtraces, which in a debug build make each start last as long as a cycle.
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
    // The tracer first says in which form it will tell.
    let alive = || stderr.lines().filter(|line| line.contains("object-alive"));
    assert!(alive().count() > 0, "the tracer did not run: {stderr}");
    let leaks: Vec<_> = alive()
        .filter(|line| !line.contains("object-alive.class") && !line.contains("%s"))
        // GStreamer's own: one agent with a generated certificate for the whole process, which it
        // makes for the first dtlsdec and never frees (gstdtlsdec.c, `generated_cert_agent`).
        .filter(|line| !line.contains("<dtlsagent0>"))
        .collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// What the test above runs in a process of its own.
#[test]
fn inner() {
    if std::env::var_os(INNER).is_none() {
        return;
    }
    let service = Service::start();
    let (mut random, cycles) = (Random::new(0x5eed), cycles());
    // The first of each loads plugins and starts the shared runtime.
    for way in 0..WAYS.len() {
        cycle(&service, way, Duration::from_millis(800));
    }
    let before = threads();
    for number in 0..cycles {
        // Start-up takes 80 ms: most are stopped in the middle of it.
        cycle(&service, number, Duration::from_millis(random.below(160)));
        // Each time, as the emulator forgets the oldest streams.
        service.assert_all_deleted();
    }
    let after = threads_settle(before);
    println!("{cycles} cycles: {before} threads before, {after} after");
    assert!(after <= before, "{before} threads before, {after} after");
    let seen = service.control.snapshot();
    let created = seen
        .calls(overshoot_emulator::Call::Create)
        .filter(|request| request.stream_id.is_some())
        .count();
    println!(
        "{created} streams were created in {} cycles",
        cycles + WAYS.len()
    );
    assert!(created > cycles / 4, "stopped too early to show anything");
    drop(service);
    // Says which objects are alive, and warns of it, GStreamer's own included.
    gst::glib::log_set_always_fatal(gst::glib::LogLevels::LEVEL_ERROR);
    // SAFETY: every element of this process is gone, and nothing uses GStreamer after this.
    #[allow(unsafe_code)]
    unsafe {
        gst::deinit();
    }
}

#[test]
fn stopping_a_file_while_it_waits_for_the_service() {
    // Not live: the streaming thread waits in preroll. The service never answers.
    let service = Service::start();
    service.control.inject(
        overshoot_emulator::Call::Create,
        overshoot_emulator::Fault::Hang,
        overshoot_emulator::Times::Always,
    );
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    pipeline.play();
    service.wait("the creation", |seen| !seen.requests.is_empty());
    let took = pipeline.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn stopping_from_a_signal_handler_does_not_hang() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240 ! overshootsink name=o",
    );
    let (stopped, is_stopped) = std::sync::mpsc::channel();
    let weak = pipeline.pipeline.downgrade();
    pipeline.sink.connect("result", false, move |_| {
        if let Some(pipeline) = weak.upgrade() {
            let _ = pipeline.set_state(gst::State::Null);
            let _ = stopped.send(());
        }
        None
    });
    pipeline.play();
    is_stopped
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
    // At different moments: while connecting, and while streaming.
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

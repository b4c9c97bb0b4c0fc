//! One sender in a process of its own: plays a pipeline for a while, measures itself, prints a
//! [`report::Report`].
//!
//! `sender SECONDS LINE [webrtcsink URL SETTINGS]`: with a webrtcsink, LINE ends in
//! `identity name=tail`. The element `cap0`, if there is one, is where frames are captured.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use gst::prelude::*;
use report::{Report, now};

mod report;
#[cfg(feature = "webrtcsink")]
#[path = "sender/webrtcsink.rs"]
mod webrtcsink;

/// Start-up, which is not part of the window.
const START_UP: Duration = Duration::from_secs(3);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, line, rest @ ..] = arguments.as_slice() else {
        panic!("sender SECONDS LINE [webrtcsink URL SETTINGS]");
    };
    let window = Duration::from_secs_f64(seconds.parse().expect("seconds"));
    gst::init().expect("GStreamer");
    let pipeline = gst::parse::launch(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    if let [_, url, settings] = rest {
        add_webrtcsink(&pipeline, url, settings);
    }
    let captured = Arc::new(Mutex::new(BTreeMap::new()));
    note_captures(&pipeline, captured.clone());

    let mut report = Report {
        playing: now(),
        ..Report::default()
    };
    pipeline.set_state(gst::State::Playing).expect("it plays");
    watch(&pipeline, START_UP);
    let (cpu, start) = (cpu_seconds(), now());
    watch(&pipeline, window);
    report.cpu = cpu_seconds() - cpu;
    report.wall = (now() - start) as f64 / 1e9;
    report.threads = std::fs::read_dir("/proc/self/task").expect("proc").count();
    for element in pipeline.iterate_elements().into_iter().flatten() {
        if element.find_property("stats").is_some()
            && let Ok(stats) = element.property_value("stats").get::<gst::Structure>()
            && let Ok(taken) = stats.get::<u64>("frames-in")
        {
            report.taken += taken;
            report.dropped += ["busy", "unconnected", "undecodable"]
                .iter()
                .filter_map(|why| stats.get::<u64>(format!("frames-dropped-{why}")).ok())
                .sum::<u64>();
        }
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    report.peak = peak();
    report.captured = captured.lock().expect("no panic").clone();
    println!("{}", serde_json::to_string(&report).expect("JSON"));
}

#[cfg(feature = "webrtcsink")]
fn add_webrtcsink(pipeline: &gst::Pipeline, url: &str, settings: &str) {
    webrtcsink::add(pipeline, url, settings);
}

#[cfg(not(feature = "webrtcsink"))]
fn add_webrtcsink(_: &gst::Pipeline, _: &str, _: &str) {
    panic!("built without webrtcsink");
}

/// Lets time pass; an ERROR ends it all.
fn watch(pipeline: &gst::Pipeline, time: Duration) {
    let end = now() + time.as_nanos() as u64;
    let bus = pipeline.bus().expect("a pipeline has a bus");
    while now() < end {
        let left = gst::ClockTime::from_nseconds(end.saturating_sub(now()));
        let Some(message) = bus.timed_pop(left) else {
            continue;
        };
        match message.view() {
            gst::MessageView::Error(error) => {
                eprintln!("{} {:?}", error.error(), error.debug());
                std::process::exit(1);
            }
            gst::MessageView::Eos(_) => {
                eprintln!("the video ended too early");
                std::process::exit(1);
            }
            _ => {}
        }
    }
    sleep(Duration::ZERO);
}

/// A frame is captured when it arrives at `cap0`, but not before it is due: the sinks pace what
/// comes from a file.
fn note_captures(pipeline: &gst::Pipeline, captured: Arc<Mutex<BTreeMap<u16, u64>>>) {
    let Some(pad) = pipeline
        .by_name("cap0")
        .and_then(|cap| cap.static_pad("sink"))
    else {
        return;
    };
    let pipeline = pipeline.downgrade();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
            && let Some(pts) = buffer.pts()
            && let Some(pipeline) = pipeline.upgrade()
        {
            let number = (pts.nseconds() as f64 * 30.0 / 1e9).round() as u16;
            let base = pipeline.base_time().map_or(0, gst::ClockTime::nseconds);
            let start = pad
                .sticky_event::<gst::event::Segment>(0)
                .and_then(|event| {
                    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
                    segment.to_running_time(pts)
                })
                .map_or(0, gst::ClockTime::nseconds);
            let due = if base == 0 { 0 } else { base + start };
            let mut captured = captured.lock().expect("no panic");
            captured.insert(number, now().max(due));
        }
        gst::PadProbeReturn::Ok
    });
}

fn cpu_seconds() -> f64 {
    // SAFETY: the structure is plain numbers, and the pointer is good.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("VmHWM")
}

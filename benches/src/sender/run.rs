// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Plays a pipeline for some seconds, measures this process, and prints a [`Report`].

use std::process::ExitCode;
use std::time::Duration;

use gst::prelude::*;

use super::capture_times::CaptureTimes;
use super::encoder::Encoder;
use super::resource_usage;
use crate::report::{Counts, Report};

/// Time for the start-up, which is not measured.
const START_UP_TIME: Duration = Duration::from_secs(3);

/// The arguments are `SECONDS URL LINE`: the measured time, the URL of the receiver, and the pipeline. `register`
/// registers elements, `set_up` sets the properties of each element in the line.
pub fn main(
    register: impl Fn() -> Result<(), String>,
    set_up: impl Fn(&gst::Element, &str),
) -> ExitCode {
    match run(register, set_up) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    register: impl Fn() -> Result<(), String>,
    set_up: impl Fn(&gst::Element, &str),
) -> Result<String, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, url, line] = arguments.as_slice() else {
        return Err("the arguments must be SECONDS URL LINE".to_owned());
    };
    let seconds: f64 = seconds.parse().map_err(|_| "SECONDS must be a number")?;
    gst::init().map_err(|error| error.to_string())?;
    register()?;
    let pipeline = gst::parse::launch(line)
        .map_err(|error| format!("{line}: {error}"))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| format!("{line}: the line is not a pipeline"))?;
    let encoder = Encoder::default();
    for element in pipeline.iterate_elements().into_iter().flatten() {
        set_up(&element, url);
        encoder.find_in(&element);
    }
    let captures = CaptureTimes::attach(&pipeline);

    let played = measure(&pipeline, Duration::from_secs_f64(seconds), &encoder);
    let stopped = pipeline.set_state(gst::State::Null);
    let mut report = played?;
    stopped.map_err(|error| format!("the pipeline does not stop: {error}"))?;
    report.peak = resource_usage::peak()?;
    report.captured = captures.take();
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

fn measure(
    pipeline: &gst::Pipeline,
    window: Duration,
    encoder: &Encoder,
) -> Result<Report, String> {
    let playing = gst::get_timestamp().nseconds();
    if pipeline.set_state(gst::State::Playing).is_err() {
        // An error on the bus says why.
        wait(pipeline, Duration::ZERO)?;
        return Err("the pipeline does not play".to_owned());
    }
    wait(pipeline, START_UP_TIME)?;
    let (cpu, start) = (resource_usage::cpu(), gst::get_timestamp());
    wait(pipeline, window)?;
    let (used, end) = (resource_usage::cpu() - cpu, gst::get_timestamp());
    Ok(Report {
        cpu: used.as_secs_f64(),
        wall: (end - start).nseconds() as f64 / 1e9,
        threads: resource_usage::threads()?,
        playing,
        end: end.nseconds(),
        encoder: encoder.describe(),
        counts: pipeline
            .iterate_elements()
            .into_iter()
            .flatten()
            .filter_map(|element| settled_counts(&element))
            .collect(),
        ..Report::default()
    })
}

/// Waits. An ERROR or the end of the video is an error.
fn wait(pipeline: &gst::Pipeline, time: Duration) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    let time = gst::ClockTime::try_from(time).map_err(|_| "the time is too long")?;
    let what = [gst::MessageType::Error, gst::MessageType::Eos];
    let Some(message) = bus.timed_pop_filtered(time, &what) else {
        return Ok(());
    };
    Err(match message.view() {
        gst::MessageView::Error(error) => format!("{} ({:?})", error.error(), error.debug()),
        _ => "the video is too short".to_owned(),
    })
}

/// The stream id of an `overshootsink`, and its counters. A frame may be on its way while the counters are read, but
/// a dropped frame never arrives. So read several times, and keep the counters with the fewest unsent frames.
fn settled_counts(element: &gst::Element) -> Option<(String, Counts)> {
    const ATTEMPTS: usize = 20;
    const PAUSE: Duration = Duration::from_millis(5);
    element.factory().filter(|f| f.name() == "overshootsink")?;
    let stream = element.property::<Option<String>>("stream-id")?;
    let mut best = read_counts(element);
    for _ in 1..ATTEMPTS {
        if best.unsent() == 0 {
            break;
        }
        std::thread::sleep(PAUSE);
        let counts = read_counts(element);
        if counts.unsent() < best.unsent() {
            best = counts;
        }
    }
    Some((stream, best))
}

fn read_counts(element: &gst::Element) -> Counts {
    let stats = element.property::<gst::Structure>("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or_default();
    Counts {
        taken: count("frames-in"),
        over_rate: count("frames-dropped-rate"),
        sent: count("frames-sent"),
    }
}

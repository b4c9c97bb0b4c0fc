//! Plays a pipeline for a while, measures itself, prints a [`Report`].

use std::process::ExitCode;
use std::time::Duration;

use gst::prelude::*;

use super::captures::Captures;
use super::encoder::Encoder;
use super::usage;
use crate::report::{Counts, Report};

/// Start-up, which is not part of the window.
const START_UP: Duration = Duration::from_secs(3);

/// `SECONDS URL LINE`: the window, where the receiver is, and what to play. `register` brings
/// elements in; `set_up` tells each element of the line what it has to know.
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
        return Err("SECONDS URL LINE are wanted".to_owned());
    };
    let seconds: f64 = seconds.parse().map_err(|_| "no number of seconds")?;
    gst::init().map_err(|error| error.to_string())?;
    register()?;
    let pipeline = gst::parse::launch(line)
        .map_err(|error| format!("{line}: {error}"))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| format!("{line}: not a pipeline"))?;
    let encoder = Encoder::default();
    for element in pipeline.iterate_elements().into_iter().flatten() {
        set_up(&element, url);
        encoder.look_for_in(&element);
    }
    let captures = Captures::of(&pipeline);

    let played = measure(&pipeline, Duration::from_secs_f64(seconds), &encoder);
    let stopped = pipeline.set_state(gst::State::Null);
    let mut report = played?;
    stopped.map_err(|error| format!("it does not stop: {error}"))?;
    report.peak = usage::peak()?;
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
        // The error that says why is on the bus.
        pass(pipeline, Duration::ZERO)?;
        return Err("it does not play".to_owned());
    }
    pass(pipeline, START_UP)?;
    let (cpu, start) = (usage::cpu(), gst::get_timestamp());
    pass(pipeline, window)?;
    let (used, end) = (usage::cpu() - cpu, gst::get_timestamp());
    Ok(Report {
        cpu: used.as_secs_f64(),
        wall: (end - start).nseconds() as f64 / 1e9,
        threads: usage::threads()?,
        playing,
        end: end.nseconds(),
        encoder: encoder.describe(),
        counts: pipeline
            .iterate_elements()
            .into_iter()
            .flatten()
            .filter_map(|element| counts(&element))
            .collect(),
        ..Report::default()
    })
}

/// Lets time pass; an ERROR or the end of the video ends it all.
fn pass(pipeline: &gst::Pipeline, time: Duration) -> Result<(), String> {
    let bus = pipeline.bus().ok_or("no bus")?;
    let time = gst::ClockTime::try_from(time).map_err(|_| "too long")?;
    let what = [gst::MessageType::Error, gst::MessageType::Eos];
    let Some(message) = bus.timed_pop_filtered(time, &what) else {
        return Ok(());
    };
    Err(match message.view() {
        gst::MessageView::Error(error) => format!("{} ({:?})", error.error(), error.debug()),
        _ => "the video is too short".to_owned(),
    })
}

/// What an `overshootsink` counted, and its stream. A frame may be on its way while the counters are
/// read, one that was dropped stays away: of several looks the one with the fewest unsent tells.
fn counts(element: &gst::Element) -> Option<(String, Counts)> {
    const LOOKS: usize = 20;
    const BETWEEN: Duration = Duration::from_millis(5);
    element.factory().filter(|f| f.name() == "overshootsink")?;
    let stream = element.property::<Option<String>>("stream-id")?;
    let mut best = look(element);
    for _ in 1..LOOKS {
        if best.unsent() == 0 {
            break;
        }
        std::thread::sleep(BETWEEN);
        let counts = look(element);
        if counts.unsent() < best.unsent() {
            best = counts;
        }
    }
    Some((stream, best))
}

fn look(element: &gst::Element) -> Counts {
    let stats = element.property::<gst::Structure>("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or_default();
    Counts {
        taken: count("frames-in"),
        over_rate: count("frames-dropped-rate"),
        sent: count("frames-sent"),
    }
}

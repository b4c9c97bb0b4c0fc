//! Runs every case in turn, several times over, and prints the medians.
//!
//! `bench VIDEO FOLDER [--runs N] [--seconds S] [--only NAME,NAME]`: VIDEO is what the test videos are
//! made of, FOLDER where they are kept.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use cases::{Case, Videos};
use receiver::{Received, Receiver};
use report::Report;
use table::{Results, Run};

mod cases;
mod number;
mod receiver;
mod report;
mod table;
mod video;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, folder, options @ ..] = arguments.as_slice() else {
        eprintln!("bench VIDEO FOLDER [--runs N] [--seconds S] [--only NAME,NAME]");
        return ExitCode::FAILURE;
    };
    let option = |name: &str| {
        let mut after = options.iter().skip_while(|option| *option != name);
        after.nth(1).cloned()
    };
    let runs: usize = option("--runs").map_or(5, |runs| runs.parse().expect("a number"));
    let seconds: f64 =
        option("--seconds").map_or(10.0, |seconds| seconds.parse().expect("seconds"));
    assert!(
        seconds + 4.0 < f64::from(video::SECONDS),
        "the test video is not as long"
    );

    gst::init().expect("GStreamer");
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let videos = Videos {
        p720: &folder.join("bench-720.mp4"),
        p1080: &folder.join("bench-1080.mp4"),
    };
    video::make(Path::new(from), videos.p720, 1280, 720);
    video::make(Path::new(from), videos.p1080, 1920, 1080);

    let only = option("--only");
    let cases: Vec<Case> = cases::all(&videos)
        .into_iter()
        .filter(|case| match &only {
            Some(only) => only.split(',').any(|name| name == case.name),
            None => cfg!(feature = "webrtcsink") || !case.needs_webrtcsink(),
        })
        .collect();
    let mut results = Results::new();
    // In turn, so that what the machine does meanwhile hits all alike.
    for round in 1..=runs {
        for case in &cases {
            eprintln!("==> run {round} of {runs}: {}", case.title);
            match measure(case, seconds) {
                Ok(run) => results.entry(case.name).or_default().push(run),
                Err(why) => eprintln!("failed: {why}"),
            }
        }
    }
    table::print(&cases, &results);
    println!();
    let met = table::check(&results);
    let complete = cases
        .iter()
        .all(|case| results.get(case.name).is_some_and(|r| r.len() == runs));
    if !complete {
        println!("some runs failed (see above)");
    }
    if met && complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn measure(case: &Case, seconds: f64) -> Result<Run, String> {
    let receiver = Receiver::start(case.streams == 1);
    let program = std::env::current_exe()
        .expect("a path")
        .with_file_name("sender");
    let output = Command::new(program)
        .args(case.arguments(seconds, &receiver.url))
        .env("OVERSHOOT_API_KEY", "bench")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let received = receiver.finish();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    if case.sends && received.streams != case.streams {
        return Err(format!("{} of {} streams", received.streams, case.streams));
    }
    Ok(run(case, &report, &received))
}

fn run(case: &Case, report: &Report, received: &Received) -> Run {
    let since = |time: Option<u64>| match time {
        Some(time) => time.saturating_sub(report.playing) as f64 / 1e6,
        None => f64::NAN,
    };
    // Frames of the first second waited for the connection.
    let mut delays: Vec<f64> = received
        .pictures
        .iter()
        .filter(|(number, _)| *number > 30)
        .filter_map(|(number, at)| Some((*at as f64 - *report.captured.get(number)? as f64) / 1e6))
        .collect();
    delays.sort_by(f64::total_cmp);
    let playing = report.wall + 3.0;
    Run {
        cpu: report.cpu / report.wall,
        peak: report.peak as f64 / 1024.0,
        threads: report.threads as f64,
        first_packet: since(received.first_packet),
        first_frame: since(received.first_frame),
        delay: delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN),
        lost: match case.streams {
            1 => f64::NAN,
            _ => report.dropped as f64,
        },
        rate: match case.sends {
            true => received.frames as f64 / playing / case.streams as f64,
            false => f64::NAN,
        },
    }
}

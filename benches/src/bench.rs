// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Runs every case in turn, several times, and prints the medians and whether the targets are met. `bash benches/run.sh`
//! builds and starts this program.
//!
//! `cases` has the pipelines, `test_video` and `frame_number` the videos, `measure` runs a case with a sender process
//! (`bench_sender`, `sender/`) and the `receiver`, `table` and `targets` print the results.

use std::process::ExitCode;

use clap::Parser;

use crate::cases::Case;
use crate::options::Options;
use crate::table::Results;

mod cases;
mod frame_number;
mod measure;
mod options;
mod receiver;
mod report;
mod table;
mod targets;
mod test_video;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(TARGETS_MISSED_STATUS),
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status if everything was measured but some targets were not met.
const TARGETS_MISSED_STATUS: u8 = 2;

/// Whether every target was met.
fn run(options: &Options) -> Result<bool, String> {
    let (runs, seconds) = options.amount()?;
    gst::init().map_err(|error| error.to_string())?;
    let all = cases::all(&options.folder);
    if options.list {
        for case in &all {
            println!("{:15} {}", case.name, case.title);
        }
        return Ok(true);
    }
    let cases = options.choose(all)?;
    for video in cases.iter().map(|case| &case.video) {
        test_video::make(&options.video, video)?;
    }
    println!("{}\n", machine());
    println!("Medians of {runs} runs of {seconds} s each, in turn.\n");
    let mut results = Results::default();
    for round in 1..=runs {
        // All cases, then all again, so that other load on the machine affects all cases equally.
        for case in &cases {
            eprintln!("==> run {round} of {runs}: {}", case.title);
            let run = measure::run(case, options.sender(case)?, seconds);
            if let Err(why) = &run {
                eprintln!("failed: {why}");
            }
            results.add(case, run);
        }
    }
    println!("{}", table::Table(&cases, &results));
    let met = targets::print(&results);
    match results.complete() {
        true => Ok(met),
        false => Err("some runs failed (see above)".to_owned()),
    }
}

/// The machine, on which the results depend.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let load = read("/proc/loadavg");
    format!(
        "{}, {cores} cores ({model}), load before the first run {}. If anything else runs, \
         the results mean little.",
        gst::version_string(),
        load.split(' ').next().unwrap_or("unknown"),
    )
}

impl Options {
    fn choose(&self, all: Vec<Case>) -> Result<Vec<Case>, String> {
        if let Some(unknown) = (self.only.iter()).find(|name| all.iter().all(|c| c.name != **name))
        {
            return Err(format!("there is no case {unknown}: see --list"));
        }
        Ok(all
            .into_iter()
            .filter(|case| self.only.is_empty() || self.only.iter().any(|n| n == case.name))
            .filter(|case| self.webrtcsink.is_some() || !case.webrtcsink)
            .collect())
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cases::Case;
use crate::test_video;

/// Runs and seconds with `--quick`, which mainly shows that everything works.
const QUICK_RUNS_AND_SECONDS: (usize, f64) = (1, 4.0);
const DEFAULT_RUNS_AND_SECONDS: (usize, f64) = (5, 10.0);

/// Measures overshootsink beside its floors and beside webrtcsink.
#[derive(Debug, Parser)]
pub struct Options {
    /// How many times each case runs [default: 5]
    #[arg(long, value_name = "N")]
    runs: Option<usize>,

    /// How long to measure each run, after 3 s of start-up [default: 10]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,

    /// One short run of each case
    #[arg(long)]
    quick: bool,

    /// Only these cases: their names, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,

    /// List the cases
    #[arg(long)]
    pub list: bool,

    /// The video from which the test videos are made
    #[arg(long, hide = true)]
    pub video: PathBuf,

    /// The folder for the test videos
    #[arg(long, hide = true)]
    pub folder: PathBuf,

    /// The program of the webrtcsink sender; without it, its cases are left out
    #[arg(long, hide = true)]
    pub webrtcsink: Option<PathBuf>,
}

impl Options {
    /// The number of runs, and the seconds for each.
    pub fn amount(&self) -> Result<(usize, f64), String> {
        let (runs, seconds) = if self.quick {
            QUICK_RUNS_AND_SECONDS
        } else {
            DEFAULT_RUNS_AND_SECONDS
        };
        let (runs, seconds) = (self.runs.unwrap_or(runs), self.seconds.unwrap_or(seconds));
        let max = f64::from(test_video::LENGTH_SECONDS) - 5.0;
        if runs == 0 || !(seconds > 0.0 && seconds <= max) {
            return Err(format!(
                "--runs must be 1 or more, --seconds between 0 and {max}"
            ));
        }
        Ok((runs, seconds))
    }

    /// The sender program for a case.
    pub fn sender(&self, case: &Case) -> Result<&Path, String> {
        if case.webrtcsink {
            return self
                .webrtcsink
                .as_deref()
                .ok_or("there is no webrtcsink sender".to_owned());
        }
        // It is in the folder of this program.
        static SENDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        Ok(SENDER.get_or_init(|| this.with_file_name("bench-sender")))
    }
}

//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cases::Case;
use crate::video;

/// Runs and seconds of `--quick`, which shows that everything works and little more.
const QUICK: (usize, f64) = (1, 4.0);
const THOROUGH: (usize, f64) = (5, 10.0);

/// Measures overshootsink beside its floors and beside webrtcsink.
#[derive(Debug, Parser)]
pub struct Options {
    /// How often each case is run [default: 5]
    #[arg(long, value_name = "N")]
    runs: Option<usize>,

    /// How long each run is measured, after 3 s of start-up [default: 10]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,

    /// One short run of each case
    #[arg(long)]
    quick: bool,

    /// These cases only, by their names with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Show the names of the cases
    #[arg(long)]
    pub list: bool,

    /// What the test videos are made of
    #[arg(long, hide = true)]
    pub video: PathBuf,

    /// Where the test videos are kept
    #[arg(long, hide = true)]
    pub folder: PathBuf,

    /// The sender with webrtcsink; without it, its cases are left out
    #[arg(long, hide = true)]
    pub webrtcsink: Option<PathBuf>,
}

impl Options {
    /// Runs, and seconds for each.
    pub fn amount(&self) -> Result<(usize, f64), String> {
        let (runs, seconds) = if self.quick { QUICK } else { THOROUGH };
        let (runs, seconds) = (self.runs.unwrap_or(runs), self.seconds.unwrap_or(seconds));
        let most = f64::from(video::SECONDS) - 5.0;
        if runs == 0 || !(seconds > 0.0 && seconds <= most) {
            return Err(format!(
                "--runs must be 1 or more, --seconds between 0 and {most}"
            ));
        }
        Ok((runs, seconds))
    }

    /// The program for a case.
    pub fn sender(&self, case: &Case) -> Result<&Path, String> {
        if case.webrtcsink {
            return self.webrtcsink.as_deref().ok_or("no webrtcsink".to_owned());
        }
        // Beside this one.
        static SENDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        Ok(SENDER.get_or_init(|| this.with_file_name("bench-sender")))
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One run of one case: a sender in a process of its own, and the receiver in this one.

use std::io::Read;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::cases::Case;
use crate::receiver::{Received, Receiver};
use crate::report::Report;

/// How long start and stop of a sender may take in addition to the measured time.
const START_AND_STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// The frames of the first second waited for the connection, so their delay is not typical.
const FIRST_SETTLED_FRAME: u16 = 30;

/// The results of one run. Values that do not apply are `None`.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// CPU seconds per second.
    pub cpu: f64,
    /// In MiB.
    pub peak: f64,
    pub threads: f64,
    /// Time from PLAYING, in ms.
    pub first_packet: Option<f64>,
    pub first_frame: Option<f64>,
    /// The median time from the moment a frame is due at the sink until it is decoded, in ms.
    pub delay: Option<f64>,
    /// Received frames per second and stream, since the first one.
    pub rate: Option<f64>,
    /// Frames that the element accepted but did not send, although they were due, and frames that did not arrive.
    pub lost: Option<f64>,
    pub encoder: Option<String>,
}

/// # Errors
/// If the run failed. The text says why.
pub fn run(case: &Case, sender: &Path, seconds: f64) -> Result<Run, String> {
    // The receiver can take many streams only without decoding.
    let receiver = Receiver::start(case.streams == 1)?;
    // Nobody reads from it: only what sending costs is measured.
    let udp = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let port = udp.local_addr().map_err(|error| error.to_string())?.port();
    let report = run_sender(&case.line(port), sender, seconds, &receiver.url);
    let received = receiver.finish()?;
    let report = report?;
    if case.sends {
        let arrived = received.streams.values().filter(|s| s.frames > 0).count();
        if arrived != case.streams {
            return Err(format!(
                "only {arrived} of {} streams sent video",
                case.streams
            ));
        }
    }
    Ok(compute(case, &report, &received))
}

fn run_sender(line: &str, sender: &Path, seconds: f64, url: &str) -> Result<Report, String> {
    let mut sender = Command::new(sender)
        .args([&seconds.to_string(), url, line])
        // The environment must not influence the measurement.
        .env_remove("GST_PLUGIN_PATH")
        .env_remove("GST_DEBUG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", sender.display()))?;
    let (stdout, stderr) = (collect(sender.stdout.take()), collect(sender.stderr.take()));
    let timeout = START_AND_STOP_TIMEOUT + Duration::from_secs_f64(seconds);
    let output = stdout.recv_timeout(timeout);
    let status = wait_or_kill(&mut sender, output.is_ok())?;
    let output = output.map_err(|_| format!("the sender did not end within {timeout:?}"))?;
    if !status {
        let why = stderr
            .recv_timeout(START_AND_STOP_TIMEOUT)
            .unwrap_or_default();
        return Err(match why.trim() {
            "" => "the sender crashed".to_owned(),
            why => why.to_owned(),
        });
    }
    serde_json::from_str(&output).map_err(|error| format!("the report of the sender: {error}"))
}

/// Reads everything from a pipe, and sends it at the end.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // After an error, the part that was read is still useful.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // If the process was killed, nobody waits any more.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Waits for the sender, or kills it if it did not end by itself. Returns whether it succeeded.
fn wait_or_kill(sender: &mut Child, by_itself: bool) -> Result<bool, String> {
    if !by_itself {
        sender.kill().map_err(|error| error.to_string())?;
    }
    let status = sender.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

fn compute(case: &Case, report: &Report, received: &Received) -> Run {
    let since_playing = |time: u64| time.saturating_sub(report.playing) as f64 / 1e6;
    let first = received.first.as_ref().filter(|_| case.sends);
    let mut delays: Vec<f64> = first
        .map_or(&[][..], |stream| &stream.pictures)
        .iter()
        .filter(|(number, _)| *number > FIRST_SETTLED_FRAME)
        .filter_map(|(number, at)| Some((*at as f64 - *report.captured.get(number)? as f64) / 1e6))
        .collect();
    delays.sort_by(f64::total_cmp);
    let frames: u64 = received.streams.values().map(|stream| stream.frames).sum();
    // Counted from the first packet. The time until then is measured separately.
    let sent = first.and_then(|s| s.first_packet).map(|since| {
        let seconds = report.end.saturating_sub(since) as f64 / 1e9;
        frames as f64 / seconds / case.streams as f64
    });
    Run {
        cpu: report.cpu / report.wall,
        peak: report.peak as f64 / 1024.0,
        threads: report.threads as f64,
        first_packet: first.and_then(|s| s.first_packet).map(since_playing),
        first_frame: first.and_then(|s| s.first_frame).map(since_playing),
        delay: delays.get(delays.len() / 2).copied(),
        rate: sent,
        lost: (!report.counts.is_empty()).then(|| count_lost(report, received) as f64),
        encoder: report.encoder.clone(),
    }
}

/// Lost frames: unsent ones by the element's own counters, and sent ones that did not arrive.
fn count_lost(report: &Report, received: &Received) -> u64 {
    report
        .counts
        .iter()
        .map(|(id, counts)| {
            let arrived = received.streams.get(id).map_or(0, |stream| stream.frames);
            counts.unsent() + counts.sent.saturating_sub(arrived)
        })
        .sum()
}

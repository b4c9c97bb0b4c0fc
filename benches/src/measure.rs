//! One run of one case: a sender in a process of its own, and the receiver in this one.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::cases::Case;
use crate::receiver::{Received, Receiver};
use crate::report::Report;

/// How long a sender may take on top of the time that is measured: start-up and stopping.
const MARGIN: Duration = Duration::from_secs(40);
/// The frames of the first second waited for the connection: their delay says nothing of those
/// to come.
const SETTLED: u16 = 30;

/// What was measured; what does not apply is `None`.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// CPU seconds a second.
    pub cpu: f64,
    /// MiB
    pub peak: f64,
    pub threads: f64,
    /// From PLAYING, in ms.
    pub first_packet: Option<f64>,
    pub first_frame: Option<f64>,
    /// From when a frame was due at the sink until it had been decoded, in ms; the median.
    pub delay: Option<f64>,
    /// Frames that arrived, a second and stream, since the first one.
    pub rate: Option<f64>,
    /// Frames that the element took and that, though due, were not sent or did not arrive.
    pub lost: Option<f64>,
    pub encoder: Option<String>,
}

/// # Errors
/// Why there are no figures.
pub fn run(case: &Case, sender: &Path, seconds: f64) -> Result<Run, String> {
    // Without decoding it bears many streams.
    let receiver = Receiver::start(case.streams == 1)?;
    let report = send(case, sender, seconds, &receiver.url);
    let received = receiver.finish()?;
    let report = report?;
    if case.sends {
        let arrived = received.streams.values().filter(|s| s.frames > 0).count();
        if arrived != case.streams {
            return Err(format!(
                "video of {arrived} of {} streams came",
                case.streams
            ));
        }
    }
    Ok(figures(case, &report, &received))
}

fn send(case: &Case, sender: &Path, seconds: f64, url: &str) -> Result<Report, String> {
    let mut sender = Command::new(sender)
        .args([&seconds.to_string(), url, &case.line()])
        // What it finds there is not to be measured.
        .env_remove("GST_PLUGIN_PATH")
        .env_remove("GST_DEBUG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", sender.display()))?;
    let (stdout, stderr) = (collect(sender.stdout.take()), collect(sender.stderr.take()));
    let patience = MARGIN + Duration::from_secs_f64(seconds);
    let output = stdout.recv_timeout(patience);
    let status = end(&mut sender, output.is_ok())?;
    let output = output.map_err(|_| format!("the sender did not end within {patience:?}"))?;
    if !status {
        let why = stderr.recv_timeout(MARGIN).unwrap_or_default();
        return Err(match why.trim() {
            "" => "the sender crashed".to_owned(),
            why => why.to_owned(),
        });
    }
    serde_json::from_str(&output).map_err(|error| format!("its report: {error}"))
}

/// All that comes, at its end.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before it broke is still worth something.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // Nobody waits any more where the process was killed.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Whether it ended well; it is killed where it does not end by itself.
fn end(sender: &mut Child, by_itself: bool) -> Result<bool, String> {
    if !by_itself {
        sender.kill().map_err(|error| error.to_string())?;
    }
    let status = sender.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

fn figures(case: &Case, report: &Report, received: &Received) -> Run {
    let since_playing = |time: u64| time.saturating_sub(report.playing) as f64 / 1e6;
    let first = received.first.as_ref().filter(|_| case.sends);
    let mut delays: Vec<f64> = first
        .map_or(&[][..], |stream| &stream.pictures)
        .iter()
        .filter(|(number, _)| *number > SETTLED)
        .filter_map(|(number, at)| Some((*at as f64 - *report.captured.get(number)? as f64) / 1e6))
        .collect();
    delays.sort_by(f64::total_cmp);
    let frames: u64 = received.streams.values().map(|stream| stream.frames).sum();
    // Since the first one: how long that took stands by itself.
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
        lost: (!report.counts.is_empty()).then(|| lost(report, received) as f64),
        encoder: report.encoder.clone(),
    }
}

/// By the element's own count, and by what of its frames did not arrive.
fn lost(report: &Report, received: &Received) -> u64 {
    report
        .counts
        .iter()
        .map(|(id, counts)| {
            let arrived = received.streams.get(id).map_or(0, |stream| stream.frames);
            counts.unsent() + counts.sent.saturating_sub(arrived)
        })
        .sum()
}

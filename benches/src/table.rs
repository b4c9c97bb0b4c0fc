//! Medians, the table, and the targets.

use std::collections::BTreeMap;

use crate::cases::Case;

/// One run of one case; what does not apply is NaN.
#[derive(Clone, Copy)]
pub struct Run {
    /// CPU seconds a second.
    pub cpu: f64,
    /// MiB
    pub peak: f64,
    pub threads: f64,
    /// ms
    pub first_packet: f64,
    pub first_frame: f64,
    pub delay: f64,
    /// Of all frames that the element took.
    pub lost: f64,
    /// Frames a second and stream that arrived.
    pub rate: f64,
}

pub type Results = BTreeMap<&'static str, Vec<Run>>;

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs
        .iter()
        .map(of)
        .filter(|value| !value.is_nan())
        .collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

fn cell(value: f64, digits: usize) -> String {
    match value.is_nan() {
        true => String::new(),
        false => format!("{value:.digits$}"),
    }
}

pub fn print(cases: &[Case], results: &Results) {
    println!(
        "| case | CPU s/s | of it net | peak MiB | threads | first RTP ms | first frame ms | delay ms | frames/s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let source = results
        .get("source")
        .map_or(f64::NAN, |runs| median(runs, |run| run.cpu));
    for case in cases {
        let Some(runs) = results.get(case.name) else {
            continue;
        };
        let of = |of: fn(&Run) -> f64| median(runs, of);
        let decoded = !case.name.contains("pass");
        let net = if decoded && case.streams == 1 {
            of(|run| run.cpu) - source
        } else {
            f64::NAN
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            case.title,
            cell(of(|run| run.cpu), 3),
            cell(net, 3),
            cell(of(|run| run.peak), 0),
            cell(of(|run| run.threads), 0),
            cell(of(|run| run.first_packet), 0),
            cell(of(|run| run.first_frame), 0),
            cell(of(|run| run.delay), 1),
            cell(of(|run| run.rate), 1),
        );
    }
}

/// The targets, as far as the cases that they compare were measured. Whether all are met.
pub fn check(results: &Results) -> bool {
    let of = |name: &str, of: fn(&Run) -> f64| {
        results.get(name).map_or(f64::NAN, |runs| median(runs, of))
    };
    let cpu = |name| of(name, |run| run.cpu);
    let net = |name| cpu(name) - cpu("source");
    let further = |what: fn(&Run) -> f64| (of("pass720x16", what) - of("pass720", what)) / 15.0;
    let peak = |name| of(name, |run| run.peak);
    let targets = [
        (
            "raw at full rate, VP8: CPU of its floor's",
            cpu("vp8") / cpu("floor-vp8"),
            1.10,
        ),
        (
            "raw at full rate, H.264: CPU of its floor's",
            cpu("h264") / cpu("floor-h264"),
            1.10,
        ),
        (
            "raw at full rate, VP8: CPU of webrtcsink's",
            cpu("vp8") / cpu("ws-vp8"),
            1.0,
        ),
        (
            "raw at full rate, H.264: CPU of webrtcsink's",
            cpu("h264") / cpu("ws-h264"),
            1.0,
        ),
        (
            "target-fps=6, net: CPU of webrtcsink's",
            net("target6") / net("ws-vp8"),
            0.28,
        ),
        (
            "frame mode at 0.5 s, net: CPU of webrtcsink's",
            net("frame") / net("ws-vp8"),
            0.20,
        ),
        (
            "passthrough: CPU of webrtcsink's passthrough",
            cpu("pass720") / cpu("ws-pass"),
            0.6,
        ),
        (
            "passthrough: CPU of webrtcsink's decoding and encoding",
            cpu("pass720") / cpu("ws-h264"),
            0.11,
        ),
        (
            "PLAYING to the first RTP, raw, in ms",
            of("vp8", |run| run.first_packet),
            150.0,
        ),
        (
            "PLAYING to the first RTP, passthrough, in ms",
            of("pass720", |run| run.first_packet),
            150.0,
        ),
        (
            "raw: peak memory of webrtcsink's",
            peak("vp8") / peak("ws-vp8"),
            1.0,
        ),
        (
            "passthrough: peak memory of webrtcsink's",
            peak("pass720") / peak("ws-vp8"),
            1.0,
        ),
        ("a further stream, in MiB", further(|run| run.peak), 15.0),
        (
            "a further stream, in threads",
            further(|run| run.threads),
            8.0,
        ),
        (
            "16 passed streams: frames that were lost",
            of("pass720x16", |run| run.lost),
            0.0,
        ),
    ];
    let mut all = true;
    for (what, value, most) in targets {
        if value.is_nan() {
            continue;
        }
        let met = value <= most;
        all &= met;
        let verdict = if met { "met" } else { "FALLS SHORT" };
        println!("{what}: {value:.2}, target {most:.2}: {verdict}");
    }
    all
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The targets. Most are ratios within one execution, because results of different machines or days cannot be compared.

use crate::measure::Run;
use crate::table::Results;

struct Target {
    what: &'static str,
    /// `None` if a required case was not measured.
    value: Option<f64>,
    max: f64,
}

/// Prints all targets. Returns whether the measured ones are met.
pub fn print(results: &Results) -> bool {
    println!("| target | measured | at most | |");
    println!("|---|---|---|---|");
    let mut all = true;
    for Target { what, value, max } in targets(results) {
        match value {
            Some(value) => {
                let met = value <= max;
                all &= met;
                let verdict = if met { "met" } else { "FALLS SHORT" };
                println!("| {what} | {} | {max} | {verdict} |", rounded(value));
            }
            None => println!("| {what} | | {max} | not measured |"),
        }
    }
    for (floor, case) in [("floor-vp8", "vp8"), ("floor-h264", "h264")] {
        let pair = results.encoder(floor).zip(results.encoder(case));
        if pair.is_some_and(|(floor, case)| floor != case) {
            println!(
                "\nThe encoders of {floor} and {case} have different settings (see above), so the ratio means little."
            );
        }
    }
    all
}

/// Rounded to significant digits.
fn rounded(value: f64) -> String {
    match value.abs() {
        10.0.. => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

fn targets(results: &Results) -> Vec<Target> {
    let target = |what, value, max| Target { what, value, max };
    let median = |name: &str, of: fn(&Run) -> Option<f64>| results.median(name, of);
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let cpu = |one, other| ratio(results.cpu(one), results.cpu(other));
    let net = |one, other| ratio(results.net(one), results.net(other));
    let first_packet = |name| median(name, |run| run.first_packet);
    let peak = |run: &Run| Some(run.peak);
    let threads = |run: &Run| Some(run.threads);
    let peaks = |one, other| ratio(median(one, peak), median(other, peak));
    let per_stream = |what| Some((median("pass720x64", what)? - median("pass720", what)?) / 63.0);
    vec![
        target(
            "raw at full rate, VP8: CPU / its floor's",
            cpu("vp8", "floor-vp8"),
            1.10,
        ),
        target(
            "raw at full rate, H.264: CPU / its floor's",
            cpu("h264", "floor-h264"),
            1.10,
        ),
        target(
            "raw at full rate, VP8: CPU / webrtcsink's",
            cpu("vp8", "ws-vp8"),
            1.0,
        ),
        target(
            "raw at full rate, H.264: CPU / webrtcsink's",
            cpu("h264", "ws-h264"),
            1.0,
        ),
        target(
            "target-fps=6, VP8, less source: CPU / webrtcsink's at full rate",
            net("target6", "ws-vp8"),
            0.28,
        ),
        target(
            "target-fps=6, H.264, less source: CPU / webrtcsink's at full rate",
            net("target6-h264", "ws-h264"),
            0.28,
        ),
        target(
            "target-fps=6, VP8: CPU / its floor's",
            cpu("target6", "floor6-vp8"),
            1.10,
        ),
        target(
            "target-fps=6, H.264: CPU / its floor's",
            cpu("target6-h264", "floor6-h264"),
            1.10,
        ),
        target(
            "frame mode at 0.5 s, VP8: CPU / its floor's",
            cpu("frame", "floor3-vp8"),
            1.10,
        ),
        target(
            "frame mode at 0.5 s, H.264: CPU / its floor's",
            cpu("frame-h264", "floor3-h264"),
            1.10,
        ),
        target(
            "frame mode at 0.5 s, VP8, less source: CPU / webrtcsink's at full rate",
            net("frame", "ws-vp8"),
            0.20,
        ),
        target(
            "frame mode at 0.5 s, H.264, less source: CPU / webrtcsink's at full rate",
            net("frame-h264", "ws-h264"),
            0.20,
        ),
        target(
            "passthrough: CPU / webrtcsink's passthrough",
            cpu("pass720", "ws-pass720"),
            0.6,
        ),
        target(
            "passthrough: CPU / webrtcbin's alone",
            cpu("pass720", "ws-bare-pass720"),
            1.5,
        ),
        target(
            "passthrough: CPU / webrtcsink's decoding and encoding, H.264",
            cpu("pass720", "ws-h264"),
            0.11,
        ),
        target(
            "PLAYING to the first RTP, raw VP8, ms",
            first_packet("vp8"),
            150.0,
        ),
        target(
            "PLAYING to the first RTP, raw H.264, ms",
            first_packet("h264"),
            150.0,
        ),
        // The files start with a key frame, so there is no wait for one.
        target(
            "PLAYING to the first RTP, 720p passthrough, ms",
            first_packet("pass720"),
            150.0,
        ),
        target(
            "PLAYING to the first RTP, 1080p passthrough, ms",
            first_packet("pass1080"),
            150.0,
        ),
        target(
            "raw VP8: peak memory / webrtcsink's",
            peaks("vp8", "ws-vp8"),
            1.0,
        ),
        target(
            "raw H.264: peak memory / webrtcsink's",
            peaks("h264", "ws-h264"),
            1.0,
        ),
        target(
            "passthrough: peak memory / webrtcsink's passthrough",
            peaks("pass720", "ws-pass720"),
            1.0,
        ),
        target(
            "a further passthrough stream, with its source, MiB",
            per_stream(peak),
            4.0,
        ),
        target(
            "a further passthrough stream, with its source, threads",
            per_stream(threads),
            8.0,
        ),
        target(
            "64 passthrough streams: frames lost",
            median("pass720x64", |run| run.lost),
            0.0,
        ),
        target(
            "4 passthrough streams: CPU / udpsink's",
            cpu("pass720x4", "udp-pass720x4"),
            2.0,
        ),
        target(
            "16 passthrough streams: CPU / udpsink's",
            cpu("pass720x16", "udp-pass720x16"),
            2.0,
        ),
        target(
            "64 passthrough streams: CPU / udpsink's",
            cpu("pass720x64", "udp-pass720x64"),
            2.0,
        ),
    ]
}

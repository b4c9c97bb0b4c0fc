//! What is to be met, as ratios within one go: figures of different machines or days don't compare.

use crate::measure::Run;
use crate::table::Results;

struct Target {
    what: &'static str,
    /// `None` where a case that it needs was not measured.
    value: Option<f64>,
    most: f64,
}

/// Prints all targets, and whether those that were measured are met.
pub fn print(results: &Results) -> bool {
    println!("| target | measured | at most | |");
    println!("|---|---|---|---|");
    let mut all = true;
    for Target { what, value, most } in targets(results) {
        match value {
            Some(value) => {
                let met = value <= most;
                all &= met;
                let verdict = if met { "met" } else { "FALLS SHORT" };
                println!("| {what} | {} | {most} | {verdict} |", rounded(value));
            }
            None => println!("| {what} | | {most} | not measured |"),
        }
    }
    for (floor, case) in [("floor-vp8", "vp8"), ("floor-h264", "h264")] {
        let pair = results.encoder(floor).zip(results.encoder(case));
        if pair.is_some_and(|(floor, case)| floor != case) {
            println!(
                "\nThe encoders of {floor} and {case} are set up differently (see above): the ratio means little."
            );
        }
    }
    all
}

/// With as many digits as tell something.
fn rounded(value: f64) -> String {
    match value.abs() {
        10.0.. => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    }
}

fn targets(results: &Results) -> Vec<Target> {
    let target = |what, value, most| Target { what, value, most };
    let of = |name: &str, of: fn(&Run) -> Option<f64>| results.median(name, of);
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let cpu = |one, other| ratio(results.cpu(one), results.cpu(other));
    let net = |one, other| ratio(results.net(one), results.net(other));
    let first_packet = |name| of(name, |run| run.first_packet);
    let peak = |run: &Run| Some(run.peak);
    let threads = |run: &Run| Some(run.threads);
    let peaks = |one, other| ratio(of(one, peak), of(other, peak));
    let further = |what| Some((of("pass720x16", what)? - of("pass720", what)?) / 15.0);
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
        // The files start with a key frame: there is no wait for one.
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
            further(peak),
            15.0,
        ),
        target(
            "a further passthrough stream, with its source, threads",
            further(threads),
            8.0,
        ),
        target(
            "16 passthrough streams: frames lost",
            of("pass720x16", |run| run.lost),
            0.0,
        ),
    ]
}

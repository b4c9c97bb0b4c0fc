//! What is measured: each case is a command line for `sender`.

use std::path::Path;

/// The videos, with the numbers of their frames drawn into them.
pub struct Videos<'a> {
    pub p720: &'a Path,
    pub p1080: &'a Path,
}

pub struct Case {
    pub name: &'static str,
    pub title: &'static str,
    pub streams: usize,
    /// One stream's line; `{n}` is its number, `{url}` the receiver's address.
    line: String,
    /// The settings of a webrtcsink at its end.
    webrtcsink: Option<&'static str>,
    /// Whether anything is received.
    pub sends: bool,
}

/// As in src/sink/encoder_table.rs.
const VP8: &str = "vp8enc deadline=1 cpu-used=-16 lag-in-frames=0 keyframe-max-dist=2000 end-usage=cbr \
    error-resilient=default target-bitrate=2000000 threads=1";
const X264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=2000 b-adapt=false threads=1 bitrate=2000 \
    ! video/x-h264,profile=constrained-baseline";
const ALL_FRAMES: &str = "max-framerate=120/1";
const FIXED: &str = "congestion-control=disabled start-bitrate=2000000 max-bitrate=2000000";

pub fn all(videos: &Videos) -> Vec<Case> {
    let encoded = |video: &Path| {
        format!(
            "filesrc location={} ! qtdemux ! h264parse ! identity name=cap{{n}}",
            video.display()
        )
    };
    let h264 = encoded(videos.p720);
    let raw = format!(
        "filesrc location={} ! qtdemux ! h264parse ! avdec_h264 ! identity name=cap{{n}}",
        videos.p720.display()
    );
    let floor = |name, title, line| Case {
        name,
        title,
        streams: 1,
        line,
        webrtcsink: None,
        sends: false,
    };
    let overshoot = |name, title, streams, source: &str, settings: &str| Case {
        name,
        title,
        streams,
        line: format!("{source} ! overshootsink api-url={{url}} prompt=? {settings}"),
        webrtcsink: None,
        sends: true,
    };
    let webrtcsink = |name, title, source: &str, settings| Case {
        name,
        title,
        streams: 1,
        line: format!("{source} ! identity name=tail"),
        webrtcsink: Some(settings),
        sends: true,
    };
    let pay =
        "rtph264pay config-interval=-1 aggregate-mode=zero-latency mtu=1200 ! fakesink sync=true";
    vec![
        floor(
            "source",
            "the decoded source alone",
            format!("{raw} ! fakesink sync=true"),
        ),
        floor(
            "floor-vp8",
            "floor: source, VP8 encoder, payloader",
            format!(
                "{raw} ! {VP8} ! rtpvp8pay picture-id-mode=15-bit mtu=1200 ! fakesink sync=true"
            ),
        ),
        floor(
            "floor-h264",
            "floor: source, x264, payloader",
            format!("{raw} ! {X264} ! {pay}"),
        ),
        floor(
            "floor-pass720",
            "floor: H.264 720p30, payloader",
            format!("{h264} ! {pay}"),
        ),
        floor(
            "floor-pass1080",
            "floor: H.264 1080p30, payloader",
            format!("{} ! {pay}", encoded(videos.p1080)),
        ),
        overshoot(
            "vp8",
            "overshootsink, raw, all 30/s, VP8",
            1,
            &raw,
            ALL_FRAMES,
        ),
        overshoot(
            "h264",
            "overshootsink, raw, all 30/s, H.264",
            1,
            &raw,
            ALL_FRAMES,
        ),
        overshoot(
            "target6",
            "overshootsink, raw, target-fps=6",
            1,
            &raw,
            "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5",
        ),
        overshoot(
            "frame",
            "overshootsink, raw, interval-seconds=0.5",
            1,
            &raw,
            "interval-seconds=0.5",
        ),
        overshoot(
            "pass720",
            "overshootsink, H.264 720p30 passed through",
            1,
            &h264,
            "",
        ),
        overshoot(
            "pass1080",
            "overshootsink, H.264 1080p30 passed through",
            1,
            &encoded(videos.p1080),
            "",
        ),
        overshoot(
            "target6x4",
            "overshootsink, raw, target-fps=6, 4 streams",
            4,
            &raw,
            "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5",
        ),
        overshoot(
            "pass720x4",
            "overshootsink, H.264 720p30 passed through, 4 streams",
            4,
            &h264,
            "",
        ),
        overshoot(
            "pass720x16",
            "overshootsink, H.264 720p30 passed through, 16 streams",
            16,
            &h264,
            "",
        ),
        webrtcsink("ws-default", "webrtcsink, raw, its defaults", &raw, ""),
        webrtcsink(
            "ws-vp8",
            "webrtcsink, raw, VP8, 2 Mbit/s",
            &raw,
            "video-caps=video/x-vp8 congestion-control=disabled start-bitrate=2000000 max-bitrate=2000000",
        ),
        webrtcsink(
            "ws-h264",
            "webrtcsink, raw, H.264, 2 Mbit/s",
            &raw,
            "video-caps=video/x-h264 congestion-control=disabled start-bitrate=2000000 max-bitrate=2000000",
        ),
        webrtcsink(
            "ws-pass",
            "webrtcsink, H.264 720p30 passed through",
            &h264,
            FIXED,
        ),
    ]
}

impl Case {
    /// The arguments for `sender`.
    pub fn arguments(&self, seconds: f64, url: &str) -> Vec<String> {
        let lines: Vec<_> = (0..self.streams)
            .map(|n| {
                self.line
                    .replace("{n}", &n.to_string())
                    .replace("{url}", url)
            })
            .collect();
        let mut arguments = vec![seconds.to_string(), lines.join(" ")];
        if let Some(settings) = self.webrtcsink {
            arguments.extend(["webrtcsink".to_owned(), url.to_owned(), settings.to_owned()]);
        }
        arguments
    }

    pub fn needs_webrtcsink(&self) -> bool {
        self.webrtcsink.is_some()
    }
}

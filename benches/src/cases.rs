//! What is measured: each case is a pipeline in a process of its own.

use std::path::Path;

use crate::video::Video;

pub struct Case {
    pub name: &'static str,
    pub title: &'static str,
    pub streams: usize,
    pub video: Video,
    /// One stream's line; `{n}` is its number.
    line: String,
    /// Whether the sender is the one with webrtcsink.
    pub webrtcsink: bool,
    /// Whether anything is received.
    pub sends: bool,
    /// Whether the source is the decoded video, whose share of the costs is known.
    pub decoded: bool,
}

/// As in src/sink/codec/encoder_settings.rs. Each run compares what it finds set on the encoders, and the
/// table says where they differ.
const VP8: &str = "vp8enc deadline=1 cpu-used=-16 lag-in-frames=0 keyframe-max-dist=2000 \
    end-usage=cbr min-quantizer=28 error-resilient=default threads=1 target-bitrate=2000000";
const X264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=2000 b-adapt=false \
    qp-min=24 threads=1 bitrate=2000 ! video/x-h264,profile=constrained-baseline";

// As in src/sink/codec/video_codec.rs.
const PAY_VP8: &str = "rtpvp8pay picture-id-mode=15-bit mtu=1200";
const PAY_H264: &str = "rtph264pay config-interval=-1 aggregate-mode=zero-latency mtu=1200";

/// What `target-fps=6` sends of 30/s: each frame that is sampled must be a fresh one.
const RATE_7_5: &str = "videorate drop-only=true ! video/x-raw,framerate=15/2";
/// Whatever the mode samples: every frame of the source is sent.
const ALL_FRAMES: &str = "max-framerate=120/1";
const TARGET_6: &str = "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5";
/// 2 Mbit/s, as overshootsink.
const FIXED: &str = "congestion-control=disabled start-bitrate=2000000 max-bitrate=2000000";

/// All of them; the videos are or will be in `folder`.
pub fn all(folder: &Path) -> Vec<Case> {
    let all = All {
        p720: Video::new(folder, 1280, 720),
        p1080: Video::new(folder, 1920, 1080),
    };
    // Always said: defaults may change, and only the same codecs compare.
    let (vp8, h264) = ("video-caps=video/x-vp8", "video-caps=video/x-h264");
    vec![
        all.floor("source", "the decoded source alone", ""),
        all.floor(
            "floor-vp8",
            "source, VP8 encoder, payloader",
            &format!("{VP8} ! {PAY_VP8}"),
        ),
        all.floor(
            "floor-h264",
            "source, x264, payloader",
            &format!("{X264} ! {PAY_H264}"),
        ),
        all.floor(
            "floor6-vp8",
            "source, 7.5/s of it, VP8 encoder, payloader",
            &format!("{RATE_7_5} ! {VP8} ! {PAY_VP8}"),
        ),
        all.floor(
            "floor6-h264",
            "source, 7.5/s of it, x264, payloader",
            &format!("{RATE_7_5} ! {X264} ! {PAY_H264}"),
        ),
        all.floor("floor-pass720", "H.264 720p30, payloader", PAY_H264),
        all.floor("floor-pass1080", "H.264 1080p30, payloader", PAY_H264),
        all.overshoot(
            "vp8",
            "overshootsink, raw, all 30/s, VP8",
            &format!("{ALL_FRAMES} {vp8}"),
        ),
        all.overshoot(
            "h264",
            "overshootsink, raw, all 30/s, H.264",
            &format!("{ALL_FRAMES} {h264}"),
        ),
        all.overshoot(
            "target6",
            "overshootsink, raw, target-fps=6, VP8",
            &format!("{TARGET_6} {vp8}"),
        ),
        all.overshoot(
            "frame",
            "overshootsink, raw, interval-seconds=0.5, VP8",
            &format!("interval-seconds=0.5 {vp8}"),
        ),
        all.overshoot(
            "target6-h264",
            "overshootsink, raw, target-fps=6, H.264",
            &format!("{TARGET_6} {h264}"),
        ),
        all.overshoot(
            "frame-h264",
            "overshootsink, raw, interval-seconds=0.5, H.264",
            &format!("interval-seconds=0.5 {h264}"),
        ),
        all.overshoot("pass720", "overshootsink, H.264 720p30 passed through", ""),
        all.overshoot(
            "pass1080",
            "overshootsink, H.264 1080p30 passed through",
            "",
        ),
        all.overshoot(
            "target6x4",
            "overshootsink, raw, target-fps=6, VP8, 4 streams",
            &format!("{TARGET_6} {vp8}"),
        )
        .times(4),
        all.overshoot(
            "pass720x4",
            "overshootsink, H.264 720p30 passed through, 4 streams",
            "",
        )
        .times(4),
        all.overshoot(
            "pass720x16",
            "overshootsink, H.264 720p30 passed through, 16 streams",
            "",
        )
        .times(16),
        all.webrtcsink("ws-default", "webrtcsink, raw, its defaults", ""),
        all.webrtcsink(
            "ws-vp8",
            "webrtcsink, raw, VP8, 2 Mbit/s",
            &format!("{vp8} {FIXED}"),
        ),
        all.webrtcsink(
            "ws-h264",
            "webrtcsink, raw, H.264, 2 Mbit/s",
            &format!("{h264} {FIXED}"),
        ),
        all.webrtcsink(
            "ws-pass720",
            "webrtcsink, H.264 720p30 passed through",
            &format!("{h264} {FIXED}"),
        ),
    ]
}

struct All {
    p720: Video,
    p1080: Video,
}

impl All {
    /// A case with its source; the name says which.
    fn case(&self, name: &'static str, title: &'static str, to: &str) -> Case {
        let video = if name.contains("1080") {
            &self.p1080
        } else {
            &self.p720
        };
        let decoded = !name.contains("pass");
        let decoder = if decoded { "! avdec_h264" } else { "" };
        Case {
            name,
            title,
            streams: 1,
            video: video.clone(),
            line: format!(
                "filesrc location=\"{}\" ! qtdemux ! h264parse {decoder} ! identity name=cap{{n}} {to}",
                video.path.display()
            ),
            webrtcsink: false,
            sends: true,
            decoded,
        }
    }

    fn floor(&self, name: &'static str, title: &'static str, chain: &str) -> Case {
        let chain = match chain {
            "" => String::new(),
            chain => format!("! {chain}"),
        };
        Case {
            sends: false,
            ..self.case(name, title, &format!("{chain} ! fakesink sync=true"))
        }
    }

    fn overshoot(&self, name: &'static str, title: &'static str, settings: &str) -> Case {
        self.case(name, title, &format!("! overshootsink {settings}"))
    }

    fn webrtcsink(&self, name: &'static str, title: &'static str, settings: &str) -> Case {
        Case {
            webrtcsink: true,
            ..self.case(name, title, &format!("! webrtcsink {settings}"))
        }
    }
}

impl Case {
    /// So many streams in one process.
    fn times(self, streams: usize) -> Self {
        Self { streams, ..self }
    }

    /// The launch line.
    pub fn line(&self) -> String {
        let lines: Vec<_> = (0..self.streams)
            .map(|n| self.line.replace("{n}", &n.to_string()))
            .collect();
        lines.join(" ")
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The cases to measure. Each is a pipeline in its own process.

use std::path::Path;

use crate::test_video::TestVideo;

pub struct Case {
    pub name: &'static str,
    pub title: &'static str,
    pub streams: usize,
    pub video: TestVideo,
    /// The line of one stream. `{n}` is its number.
    line: String,
    /// Whether the program of webrtcsink is the sender. It also knows webrtcbin alone.
    pub webrtcsink: bool,
    /// Whether the receiver gets video.
    pub sends: bool,
    /// Whether the source is decoded video, whose CPU time is known from the case `source`.
    pub decoded: bool,
}

/// The settings of src/sink/codec/encoder_settings.rs. Each run reads the settings of the encoders, and the table shows
/// the differences.
const VP8: &str = "vp8enc deadline=1 cpu-used=-16 lag-in-frames=0 keyframe-max-dist=2000 \
    end-usage=cbr min-quantizer=28 error-resilient=default threads=1 target-bitrate=2000000";
const X264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=2000 b-adapt=false \
    qp-min=24 threads=1 bitrate=2000 ! video/x-h264,profile=constrained-baseline";

// The settings of src/sink/codec/codec.rs.
const PAY_VP8: &str = "rtpvp8pay picture-id-mode=15-bit mtu=1200";
const PAY_H264: &str = "rtph264pay config-interval=-1 aggregate-mode=zero-latency mtu=1200";

/// The rate that `target-fps=6` sends from 30 frames per second: each sampled frame must be a new one.
const RATE_7_5: &str = "videorate drop-only=true ! video/x-raw,framerate=15/2";
/// What interval-seconds=0.5 sends from 30 frames per second: three frames for two samples.
const RATE_3: &str = "videorate drop-only=true ! video/x-raw,framerate=3/1";
/// One answer per minute, so that the answers are not measured together with the transport.
const FEW_ANSWERS: &str = "interval-seconds=60";
/// Sends every frame of the source, independent of the mode.
const ALL_FRAMES: &str = "max-framerate=120/1";
const TARGET_6: &str = "target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5";
/// 2 Mbit/s, as with overshootsink.
const FIXED_BITRATE: &str = "congestion-control=disabled start-bitrate=2000000 max-bitrate=2000000";

/// All cases. `folder` is the folder of the videos, which may not exist yet.
pub fn all(folder: &Path) -> Vec<Case> {
    let videos = Videos {
        p720: TestVideo::new(folder, 1280, 720),
        p1080: TestVideo::new(folder, 1920, 1080),
    };
    // The codec is always set: defaults may change, and only equal codecs can be compared.
    let (vp8, h264) = ("video-caps=video/x-vp8", "video-caps=video/x-h264");
    vec![
        videos.floor("source", "the decoded source alone", ""),
        videos.floor(
            "floor-vp8",
            "source, VP8 encoder, payloader",
            &format!("{VP8} ! {PAY_VP8}"),
        ),
        videos.floor(
            "floor-h264",
            "source, x264, payloader",
            &format!("{X264} ! {PAY_H264}"),
        ),
        videos.floor(
            "floor6-vp8",
            "source, 7.5/s of it, VP8 encoder, payloader",
            &format!("{RATE_7_5} ! {VP8} ! {PAY_VP8}"),
        ),
        videos.floor(
            "floor6-h264",
            "source, 7.5/s of it, x264, payloader",
            &format!("{RATE_7_5} ! {X264} ! {PAY_H264}"),
        ),
        videos.floor(
            "floor3-vp8",
            "source, 3/s of it, VP8 encoder, payloader",
            &format!("{RATE_3} ! {VP8} ! {PAY_VP8}"),
        ),
        videos.floor(
            "floor3-h264",
            "source, 3/s of it, x264, payloader",
            &format!("{RATE_3} ! {X264} ! {PAY_H264}"),
        ),
        videos.floor("floor-pass720", "H.264 720p30, payloader", PAY_H264),
        videos.floor("floor-pass1080", "H.264 1080p30, payloader", PAY_H264),
        videos.overshoot(
            "vp8",
            "overshootsink, raw, all 30/s, VP8",
            &format!("{ALL_FRAMES} {FEW_ANSWERS} {vp8}"),
        ),
        videos.overshoot(
            "h264",
            "overshootsink, raw, all 30/s, H.264",
            &format!("{ALL_FRAMES} {FEW_ANSWERS} {h264}"),
        ),
        videos.overshoot(
            "target6",
            "overshootsink, raw, target-fps=6, VP8",
            &format!("{TARGET_6} {vp8}"),
        ),
        videos.overshoot(
            "frame",
            "overshootsink, raw, interval-seconds=0.5, VP8",
            &format!("interval-seconds=0.5 {vp8}"),
        ),
        videos.overshoot(
            "target6-h264",
            "overshootsink, raw, target-fps=6, H.264",
            &format!("{TARGET_6} {h264}"),
        ),
        videos.overshoot(
            "frame-h264",
            "overshootsink, raw, interval-seconds=0.5, H.264",
            &format!("interval-seconds=0.5 {h264}"),
        ),
        videos.overshoot(
            "pass720",
            "overshootsink, H.264 720p30 passed through",
            FEW_ANSWERS,
        ),
        videos.overshoot(
            "pass720-answers",
            "overshootsink, H.264 720p30 passed through, five answers per second",
            "delay-seconds=0.2",
        ),
        videos.overshoot(
            "pass1080",
            "overshootsink, H.264 1080p30 passed through",
            FEW_ANSWERS,
        ),
        videos
            .overshoot(
                "target6x4",
                "overshootsink, raw, target-fps=6, VP8, 4 streams",
                &format!("{TARGET_6} {vp8}"),
            )
            .times(4),
        videos
            .overshoot(
                "pass720x4",
                "overshootsink, H.264 720p30 passed through, 4 streams",
                FEW_ANSWERS,
            )
            .times(4),
        videos
            .overshoot(
                "pass720x16",
                "overshootsink, H.264 720p30 passed through, 16 streams",
                FEW_ANSWERS,
            )
            .times(16),
        videos
            .overshoot(
                "pass720x64",
                "overshootsink, H.264 720p30 passed through, 64 streams",
                FEW_ANSWERS,
            )
            .times(64),
        videos
            .udp(
                "udp-pass720x4",
                "H.264 720p30, payloader, udpsink, 4 streams",
            )
            .times(4),
        videos
            .udp(
                "udp-pass720x16",
                "H.264 720p30, payloader, udpsink, 16 streams",
            )
            .times(16),
        videos
            .udp(
                "udp-pass720x64",
                "H.264 720p30, payloader, udpsink, 64 streams",
            )
            .times(64),
        videos.webrtcsink("ws-default", "webrtcsink, raw, its defaults", ""),
        videos.webrtcsink(
            "ws-vp8",
            "webrtcsink, raw, VP8, 2 Mbit/s",
            &format!("{vp8} {FIXED_BITRATE}"),
        ),
        videos.webrtcsink(
            "ws-h264",
            "webrtcsink, raw, H.264, 2 Mbit/s",
            &format!("{h264} {FIXED_BITRATE}"),
        ),
        videos.webrtcsink(
            "ws-pass720",
            "webrtcsink, H.264 720p30 passed through",
            &format!("{h264} {FIXED_BITRATE}"),
        ),
        videos.bare(
            "ws-bare-pass720",
            "webrtcbin alone, H.264 720p30 passed through",
        ),
    ]
}

struct Videos {
    p720: TestVideo,
    p1080: TestVideo,
}

impl Videos {
    /// A case with its source, which follows from the name.
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

    /// Sends plain RTP to a port that nobody reads.
    fn udp(&self, name: &'static str, title: &'static str) -> Case {
        let chain = format!("! {PAY_H264} ! udpsink host=127.0.0.1 port={{port}}");
        Case {
            sends: false,
            ..self.case(name, title, &chain)
        }
    }

    /// webrtcbin behind the same payloader. An SSRC must be offered for the receiver.
    fn bare(&self, name: &'static str, title: &'static str) -> Case {
        let chain = format!(
            "! {PAY_H264} pt=96 ssrc=7 ! application/x-rtp,ssrc=(uint)7 \
             ! webrtcbin bundle-policy=max-bundle"
        );
        Case {
            webrtcsink: true,
            ..self.case(name, title, &chain)
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
    /// The same case with several streams in one process.
    fn times(self, streams: usize) -> Self {
        Self { streams, ..self }
    }

    /// The launch line. `port`: where the cases with `udpsink` send to.
    pub fn line(&self, port: u16) -> String {
        let lines: Vec<_> = (0..self.streams)
            .map(|n| self.line.replace("{n}", &n.to_string()))
            .map(|line| line.replace("{port}", &port.to_string()))
            .collect();
        lines.join(" ")
    }
}

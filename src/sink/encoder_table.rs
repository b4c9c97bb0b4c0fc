//! The encoders that are known, and their settings.
//!
//! The settings are for a machine that looks at single pictures: real time, no look-ahead, no
//! B-frames, key frames when the far side asks for one. What they cost, in CPU seconds (user and
//! system, median of 3) for 300 moving pictures of 1280x720 at 2 Mbit/s, with the mean PSNR:
//!
//! | encoder | settings | CPU s | dB |
//! |---|---|---|---|
//! | vp8enc | cpu-used=-16, threads=1 (taken) | 0.87 | 43.3 |
//! | | threads=2, or 4 and 4 token partitions | 0.97 | 42.5 |
//! | | cpu-used=-12; -10; -8 | 1.09; 1.21; 1.33 | 46.2; 46.7; 46.8 |
//! | | static-threshold=100; 1000 | 0.96; 0.85 | 43.4; 43.3 |
//! | x264enc 164 | ultrafast, zerolatency, threads=1 (taken) | 0.73 | 44.0 |
//! | | threads=2; 4 (sliced) | 0.72; 0.78 | 44.0; 43.8 |
//! | | superfast; veryfast | 1.18; 2.14 | 46.9; 47.2 |
//! | | vbv-buf-capacity=120 | 0.81 | 43.6 |
//! | openh264enc 2.3 | low, no detections (taken) | 1.00 | 47.0 |
//! | | with its detections | 1.11 | 46.5 |
//! | vp9enc | cpu-used=-16 (taken); 8 | 1.70; 2.44 | 48.6; 48.8 |
//! | x265enc | ultrafast, zerolatency | 7.1 | 49.1 |
//!
//! Where few frames a second are sent, as is usual, 2 Mbit/s are far more than a model can see, and
//! each frame costs more for it. So the quantizer has a floor where it is known well: what `bitrate`
//! allows is then the most, not the aim. The same video at 7.5 and 4.3 frames a second, at the same
//! 2 Mbit/s (ms a frame, dB, kbit/s):
//!
//! | encoder | floor | 7.5/s | 4.3/s |
//! |---|---|---|---|
//! | x264enc | none | 5.1, 46.9, 2472 | 5.9, 49.0, 2369 |
//! | | qp-min=24 (taken) | 4.4, 43.6, 1329 | 4.7, 43.8, 937 |
//! | openh264enc | none | 7.4, 48.8, 2438 | 8.9, 50.0, 2364 |
//! | | qp-min=26 (taken) | 5.4, 44.4, 882 | 6.2, 44.4, 642 |
//! | vp8enc | none | 7.4, 47.5, 2415 | 9.6, 49.5, 2407 |
//! | | min-quantizer=28 (taken) | 5.9, 44.2, 1316 | 6.0, 44.2, 844 |
//! | vp9enc | none | 13.4, 49.4, 2421 | 16.6, 50.4, 2255 |
//! | | min-quantizer=32 (taken) | 9.8, 43.7, 607 | 10.6, 43.5, 436 |

use super::codec::Codec;

/// Key frames come when they are asked for, and after this many frames at the latest.
pub const KEY_FRAMES: &str = "2000";

/// Those that need hardware, the preferred one first: each is tried before it is used.
pub fn hardware(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Vp8 => &["vavp8enc", "vavp8lpenc", "vaapivp8enc", "v4l2vp8enc"],
        Codec::H264 => &[
            "nvh264enc",
            "vah264enc",
            "vah264lpenc",
            "vaapih264enc",
            "qsvh264enc",
            "msdkh264enc",
            "amfh264enc",
            "mfh264enc",
            "vtenc_h264_hw",
            "v4l2h264enc",
        ],
        Codec::Vp9 => &[
            "vavp9enc",
            "vavp9lpenc",
            "vaapivp9enc",
            "qsvvp9enc",
            "v4l2vp9enc",
        ],
        Codec::H265 => &[
            "nvh265enc",
            "vah265enc",
            "vah265lpenc",
            "vaapih265enc",
            "qsvh265enc",
            "msdkh265enc",
            "amfh265enc",
            "vtenc_h265_hw",
            "v4l2h265enc",
        ],
        Codec::Av1 => &[
            "nvav1enc",
            "vaav1enc",
            "vaav1lpenc",
            "qsvav1enc",
            "amfav1enc",
        ],
    }
}

/// Those that need none.
pub fn software(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Vp8 => &["vp8enc"],
        Codec::H264 => &["x264enc", "openh264enc"],
        Codec::Vp9 => &["vp9enc"],
        Codec::H265 => &["x265enc"],
        Codec::Av1 => &["svtav1enc", "av1enc"],
    }
}

/// Real time, constant bitrate, no look-ahead, no B-frames, few key frames. Versions differ in
/// what they have: a property that is not there is left out.
pub fn settings(factory: &str) -> &'static [(&'static str, &'static str)] {
    match factory {
        "vp8enc" => &[
            ("deadline", "1"),
            ("cpu-used", "-16"),
            ("lag-in-frames", "0"),
            ("keyframe-max-dist", KEY_FRAMES),
            ("end-usage", "cbr"),
            ("min-quantizer", "28"),
            ("error-resilient", "default"),
            ("threads", "1"),
        ],
        "vp9enc" => &[
            ("deadline", "1"),
            ("cpu-used", "-16"),
            ("lag-in-frames", "0"),
            ("keyframe-max-dist", KEY_FRAMES),
            ("end-usage", "cbr"),
            ("min-quantizer", "32"),
            ("error-resilient", "default"),
            ("row-mt", "true"),
            ("threads", "1"),
        ],
        "x264enc" => &[
            // Without look-ahead, B-frames and waiting for more frames.
            ("tune", "zerolatency"),
            ("speed-preset", "ultrafast"),
            ("key-int-max", KEY_FRAMES),
            ("b-adapt", "false"),
            ("qp-min", "24"),
            ("threads", "1"),
        ],
        "openh264enc" => &[
            ("gop-size", KEY_FRAMES),
            ("rate-control", "bitrate"),
            ("complexity", "low"),
            ("qp-min", "26"),
            ("background-detection", "false"),
            ("scene-change-detection", "false"),
            ("multi-thread", "1"),
        ],
        "x265enc" => &[
            ("tune", "zerolatency"),
            ("speed-preset", "ultrafast"),
            ("key-int-max", KEY_FRAMES),
            ("option-string", "frame-threads=1"),
        ],
        "av1enc" => &[
            ("usage-profile", "realtime"),
            ("cpu-used", "10"),
            ("end-usage", "cbr"),
            ("lag-in-frames", "0"),
            ("keyframe-max-dist", KEY_FRAMES),
            ("threads", "1"),
        ],
        "svtav1enc" => &[("preset", "12"), ("intra-period-length", KEY_FRAMES)],
        "v4l2h264enc" | "v4l2h265enc" | "v4l2vp8enc" | "v4l2vp9enc" => &[("gop-size", KEY_FRAMES)],
        _ if factory.starts_with("nv") => &[
            ("gop-size", KEY_FRAMES),
            ("rc-mode", "cbr-ld-hq"),
            ("zerolatency", "true"),
            ("bframes", "0"),
            ("rc-lookahead", "0"),
        ],
        _ if factory.starts_with("vaapi") => &[
            ("keyframe-period", KEY_FRAMES),
            ("rate-control", "cbr"),
            ("max-bframes", "0"),
        ],
        _ if factory.starts_with("va") => &[
            // They take no more than 1024, to which it is bent.
            ("key-int-max", KEY_FRAMES),
            ("rate-control", "cbr"),
            ("b-frames", "0"),
        ],
        _ if factory.starts_with("qsv") || factory.starts_with("msdk") => &[
            ("gop-size", KEY_FRAMES),
            ("low-latency", "true"),
            ("disable-hrd-conformance", "true"),
            ("rate-control", "cbr"),
            ("b-frames", "0"),
            ("rc-lookahead", "0"),
        ],
        _ if factory.starts_with("amf") => &[
            ("usage", "ultra-low-latency"),
            ("gop-size", KEY_FRAMES),
            ("rate-control", "cbr"),
            ("b-frames", "0"),
        ],
        _ if factory.starts_with("mf") => &[
            ("low-latency", "true"),
            ("gop-size", KEY_FRAMES),
            ("rc-mode", "cbr"),
            ("bframes", "0"),
        ],
        _ if factory.starts_with("vtenc") => &[
            ("realtime", "true"),
            ("allow-frame-reordering", "false"),
            ("max-keyframe-interval", KEY_FRAMES),
        ],
        _ => &[],
    }
}

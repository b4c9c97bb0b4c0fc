// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The supported encoders and their settings.
//!
//! The viewer is a model that looks at single frames, so the settings are: real time, no look-ahead, no
//! B-frames, and a key frame only when the remote peer requests one. This table shows the cost in CPU
//! seconds (user and system, median of 3) for 300 moving frames of 1280x720 at 2 Mbit/s, and the mean PSNR:
//!
//! | encoder | settings | CPU s | dB |
//! |---|---|---|---|
//! | vp8enc | cpu-used=-16, threads=1 (used) | 0.87 | 43.3 |
//! | | threads=2, or 4 and 4 token partitions | 0.97 | 42.5 |
//! | | cpu-used=-12; -10; -8 | 1.09; 1.21; 1.33 | 46.2; 46.7; 46.8 |
//! | | static-threshold=100; 1000 | 0.96; 0.85 | 43.4; 43.3 |
//! | x264enc 164 | ultrafast, zerolatency, threads=1 (used) | 0.73 | 44.0 |
//! | | threads=2; 4 (sliced) | 0.72; 0.78 | 44.0; 43.8 |
//! | | superfast; veryfast | 1.18; 2.14 | 46.9; 47.2 |
//! | | vbv-buf-capacity=120 | 0.81 | 43.6 |
//! | openh264enc 2.3 | low, no detections (used) | 1.00 | 47.0 |
//! | | with detections | 1.11 | 46.5 |
//! | vp9enc | cpu-used=-16 (used); 8 | 1.70; 2.44 | 48.6; 48.8 |
//! | x265enc | ultrafast, zerolatency | 7.1 | 49.1 |
//!
//! Usually only a few frames per second are sent. Then 2 Mbit/s give each frame more detail than a model
//! can see, and encoding that detail costs CPU time. So encoders with a well-tested minimum quantizer get
//! one. With it, `bitrate` is an upper limit, not a target. The same video at 7.5 and 4.3 frames per
//! second and the same 2 Mbit/s (ms per frame, dB, kbit/s):
//!
//! | encoder | minimum | 7.5/s | 4.3/s |
//! |---|---|---|---|
//! | x264enc | none | 5.1, 46.9, 2472 | 5.9, 49.0, 2369 |
//! | | qp-min=24 (used) | 4.4, 43.6, 1329 | 4.7, 43.8, 937 |
//! | openh264enc | none | 7.4, 48.8, 2438 | 8.9, 50.0, 2364 |
//! | | qp-min=26 (used) | 5.4, 44.4, 882 | 6.2, 44.4, 642 |
//! | vp8enc | none | 7.4, 47.5, 2415 | 9.6, 49.5, 2407 |
//! | | min-quantizer=28 (used) | 5.9, 44.2, 1316 | 6.0, 44.2, 844 |
//! | vp9enc | none | 13.4, 49.4, 2421 | 16.6, 50.4, 2255 |
//! | | min-quantizer=32 (used) | 9.8, 43.7, 607 | 10.6, 43.5, 436 |

use gst::glib;
use gst::prelude::*;

use super::video_codec::Codec;
use crate::sink::CAT;

/// Maximum number of frames between key frames; the remote peer can request one earlier.
pub const KEY_FRAMES: &str = "2000";

/// The hardware encoders, the preferred one first. Each is probed before it is used.
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

/// The software encoders, the preferred one first.
pub fn software(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Vp8 => &["vp8enc"],
        Codec::H264 => &["x264enc", "openh264enc"],
        Codec::Vp9 => &["vp9enc"],
        Codec::H265 => &["x265enc"],
        Codec::Av1 => &["svtav1enc", "av1enc"],
    }
}

/// The properties to set: real time, constant bitrate, no look-ahead, no B-frames, few key frames. A
/// property that the installed version of the encoder does not have is skipped.
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
            // No look-ahead, no B-frames, and no waiting for more frames.
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
            // The maximum of the va encoders is 1024; `set` clamps the value to it.
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

/// Creates a configured encoder in NULL: it has not opened its device yet.
pub fn make_unopened(
    factory: &gst::ElementFactory,
    bitrate: u32,
) -> Result<gst::Element, glib::BoolError> {
    let encoder = factory.create().build()?;
    for (name, value) in settings(factory.name().as_str()) {
        set(&encoder, name, value);
    }
    set_bitrate(&encoder, bitrate);
    Ok(encoder)
}

/// Sets a property if the encoder has it. A number is clamped to the property's range.
pub(super) fn set(encoder: &gst::Element, name: &str, text: &str) {
    let Some(spec) = encoder.find_property(name) else {
        return;
    };
    let text = clamp_to_range(&spec, text);
    match glib::Value::deserialize_with_pspec(&text, &spec) {
        Ok(value) => encoder.set_property_from_value(name, &value),
        Err(_) => gst::debug!(CAT, obj = encoder, "{name} can't be set to {text}"),
    }
}

/// Clamps a number to the property's range; other text stays unchanged.
fn clamp_to_range(spec: &glib::ParamSpec, text: &str) -> String {
    let Ok(number) = text.parse::<i64>() else {
        return text.to_owned();
    };
    let signed = spec.downcast_ref::<glib::ParamSpecInt>();
    let unsigned = spec.downcast_ref::<glib::ParamSpecUInt>();
    let range = signed
        .map(|spec| (i64::from(spec.minimum()), i64::from(spec.maximum())))
        .or_else(|| unsigned.map(|spec| (spec.minimum().into(), spec.maximum().into())));
    let number = range.map_or(number, |(min, max)| number.clamp(min, max));
    number.to_string()
}

/// Changes an encoder's bitrate (bit/s), also while it runs.
pub fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    let factory = factory_name(encoder);
    let (name, value) = match factory.as_str() {
        "vp8enc" | "vp9enc" => ("target-bitrate", bitrate),
        "av1enc" | "svtav1enc" => ("target-bitrate", kbit(bitrate)),
        "openh264enc" => ("bitrate", bitrate),
        // GStreamer 1.22 (tested) has no `bitrate` property here, only the driver's controls.
        v4l2 if v4l2.starts_with("v4l2") => {
            if encoder.find_property("bitrate").is_none()
                && encoder.find_property("extra-controls").is_some()
            {
                let controls = gst::Structure::builder("controls")
                    .field("video_bitrate", i32::try_from(bitrate).unwrap_or(i32::MAX))
                    .field("video_gop_size", KEY_FRAMES.parse().unwrap_or(i32::MAX))
                    .field("repeat_sequence_header", 1i32)
                    .build();
                encoder.set_property("extra-controls", controls);
            }
            ("bitrate", bitrate)
        }
        // x264enc, x265enc, and all other hardware encoders.
        _ => ("bitrate", kbit(bitrate)),
    };
    set(encoder, name, &value.to_string());
}

fn kbit(bitrate: u32) -> u32 {
    (bitrate / 1000).max(1)
}

pub(super) fn factory_name(element: &gst::Element) -> glib::GString {
    element.factory().map(|f| f.name()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each installed encoder gets the settings of the table, and the bitrate in its own unit.
    #[test]
    fn bitrates_are_in_the_encoders_own_unit() {
        gst::init().expect("GStreamer");
        let mut tested = 0;
        for (name, property, value) in [
            ("vp8enc", "target-bitrate", "1234000"),
            ("vp9enc", "target-bitrate", "1234000"),
            ("x264enc", "bitrate", "1234"),
            ("openh264enc", "bitrate", "1234000"),
            ("x265enc", "bitrate", "1234"),
            ("av1enc", "target-bitrate", "1234"),
        ] {
            let Some(factory) = gst::ElementFactory::find(name) else {
                continue;
            };
            let encoder = make_unopened(&factory, 2_000_000).expect("an encoder");
            set_bitrate(&encoder, 1_234_000);
            let set = encoder.property_value(property).serialize().expect("text");
            assert_eq!(set.as_str(), value, "{name}");
            for (property, value) in settings(name) {
                let spec = encoder.find_property(property).expect(property);
                let wanted = glib::Value::deserialize_with_pspec(value, &spec).expect(value);
                assert_eq!(
                    encoder.property_value(property).serialize().ok(),
                    wanted.serialize().ok(),
                    "{name} {property}"
                );
            }
            tested += 1;
        }
        assert!(tested >= 2, "{tested}");
    }
}

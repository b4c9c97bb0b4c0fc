// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decides whether encoded input can be sent without re-encoding.

use super::h264::AvcConfig;
use super::h265;
use super::picture_size::SizeLimits;
use super::video_codec::Codec;

/// Encoded input that can be passed through.
#[derive(Debug, Clone, PartialEq)]
pub struct Passthrough {
    pub codec: Codec,
    /// The format parameters (`a=fmtp`) of the input.
    pub parameters: gst::Caps,
    /// The stream does not declare whether it has B-frames, so each frame must be checked.
    pub watch_order: bool,
}

impl Passthrough {
    /// Whether a connection that was made for `self` can also carry `other`. The level may change, as it
    /// does with the frame size (`level-asymmetry-allowed`).
    pub fn can_carry(&self, other: &Self) -> bool {
        let profile = |passthrough: &Self| {
            let id = passthrough.parameters.structure(0)?;
            let id = id.get::<String>("profile-level-id").ok()?;
            Some(id.get(..4)?.to_owned())
        };
        self.codec == other.codec && profile(self) == profile(other)
    }
}

/// Checks parsed caps.
///
/// # Errors
/// The reason why the input can't be passed through, as a clause that completes the caller's sentence.
pub fn check_passthrough(
    codec: Codec,
    caps: &gst::CapsRef,
    limits: SizeLimits,
) -> Result<Passthrough, String> {
    let structure = caps.structure(0).ok_or("its caps are empty")?;
    let text = |field| structure.get::<&str>(field).ok();
    let number = |field| structure.get::<u32>(field).ok();

    if text("interlace-mode").is_some_and(|mode| mode != "progressive") {
        return Err(
            "it is interlaced, and WebRTC peers show interlaced video as stripes".to_owned(),
        );
    }
    if let Some(chroma) = text("chroma-format").filter(|chroma| *chroma != "4:2:0") {
        return Err(format!(
            "its chroma format is {chroma}, and WebRTC peers decode only 4:2:0"
        ));
    }
    if let Some(depth) = number("bit-depth-luma").filter(|depth| *depth != 8) {
        return Err(format!(
            "it has {depth} bits per sample, and WebRTC peers decode only 8"
        ));
    }
    let side = |field| {
        structure
            .get::<i32>(field)
            .ok()
            .and_then(|side| u32::try_from(side).ok())
    };
    if let Some((width, height)) = side("width").zip(side("height")) {
        let max = limits.of_picture(f64::from(width), f64::from(height));
        let (of_width, of_height) = match height > width {
            true => ("max-height", "max-width"),
            false => ("max-width", "max-height"),
        };
        for (name, property, side, limit) in [
            ("wide", of_width, width, max.0),
            ("high", of_height, height, max.1),
        ] {
            if limit != 0 && side > limit {
                return Err(format!(
                    "it is {side} pixels {name}, and {property} is {limit}"
                ));
            }
        }
    }
    if let Ok(par) = structure.get::<gst::Fraction>("pixel-aspect-ratio")
        && !is_almost_square(par)
    {
        return Err(format!(
            "its pixels are not square ({}:{}), and WebRTC peers would show it squeezed",
            par.numer(),
            par.denom()
        ));
    }
    let (parameters, watch_order) = match codec {
        Codec::H264 => h264_parameters(structure)?,
        Codec::H265 => h265_parameters(structure)?,
        Codec::Vp9 => (vp9_parameters(structure)?, false),
        Codec::Vp8 | Codec::Av1 => (codec.parameters(), false),
    };
    Ok(Passthrough {
        codec,
        parameters,
        watch_order,
    })
}

/// Why `overshootsink` would decode and encode video with these parsed caps again, as far as its caps show: with
/// `codec_data` for H.264 and H.265. `None`: it passes the video through if the remote peer takes the codec, or the
/// caps are of no codec that can be passed through.
pub fn reencoding_reason(caps: &gst::CapsRef) -> Option<String> {
    let codec = Codec::of_caps(caps)?;
    check_passthrough(codec, caps, SizeLimits::default()).err()
}

/// Whether the shape of the pixels cannot be seen. Scaling to whole pixels leaves ratios such as 1280:1281.
fn is_almost_square(par: gst::Fraction) -> bool {
    let (numer, denom) = (f64::from(par.numer()), f64::from(par.denom()));
    (numer - denom).abs() <= numer * 0.01
}

/// The parameters of RFC 6184, 8.1. The profiles are those of RFC 7742 and of browsers.
fn h264_parameters(structure: &gst::StructureRef) -> Result<(gst::Caps, bool), String> {
    const PROFILES: [&str; 6] = [
        "constrained-baseline",
        "baseline",
        "main",
        "constrained-high",
        "progressive-high",
        "high",
    ];
    let profile = structure.get::<&str>("profile").unwrap_or("unknown");
    if !PROFILES.contains(&profile) {
        return Err(format!(
            "its profile is {profile}, which WebRTC peers do not decode"
        ));
    }
    let record = structure
        .get::<gst::Buffer>("codec_data")
        .ok()
        .and_then(|data| AvcConfig::parse(&data.map_readable().ok()?))
        .ok_or("its parameter sets are invalid")?;
    if record.reordered == Some(true) {
        return Err(B_FRAMES.to_owned());
    }
    // Constrained baseline has several identifiers (RFC 6184, table 5). Some peers (pion, tested) know
    // only the most common one.
    let id = match (profile, record.profile_level_id.get(4..)) {
        ("constrained-baseline", Some(level)) => format!("42e0{level}"),
        _ => record.profile_level_id,
    };
    let mut parameters = Codec::H264.parameters();
    parameters.make_mut().set("profile-level-id", id);
    Ok((parameters, record.reordered.is_none()))
}

/// The reason why a stream with B-frames is not passed through.
pub const B_FRAMES: &str =
    "it has B-frames, and WebRTC can't carry them: peers show frames in the order of sending";

/// The reason why a stream with an orientation is not passed through.
pub const NOT_UPRIGHT: &str =
    "its picture is not upright (tag image-orientation), and WebRTC peers show it as it is sent";

/// The parameters of RFC 7798, 7.1.
fn h265_parameters(structure: &gst::StructureRef) -> Result<(gst::Caps, bool), String> {
    let profile = structure.get::<&str>("profile").unwrap_or("unknown");
    if profile != "main" {
        return Err(format!(
            "its profile is {profile}, and WebRTC peers decode only main"
        ));
    }
    let reordered = structure
        .get::<gst::Buffer>("codec_data")
        .ok()
        .and_then(|record| h265::is_reordered(&record.map_readable().ok()?));
    if reordered == Some(true) {
        return Err(B_FRAMES.to_owned());
    }
    // `level-id` is thirty times the level: "4.1" is 123.
    let level = structure
        .get::<&str>("level")
        .ok()
        .and_then(|level| level.parse::<f32>().ok())
        .map_or(93, |level| (level * 30.0).round() as u32);
    let tier = structure.get::<&str>("tier") == Ok("high");
    let parameters = gst::Caps::builder("application/x-rtp")
        .field("profile-id", "1")
        .field("tier-flag", if tier { "1" } else { "0" })
        .field("level-id", level.to_string())
        .field("tx-mode", "SRST")
        .build();
    Ok((parameters, reordered.is_none()))
}

/// The parameters of RFC 9628, 6.
fn vp9_parameters(structure: &gst::StructureRef) -> Result<gst::Caps, String> {
    let profile = structure.get::<&str>("profile").unwrap_or("0");
    match profile {
        "0" => Ok(Codec::Vp9.parameters()),
        _ => Err(format!(
            "its profile is {profile}, and WebRTC peers decode only profile 0"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(codec: Codec, caps: &str, limits: SizeLimits) -> Result<Passthrough, String> {
        gst::init().expect("GStreamer");
        check_passthrough(codec, &caps.parse::<gst::Caps>().expect("caps"), limits)
    }

    #[test]
    fn what_webrtc_cant_carry_is_rejected() {
        let rejected = |codec, caps: &str, why: &str| {
            let reason = check(
                codec,
                caps,
                SizeLimits {
                    width: 1280,
                    height: 0,
                },
            )
            .expect_err(caps);
            assert!(reason.contains(why), "{caps}: {reason}");
        };
        let h264 = |rest: &str| format!("video/x-h264,profile=high{rest}");
        rejected(Codec::H264, &h264(",interlace-mode=mixed"), "interlaced");
        rejected(Codec::H264, &h264(",chroma-format=4:2:2"), "4:2:2");
        rejected(Codec::H264, &h264(",bit-depth-luma=(uint)10"), "10 bits");
        rejected(
            Codec::H264,
            &h264(",width=1920,height=1080"),
            "1920 pixels wide",
        );
        let portrait = "video/x-vp8,width=720,height=1281";
        rejected(Codec::Vp8, portrait, "1281 pixels high, and max-width is");
        let squeezed = "video/x-vp8,pixel-aspect-ratio=16/11";
        rejected(Codec::Vp8, squeezed, "not square (16:11)");
        rejected(Codec::H264, "video/x-h264,profile=high-10", "high-10");
        rejected(Codec::H264, &h264(""), "parameter sets");
        rejected(Codec::H265, "video/x-h265,profile=main-10", "main-10");
        rejected(Codec::Vp9, "video/x-vp9,profile=(string)2", "profile is 2");
    }

    #[test]
    fn the_parameters_describe_the_stream() {
        let passthrough = check(
            Codec::H265,
            "video/x-h265,profile=main,tier=main,level=(string)4.1",
            SizeLimits::default(),
        );
        let parameters = passthrough.expect("passthrough").parameters.to_string();
        assert!(parameters.contains("level-id=(string)123"), "{parameters}");
        let vp8 = check(Codec::Vp8, "video/x-vp8,width=4000", SizeLimits::default());
        assert!(vp8.is_ok());
        let limits = SizeLimits {
            width: 1280,
            height: 720,
        };
        let portrait = "video/x-vp8,width=720,height=1280,pixel-aspect-ratio=1280/1281";
        assert!(check(Codec::Vp8, portrait, limits).is_ok());
    }
}

//! Whether encoded input can go out as it is.

use super::h264::AvcConfig;
use super::video_codec::Codec;

/// Encoded input that can be passed through.
#[derive(Debug, Clone, PartialEq)]
pub struct Passthrough {
    pub codec: Codec,
    /// The format parameters (`a=fmtp`) that describe it.
    pub parameters: gst::Caps,
    /// Where the stream itself does not say whether it has B-frames, they are looked out for.
    pub watch_order: bool,
}

impl Passthrough {
    /// Whether a connection that was made for `self` can carry `other` too. A level may change, as
    /// it does with the size (`level-asymmetry-allowed`).
    pub fn can_carry(&self, other: &Self) -> bool {
        let profile = |passthrough: &Self| {
            let id = passthrough.parameters.structure(0)?;
            let id = id.get::<String>("profile-level-id").ok()?;
            Some(id.get(..4)?.to_owned())
        };
        self.codec == other.codec && profile(self) == profile(other)
    }
}

/// The largest picture that may be sent, where the user set one; 0 is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct SizeLimits {
    pub width: u32,
    pub height: u32,
}

/// Judges parsed caps. The error is the reason why not, to end a sentence.
pub fn check_passthrough(
    codec: Codec,
    caps: &gst::CapsRef,
    limits: SizeLimits,
) -> Result<Passthrough, String> {
    let structure = caps.structure(0).ok_or("its caps are empty")?;
    let text = |field| structure.get::<&str>(field).ok();
    let number = |field| structure.get::<u32>(field).ok();

    if text("interlace-mode").is_some_and(|mode| mode != "progressive") {
        return Err("it is interlaced, which WebRTC peers show as stripes".to_owned());
    }
    if let Some(chroma) = text("chroma-format").filter(|chroma| *chroma != "4:2:0") {
        return Err(format!(
            "its chroma format is {chroma}, and WebRTC peers take 4:2:0"
        ));
    }
    if let Some(depth) = number("bit-depth-luma").filter(|depth| *depth != 8) {
        return Err(format!(
            "it has {depth} bits a sample, and WebRTC peers take 8"
        ));
    }
    let side = |field| {
        structure
            .get::<i32>(field)
            .ok()
            .and_then(|side| u32::try_from(side).ok())
    };
    for (name, side, limit) in [
        ("wide", side("width"), limits.width),
        ("high", side("height"), limits.height),
    ] {
        if let Some(side) = side.filter(|side| limit != 0 && *side > limit) {
            return Err(format!(
                "it is {side} pixels {name}, and the limit that was set is {limit}"
            ));
        }
    }
    let (parameters, watch_order) = match codec {
        Codec::H264 => h264(structure)?,
        Codec::H265 => (h265(structure)?, true),
        Codec::Vp9 => (vp9(structure)?, false),
        Codec::Vp8 | Codec::Av1 => (codec.parameters(), false),
    };
    Ok(Passthrough {
        codec,
        parameters,
        watch_order,
    })
}

/// RFC 6184, 8.1, and the profiles of RFC 7742 and of browsers.
fn h264(structure: &gst::StructureRef) -> Result<(gst::Caps, bool), String> {
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
        .ok_or("its parameter sets can't be read")?;
    if record.reordered == Some(true) {
        return Err(B_FRAMES.to_owned());
    }
    // Constrained baseline has several names (RFC 6184, table 5), of which some peers (pion, as tried)
    // know the common one only.
    let id = match (profile, record.profile_level_id.get(4..)) {
        ("constrained-baseline", Some(level)) => format!("42e0{level}"),
        _ => record.profile_level_id,
    };
    let mut parameters = Codec::H264.parameters();
    parameters.make_mut().set("profile-level-id", id);
    Ok((parameters, record.reordered.is_none()))
}

/// Why a stream with B-frames isn't passed through.
pub const B_FRAMES: &str =
    "it has B-frames, which WebRTC can't carry: it knows no order but that of sending";

/// RFC 7798, 7.1.
fn h265(structure: &gst::StructureRef) -> Result<gst::Caps, String> {
    let profile = structure.get::<&str>("profile").unwrap_or("unknown");
    if profile != "main" {
        return Err(format!(
            "its profile is {profile}, and WebRTC peers take main"
        ));
    }
    // "4.1" is 123: thirty times the level.
    let level = structure
        .get::<&str>("level")
        .ok()
        .and_then(|level| level.parse::<f32>().ok())
        .map_or(93, |level| (level * 30.0).round() as u32);
    let tier = structure.get::<&str>("tier") == Ok("high");
    Ok(gst::Caps::builder("application/x-rtp")
        .field("profile-id", "1")
        .field("tier-flag", if tier { "1" } else { "0" })
        .field("level-id", level.to_string())
        .field("tx-mode", "SRST")
        .build())
}

/// RFC 9628, 6.
fn vp9(structure: &gst::StructureRef) -> Result<gst::Caps, String> {
    let profile = structure.get::<&str>("profile").unwrap_or("0");
    match profile {
        "0" => Ok(Codec::Vp9.parameters()),
        _ => Err(format!("its profile is {profile}, and WebRTC peers take 0")),
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
    fn what_webrtc_cant_carry_is_refused() {
        let refused = |codec, caps: &str, why: &str| {
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
        refused(Codec::H264, &h264(",interlace-mode=mixed"), "interlaced");
        refused(Codec::H264, &h264(",chroma-format=4:2:2"), "4:2:2");
        refused(Codec::H264, &h264(",bit-depth-luma=(uint)10"), "10 bits");
        refused(
            Codec::H264,
            &h264(",width=1920,height=1080"),
            "1920 pixels wide",
        );
        refused(Codec::H264, "video/x-h264,profile=high-10", "high-10");
        refused(Codec::H264, &h264(""), "parameter sets");
        refused(Codec::H265, "video/x-h265,profile=main-10", "main-10");
        refused(Codec::Vp9, "video/x-vp9,profile=(string)2", "profile is 2");
    }

    #[test]
    fn the_parameters_describe_the_stream() {
        let passed = check(
            Codec::H265,
            "video/x-h265,profile=main,tier=main,level=(string)4.1",
            SizeLimits::default(),
        );
        let parameters = passed.expect("passthrough").parameters.to_string();
        assert!(parameters.contains("level-id=(string)123"), "{parameters}");
        let vp8 = check(Codec::Vp8, "video/x-vp8,width=4000", SizeLimits::default());
        assert!(vp8.is_ok());
    }
}

//! The codecs that can be offered, and how each is payloaded.

use super::encoder;
use super::passable::Passable;
use crate::session::error::{Error, Kind, Stage};

/// A codec that the element can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    H264,
    Vp9,
    H265,
    Av1,
}

/// The first dynamic payload type (RFC 3551, 6); each offered format gets its own from there on.
const FIRST_PAYLOAD_TYPE: u32 = 96;

/// A format as it stands in the offer.
#[derive(Debug, Clone)]
pub struct Offered {
    pub codec: Codec,
    pub payload_type: u32,
    /// The format parameters (`a=fmtp`).
    pub parameters: gst::Caps,
    /// It is the input's own: nothing is encoded.
    pub passes: bool,
}

impl Codec {
    const ALL: [Self; 5] = [Self::Vp8, Self::H264, Self::Vp9, Self::H265, Self::Av1];
    /// What raw video is encoded to unless the user names others: what every WebRTC peer decodes
    /// (RFC 7742, 5). H.264 first, as x264 needs a third less CPU than VP8 for the same picture, and
    /// hardware mostly does H.264 (see `encoder_table`).
    const DEFAULT: [Self; 2] = [Self::H264, Self::Vp8];

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Vp8 => "video/x-vp8",
            Self::H264 => "video/x-h264",
            Self::Vp9 => "video/x-vp9",
            Self::H265 => "video/x-h265",
            Self::Av1 => "video/x-av1",
        }
    }

    pub fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        let name = caps.structure(0)?.name();
        Self::ALL
            .into_iter()
            .find(|codec| codec.media_type() == name.as_str())
    }

    /// The name in `a=rtpmap`.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
            Self::Vp9 => "VP9",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            other => other.encoding_name(),
        }
    }

    fn payloader(self) -> &'static str {
        match self {
            Self::Vp8 => "rtpvp8pay",
            Self::H264 => "rtph264pay",
            Self::Vp9 => "rtpvp9pay",
            Self::H265 => "rtph265pay",
            Self::Av1 => "rtpav1pay",
        }
    }

    /// Splits it into frames and tells their format; VP8 has no parser and needs none.
    pub fn parser(self) -> Option<&'static str> {
        match self {
            Self::Vp8 => None,
            Self::H264 => Some("h264parse"),
            Self::Vp9 => Some("vp9parse"),
            Self::H265 => Some("h265parse"),
            Self::Av1 => Some("av1parse"),
        }
    }

    /// Parsed: whole frames, their parameter sets in the caps.
    pub fn parsed_caps(self) -> gst::Caps {
        let builder = gst::Caps::builder(self.media_type());
        match self {
            Self::H264 => builder
                .field("stream-format", "avc")
                .field("alignment", "au"),
            Self::H265 => builder
                .field("stream-format", "hvc1")
                .field("alignment", "au"),
            Self::Vp9 => builder.field("alignment", "frame"),
            Self::Av1 => builder.field("alignment", "tu"),
            Self::Vp8 => builder,
        }
        .build()
    }

    /// Whether it can be encoded and sent here.
    fn can_be_encoded(self) -> bool {
        gst::ElementFactory::find(self.payloader()).is_some() && encoder::is_there(self)
    }

    /// What may leave the encoder: what every WebRTC peer decodes (RFC 7742, 6.2).
    pub fn encoded_caps(self) -> gst::Caps {
        let builder = gst::Caps::builder(self.media_type());
        match self {
            Self::Vp8 | Self::Av1 => builder,
            // What browsers name profile 0 and main: 4:2:0 of 8 bits.
            Self::Vp9 => builder.field("profile", "0"),
            Self::H265 => builder.field("profile", "main"),
            Self::H264 => builder.field("profile", "constrained-baseline"),
        }
        .build()
    }

    /// The format parameters of what the encoders make: for H.264 constrained baseline, level 3.1,
    /// and fragments (RFC 6184, 8.1), which every WebRTC peer takes.
    pub fn parameters(self) -> gst::Caps {
        let builder = gst::Caps::builder("application/x-rtp");
        match self {
            Self::Vp8 | Self::H265 | Self::Av1 => builder,
            Self::H264 => builder
                .field("packetization-mode", "1")
                .field("profile-level-id", "42e01f")
                .field("level-asymmetry-allowed", "1"),
            Self::Vp9 => builder.field("profile-id", "0"),
        }
        .build()
    }

    /// The payloader, for the payload type and SSRC of the offer.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn make_payloader(self, payload_type: u32, ssrc: u32) -> Result<gst::Element, Error> {
        let builder = gst::ElementFactory::make(self.payloader())
            .property("pt", payload_type)
            .property("ssrc", ssrc)
            // Leaves room for SRTP, TURN and tunnels within an Ethernet frame.
            .property("mtu", 1200u32);
        match self {
            Self::Vp8 | Self::Vp9 => builder.property_from_str("picture-id-mode", "15-bit"),
            // Parameter sets with each key frame, and no waiting for the next frame.
            Self::H264 | Self::H265 => builder
                .property("config-interval", -1i32)
                .property_from_str("aggregate-mode", "zero-latency"),
            Self::Av1 => builder,
        }
        .build()
        .map_err(|error| broken(&error))
    }
}

impl Offered {
    /// The structure that webrtcbin's `codec-preferences` take. The SSRC is needed there: an offer
    /// made before media declares none, and a peer that routes by it drops every packet.
    pub fn rtp_caps(&self, ssrc: u32) -> gst::Structure {
        let builder = gst::Structure::builder("application/x-rtp")
            .field("media", "video")
            .field("encoding-name", self.codec.encoding_name())
            .field("payload", self.payload_type as i32)
            .field("clock-rate", 90_000i32)
            .field("ssrc", ssrc)
            .field("rtcp-fb-nack-pli", true)
            .field("rtcp-fb-ccm-fir", true);
        let mut structure = builder.build();
        if let Some(parameters) = self.parameters.structure(0) {
            for (name, value) in parameters.iter() {
                structure.set_value(name, value.clone());
            }
        }
        structure
    }
}

/// The formats to offer for raw video, the preferred one first: the codecs of `video_caps`, in its
/// order, that can be encoded here.
///
/// # Errors
/// Where nothing is left to offer.
pub fn offer(video_caps: Option<&gst::Caps>) -> Result<Vec<Offered>, Error> {
    let mut codecs = named(video_caps);
    if codecs.is_empty() {
        return Err(Error::settings(format!(
            "video-caps names no codec that can be sent: use one or some of {}.",
            Codec::ALL.map(Codec::media_type).join(", ")
        )));
    }
    codecs.retain(|codec| codec.can_be_encoded());
    if codecs.is_empty() {
        return Err(no_encoder());
    }
    Ok(codecs
        .into_iter()
        .zip(FIRST_PAYLOAD_TYPE..)
        .map(|(codec, payload_type)| Offered {
            codec,
            payload_type,
            parameters: codec.parameters(),
            passes: false,
        })
        .collect())
}

/// The formats to offer for input that can be passed through: its own, and behind it those that it
/// can be encoded to where the far side does not take that.
pub fn offer_to_pass(passable: &Passable, encoded: &[Offered]) -> Vec<Offered> {
    let own = Offered {
        codec: passable.codec,
        payload_type: FIRST_PAYLOAD_TYPE,
        parameters: passable.parameters.clone(),
        passes: true,
    };
    // Not the same twice: far sides then answer with one of the two, and not always the first.
    let others = encoded
        .iter()
        .filter(|offered| !same_format(offered.codec, &offered.parameters, &own))
        .cloned();
    let others: Vec<_> = others
        .zip(FIRST_PAYLOAD_TYPE + 1..)
        .map(|(offered, payload_type)| Offered {
            payload_type,
            ..offered
        })
        .collect();
    std::iter::once(own).chain(others).collect()
}

/// Whether far sides take one for the other: the codec and, of H.264, the profile count. Baseline
/// with constraint 1 is constrained baseline, whatever its other flags (RFC 6184, 8.1, table 5).
fn same_format(codec: Codec, parameters: &gst::Caps, other: &Offered) -> bool {
    let profile = |parameters: &gst::Caps| {
        let id: String = parameters.structure(0)?.get("profile-level-id").ok()?;
        let id = u32::from_str_radix(&id, 16).ok()?;
        let (profile, constraints) = (id >> 16, id >> 8 & 0xff);
        Some((profile, profile == 66 && constraints & 0x40 != 0))
    };
    codec == other.codec && profile(parameters) == profile(&other.parameters)
}

/// Whether input of this codec may go out as it is. What the user did not rule out may.
///
/// # Errors
/// Says why not, to end a sentence.
pub fn may_pass(codec: Codec, video_caps: Option<&gst::Caps>) -> Result<(), String> {
    if video_caps.is_some() && !named(video_caps).contains(&codec) {
        return Err("video-caps does not name it".to_owned());
    }
    match gst::ElementFactory::find(codec.payloader()) {
        Some(_) => Ok(()),
        None => Err(format!(
            "the element {} is not installed",
            codec.payloader()
        )),
    }
}

fn named(video_caps: Option<&gst::Caps>) -> Vec<Codec> {
    let Some(video_caps) = video_caps else {
        return Codec::DEFAULT.to_vec();
    };
    let mut codecs = Vec::new();
    for structure in video_caps.iter() {
        let named = Codec::ALL
            .into_iter()
            .find(|codec| codec.media_type() == structure.name().as_str());
        if let Some(codec) = named
            && !codecs.contains(&codec)
        {
            codecs.push(codec);
        }
    }
    codecs
}

/// Default of `video-caps`.
pub fn default_video_caps() -> gst::Caps {
    Codec::DEFAULT
        .into_iter()
        .map(|codec| gst::Structure::new_empty(codec.media_type()))
        .collect()
}

pub fn no_encoder() -> Error {
    Error::new(
        Kind::Media,
        Stage::Offer,
        "No video encoder is installed: install GStreamer's good plugins (vp8enc) or ugly plugins (x264enc); on Debian gstreamer1.0-plugins-good or gstreamer1.0-plugins-ugly.",
    )
}

pub fn broken(error: &gst::glib::BoolError) -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        format!("An element for encoding can't be made: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_caps_decide_what_is_offered() {
        gst::init().expect("GStreamer");
        let names = |caps: &str| {
            let caps: gst::Caps = caps.parse().expect("caps");
            offer(Some(&caps)).map(|offered| {
                offered
                    .iter()
                    .map(|o| (o.codec, o.payload_type))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            names("video/x-h264;video/x-vp8;video/x-h264").expect("both"),
            [(Codec::H264, 96), (Codec::Vp8, 97)]
        );
        assert_eq!(names("video/x-vp8").expect("one"), [(Codec::Vp8, 96)]);
        assert!(names("video/x-raw").is_err());
        assert_eq!(offer(None).expect("both").len(), 2);
    }
}

//! The codecs that can be offered, and how each is encoded and payloaded.

use gst::prelude::*;

use crate::session::error::{Error, Kind, Stage};

/// A codec that the element can encode to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    H264,
}

/// The first dynamic payload type (RFC 3551, 6); each offered codec gets its own from there on.
const FIRST_PAYLOAD_TYPE: u32 = 96;

/// A codec as it stands in the offer.
#[derive(Debug, Clone)]
pub struct Offered {
    pub codec: Codec,
    pub payload_type: u32,
}

impl Codec {
    const ALL: [Self; 2] = [Self::Vp8, Self::H264];

    fn media_type(self) -> &'static str {
        match self {
            Self::Vp8 => "video/x-vp8",
            Self::H264 => "video/x-h264",
        }
    }

    /// The name in `a=rtpmap`.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// Encoders for it, the preferred one first.
    fn encoders(self) -> &'static [&'static str] {
        match self {
            Self::Vp8 => &["vp8enc"],
            Self::H264 => &["x264enc", "openh264enc"],
        }
    }

    fn payloader(self) -> &'static str {
        match self {
            Self::Vp8 => "rtpvp8pay",
            Self::H264 => "rtph264pay",
        }
    }

    /// The installed encoder for it, where its payloader is installed too.
    fn encoder(self) -> Option<gst::ElementFactory> {
        gst::ElementFactory::find(self.payloader())?;
        self.encoders()
            .iter()
            .find_map(|name| gst::ElementFactory::find(name))
    }

    /// What may leave the encoder: what every WebRTC peer decodes (RFC 7742, 6.2).
    pub fn encoded_caps(self) -> gst::Caps {
        match self {
            Self::Vp8 => gst::Caps::builder(self.media_type()).build(),
            Self::H264 => gst::Caps::builder(self.media_type())
                .field("profile", "constrained-baseline")
                .build(),
        }
    }

    /// The format parameters of the offer: for H.264 constrained baseline, level 3.1, and fragments
    /// (RFC 6184, 8.1), which every WebRTC peer takes.
    pub fn offered_parameters(self) -> gst::Caps {
        let builder = gst::Caps::builder("application/x-rtp");
        match self {
            Self::Vp8 => builder,
            Self::H264 => builder
                .field("packetization-mode", "1")
                .field("profile-level-id", "42e01f")
                .field("level-asymmetry-allowed", "1"),
        }
        .build()
    }

    /// An encoder set up for low delay and little CPU. `bitrate` is in bit/s.
    ///
    /// # Errors
    /// Where none is installed or it can't be made.
    pub fn make_encoder(self, bitrate: u32) -> Result<gst::Element, Error> {
        let factory = self.encoder().ok_or_else(no_encoder)?;
        let encoder = factory.create().build().map_err(|error| broken(&error))?;
        configure(&encoder);
        set_bitrate(&encoder, bitrate);
        Ok(encoder)
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
            Self::Vp8 => builder.property_from_str("picture-id-mode", "15-bit"),
            // Parameter sets with each key frame, and no waiting for the next frame.
            Self::H264 => builder
                .property("config-interval", -1i32)
                .property_from_str("aggregate-mode", "zero-latency"),
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
        if let Some(parameters) = self.codec.offered_parameters().structure(0) {
            for (name, value) in parameters.iter() {
                structure.set_value(name, value.clone());
            }
        }
        structure
    }
}

/// The codecs to offer: those of `video_caps`, in its order, that can be encoded here.
///
/// # Errors
/// Where nothing is left to offer.
pub fn offer(video_caps: &gst::Caps) -> Result<Vec<Offered>, Error> {
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
    if codecs.is_empty() {
        return Err(Error::settings(format!(
            "video-caps names no codec that can be sent: use {}, or both.",
            Codec::ALL.map(Codec::media_type).join(" or ")
        )));
    }
    codecs.retain(|codec| codec.encoder().is_some());
    if codecs.is_empty() {
        return Err(no_encoder());
    }
    Ok(codecs
        .into_iter()
        .zip(FIRST_PAYLOAD_TYPE..)
        .map(|(codec, payload_type)| Offered {
            codec,
            payload_type,
        })
        .collect())
}

/// Default of `video-caps`.
pub fn default_video_caps() -> gst::Caps {
    Codec::ALL
        .into_iter()
        .map(|codec| gst::Structure::new_empty(codec.media_type()))
        .collect()
}

/// Changes an encoder's bitrate (bit/s), also while it runs.
pub fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    match factory_name(encoder).as_str() {
        "vp8enc" => {
            encoder.set_property("target-bitrate", i32::try_from(bitrate).unwrap_or(i32::MAX))
        }
        // In kbit/s.
        "x264enc" => encoder.set_property("bitrate", (bitrate / 1000).max(1)),
        _ => encoder.set_property("bitrate", bitrate),
    }
}

/// Real time, no look-ahead, key frames when the far side asks for one.
fn configure(encoder: &gst::Element) {
    match factory_name(encoder).as_str() {
        "vp8enc" => {
            encoder.set_property("deadline", 1i64);
            encoder.set_property("cpu-used", -16i32);
            encoder.set_property("lag-in-frames", 0i32);
            encoder.set_property("keyframe-max-dist", 2000i32);
            encoder.set_property_from_str("end-usage", "cbr");
            encoder.set_property_from_str("error-resilient", "default");
        }
        "x264enc" => {
            encoder.set_property_from_str("tune", "zerolatency");
            encoder.set_property_from_str("speed-preset", "ultrafast");
            encoder.set_property("key-int-max", 2000u32);
            encoder.set_property("b-adapt", false);
        }
        "openh264enc" => {
            encoder.set_property("gop-size", 2000u32);
            encoder.set_property_from_str("rate-control", "bitrate");
            encoder.set_property_from_str("complexity", "low");
        }
        _ => {}
    }
}

fn factory_name(element: &gst::Element) -> gst::glib::GString {
    element.factory().map(|f| f.name()).unwrap_or_default()
}

fn no_encoder() -> Error {
    Error::new(
        Kind::Media,
        Stage::Offer,
        "No video encoder is installed: install GStreamer's good plugins (vp8enc) or ugly plugins (x264enc); on Debian gstreamer1.0-plugins-good or gstreamer1.0-plugins-ugly.",
    )
}

fn broken(error: &gst::glib::BoolError) -> Error {
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
            offer(&caps).map(|offered| {
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
        assert_eq!(offer(&default_video_caps()).expect("both").len(), 2);
    }
}

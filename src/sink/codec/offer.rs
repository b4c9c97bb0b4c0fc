//! The formats that are offered, and how they stand in the offer.

use super::encoder;
use super::passthrough::Passthrough;
use super::video_codec::Codec;
use crate::session::error::Error;

/// The first dynamic payload type (RFC 3551, 6); each offered format gets its own from there on.
const FIRST_PAYLOAD_TYPE: u32 = 96;

/// What raw video is encoded to unless the user names others: what every WebRTC peer decodes
/// (RFC 7742, 5). H.264 first, as x264 needs a third less CPU than VP8 for the same picture, and
/// hardware mostly does H.264 (see `encoder_settings`).
const DEFAULT_CODECS: [Codec; 2] = [Codec::H264, Codec::Vp8];

/// A format as it stands in the offer.
#[derive(Debug, Clone)]
pub struct OfferedFormat {
    pub codec: Codec,
    pub payload_type: u32,
    /// The format parameters (`a=fmtp`).
    pub parameters: gst::Caps,
    /// It is the input's own: nothing is encoded.
    pub passthrough: bool,
}

impl OfferedFormat {
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
pub fn offer(video_caps: Option<&gst::Caps>) -> Result<Vec<OfferedFormat>, Error> {
    let mut codecs = named(video_caps);
    if codecs.is_empty() {
        return Err(Error::settings(format!(
            "video-caps names no codec that can be sent: use one or some of {}.",
            Codec::ALL.map(Codec::media_type).join(", ")
        )));
    }
    codecs.retain(|codec| can_be_encoded(*codec));
    if codecs.is_empty() {
        return Err(encoder::no_encoder());
    }
    Ok(codecs
        .into_iter()
        .zip(FIRST_PAYLOAD_TYPE..)
        .map(|(codec, payload_type)| OfferedFormat {
            codec,
            payload_type,
            parameters: codec.parameters(),
            passthrough: false,
        })
        .collect())
}

/// The formats to offer for input that can be passed through: its own, and behind it those that it
/// can be encoded to where the far side does not take that.
pub fn offer_to_pass(passthrough: &Passthrough, encoded: &[OfferedFormat]) -> Vec<OfferedFormat> {
    let own = OfferedFormat {
        codec: passthrough.codec,
        payload_type: FIRST_PAYLOAD_TYPE,
        parameters: passthrough.parameters.clone(),
        passthrough: true,
    };
    // Not the same twice: far sides then answer with one of the two, and not always the first.
    let others = encoded
        .iter()
        .filter(|offered| !same_format(offered.codec, &offered.parameters, &own))
        .cloned();
    let others: Vec<_> = others
        .zip(FIRST_PAYLOAD_TYPE + 1..)
        .map(|(offered, payload_type)| OfferedFormat {
            payload_type,
            ..offered
        })
        .collect();
    std::iter::once(own).chain(others).collect()
}

/// Whether far sides take one for the other: the codec and, of H.264, the profile count. Baseline
/// with constraint 1 is constrained baseline, whatever its other flags (RFC 6184, 8.1, table 5).
fn same_format(codec: Codec, parameters: &gst::Caps, other: &OfferedFormat) -> bool {
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
pub fn check_payloader(codec: Codec, video_caps: Option<&gst::Caps>) -> Result<(), String> {
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
        return DEFAULT_CODECS.to_vec();
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
    DEFAULT_CODECS
        .into_iter()
        .map(|codec| gst::Structure::new_empty(codec.media_type()))
        .collect()
}

/// Whether it can be encoded and sent here.
fn can_be_encoded(codec: Codec) -> bool {
    gst::ElementFactory::find(codec.payloader()).is_some() && encoder::is_available(codec)
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

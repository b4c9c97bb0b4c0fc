// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The formats that are offered, and their form in the offer.

use super::encoder;
use super::passthrough::Passthrough;
use super::video_codec::Codec;
use crate::session::error::Error;

/// The first dynamic payload type (RFC 3551, 6). Each offered format gets the next one.
const FIRST_PAYLOAD_TYPE: u32 = 96;

/// The codecs for raw video if `video-caps` is not set. Every WebRTC peer decodes them (RFC 7742, 5).
/// H.264 comes first: for the same video, x264 needs a third less CPU time than VP8, and most hardware
/// encoders support H.264 (see `encoder_settings`).
const DEFAULT_CODECS: [Codec; 2] = [Codec::H264, Codec::Vp8];

/// A format in the offer.
#[derive(Debug, Clone)]
pub struct OfferedFormat {
    pub codec: Codec,
    pub payload_type: u32,
    /// The format parameters (`a=fmtp`).
    pub parameters: gst::Caps,
    /// This is the input's own format: nothing is encoded.
    pub passthrough: bool,
}

impl OfferedFormat {
    /// The structure for webrtcbin's `codec-preferences`. It must contain the SSRC: an offer that is made
    /// before any media declares no SSRC otherwise, and a peer that routes by SSRC (str0m 0.25, tested)
    /// then drops every packet.
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

/// The formats to offer for raw video, the preferred one first. They are the codecs of `video_caps` that
/// can be encoded here, in the same order.
///
/// # Errors
/// If no format can be offered.
pub fn offer(video_caps: Option<&gst::Caps>) -> Result<Vec<OfferedFormat>, Error> {
    let mut codecs = listed_codecs(video_caps);
    if codecs.is_empty() {
        return Err(Error::settings(format!(
            "video-caps lists no codec that overshootsink can send. Set it to one or more of {}.",
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

/// The formats to offer for input that can be passed through: first its own, then those to encode it to
/// if the remote peer does not accept its own.
pub fn offer_to_pass(passthrough: &Passthrough, encoded: &[OfferedFormat]) -> Vec<OfferedFormat> {
    let own = OfferedFormat {
        codec: passthrough.codec,
        payload_type: FIRST_PAYLOAD_TYPE,
        parameters: passthrough.parameters.clone(),
        passthrough: true,
    };
    // No format is offered twice: peers answer with one of the two, and not always with the first.
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

/// Whether remote peers treat both formats as the same: the codec must match and, for H.264, the profile.
/// Baseline with constraint flag 1 is constrained baseline, whatever the other flags are (RFC 6184, 8.1,
/// table 5).
fn same_format(codec: Codec, parameters: &gst::Caps, other: &OfferedFormat) -> bool {
    let profile = |parameters: &gst::Caps| {
        let id: String = parameters.structure(0)?.get("profile-level-id").ok()?;
        let id = u32::from_str_radix(&id, 16).ok()?;
        let (profile, constraints) = (id >> 16, id >> 8 & 0xff);
        Some((profile, profile == 66 && constraints & 0x40 != 0))
    };
    codec == other.codec && profile(parameters) == profile(&other.parameters)
}

/// Checks whether input of this codec may be passed through. It may, unless `video_caps` is set and does
/// not list the codec.
///
/// # Errors
/// The reason, as a clause that completes the caller's sentence.
pub fn check_payloader(codec: Codec, video_caps: Option<&gst::Caps>) -> Result<(), String> {
    if video_caps.is_some() && !listed_codecs(video_caps).contains(&codec) {
        return Err(format!("video-caps does not list {}", codec.media_type()));
    }
    match gst::ElementFactory::find(codec.payloader()) {
        Some(_) => Ok(()),
        None => Err(format!(
            "the element {} is not installed",
            codec.payloader()
        )),
    }
}

fn listed_codecs(video_caps: Option<&gst::Caps>) -> Vec<Codec> {
    let Some(video_caps) = video_caps else {
        return DEFAULT_CODECS.to_vec();
    };
    let mut codecs = Vec::new();
    for structure in video_caps.iter() {
        let listed = Codec::ALL
            .into_iter()
            .find(|codec| codec.media_type() == structure.name().as_str());
        if let Some(codec) = listed
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

/// Whether this machine can encode the codec and send it.
fn can_be_encoded(codec: Codec) -> bool {
    gst::ElementFactory::find(codec.payloader()).is_some() && encoder::is_available(codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_caps_select_the_offered_codecs() {
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
        assert_eq!(offer(None).expect("default codecs").len(), 2);
    }
}

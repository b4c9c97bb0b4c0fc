// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The codecs that can be offered, with their caps, parsers and payloaders.

use gst::prelude::*;

use crate::session::error::{Error, Kind, Stage};
use crate::sink::codec::parameter_sets;

/// A codec that the element can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    H264,
    Vp9,
    H265,
    Av1,
}

impl Codec {
    pub(super) const ALL: [Self; 5] = [Self::Vp8, Self::H264, Self::Vp9, Self::H265, Self::Av1];

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

    /// The name in messages for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            other => other.encoding_name(),
        }
    }

    pub(super) fn payloader(self) -> &'static str {
        match self {
            Self::Vp8 => "rtpvp8pay",
            Self::H264 => "rtph264pay",
            Self::Vp9 => "rtpvp9pay",
            Self::H265 => "rtph265pay",
            Self::Av1 => "rtpav1pay",
        }
    }

    /// The element that splits the stream into frames and sets their caps. VP8 has no parser and needs none.
    pub fn parser(self) -> Option<&'static str> {
        match self {
            Self::Vp8 => None,
            Self::H264 => Some("h264parse"),
            Self::Vp9 => Some("vp9parse"),
            Self::H265 => Some("h265parse"),
            Self::Av1 => Some("av1parse"),
        }
    }

    /// The caps of parsed input: whole frames, with the parameter sets in the caps.
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

    /// The caps that the encoder must output: every WebRTC peer decodes them (RFC 7742, 6.2).
    pub fn encoded_caps(self) -> gst::Caps {
        let builder = gst::Caps::builder(self.media_type());
        match self {
            Self::Vp8 | Self::Av1 => builder,
            // Browsers decode VP9 profile 0 and H.265 main: 4:2:0, 8 bits.
            Self::Vp9 => builder.field("profile", "0"),
            Self::H265 => builder.field("profile", "main"),
            Self::H264 => builder.field("profile", "constrained-baseline"),
        }
        .build()
    }

    /// The format parameters of the encoders' output. For H.264 they are constrained baseline, level 3.1,
    /// and packetization mode 1, which allows fragments (RFC 6184, 8.1): every WebRTC peer accepts them.
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

    /// Creates the payloader, with the payload type and the SSRC of the offer.
    ///
    /// # Errors
    /// If the element can't be created.
    pub fn make_payloader(self, payload_type: u32, ssrc: u32) -> Result<gst::Element, Error> {
        let builder = gst::ElementFactory::make(self.payloader())
            .property("pt", payload_type)
            .property("ssrc", ssrc)
            // This leaves room for SRTP, TURN and tunnels within an Ethernet frame.
            .property("mtu", 1200u32);
        let payloader = match self {
            Self::Vp8 | Self::Vp9 => builder.property_from_str("picture-id-mode", "15-bit"),
            // No waiting for the next frame. `parameter_sets` says who puts them in front.
            Self::H264 => builder.property_from_str("aggregate-mode", "zero-latency"),
            Self::H265 => builder
                .property("config-interval", -1i32)
                .property_from_str("aggregate-mode", "zero-latency"),
            Self::Av1 => builder,
        }
        .build()
        .map_err(|error| broken(&error))?;
        if let Some(input) = payloader.static_pad("sink") {
            parameter_sets::put_in_front(&input, self);
        }
        Ok(payloader)
    }
}

pub fn broken(error: &gst::glib::BoolError) -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        format!("Creating an element of the encoding chain failed: {error}."),
    )
}

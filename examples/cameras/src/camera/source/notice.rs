// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Messages on the bus about the tracks that a camera offers.

use gst::prelude::*;

const NAME: &str = "overshoot-cameras-track";

/// A track of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub track: Track,
    /// The name of its codec.
    pub codec: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    Video,
    /// Sound that a recording can hold.
    Sound,
    /// Other sound.
    OtherSound,
}

impl Track {
    const ALL: [Self; 3] = [Self::Video, Self::Sound, Self::OtherSound];

    fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Sound => "sound",
            Self::OtherSound => "other-sound",
        }
    }
}

impl Notice {
    pub fn new(track: Track, codec: &str) -> Self {
        Self {
            track,
            codec: name_codec(codec),
        }
    }

    pub fn post(self, element: &gst::Element) {
        let structure = gst::Structure::builder(NAME)
            .field("track", self.track.word())
            .field("codec", self.codec);
        let message = gst::message::Element::builder(structure.build()).src(element);
        // It fails only when the pipeline is being stopped.
        let _ = element.post_message(message.build());
    }

    /// Whether it is sound that a recording can hold.
    pub fn is_recorded(&self) -> bool {
        self.track == Track::Sound
    }

    pub fn parse(message: &gst::StructureRef) -> Option<Self> {
        if message.name() != NAME {
            return None;
        }
        let word: &str = message.get("track").ok()?;
        Some(Self {
            track: Track::ALL.into_iter().find(|track| track.word() == word)?,
            codec: message.get("codec").ok()?,
        })
    }
}

/// The usual name of a codec with this media type, or with this name in RTP.
fn name_codec(codec: &str) -> String {
    let short = codec.rsplit('/').next().unwrap_or(codec);
    let short = short.strip_prefix("x-").unwrap_or(short);
    match short.to_ascii_uppercase().as_str() {
        "H264" => "H.264".to_owned(),
        "H265" => "H.265".to_owned(),
        "JPEG" => "MJPEG".to_owned(),
        "MP4V-ES" => "MPEG-4".to_owned(),
        "MPEG4-GENERIC" | "MP4A-LATM" => "AAC".to_owned(),
        other => other.to_owned(),
    }
}

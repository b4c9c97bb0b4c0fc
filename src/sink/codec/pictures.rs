// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Codecs whose pictures all stand alone, such as the JPEGs of USB cameras. The rate limit drops pictures before they
//! are decoded, so only those are decoded that are sent.
//!
//! PNG is not among them: at a broken one pngdec (1.22, tested) ends the stream, and avdec_png shows wrong pictures.

use gst::prelude::*;

use crate::session::error::{Error, Kind, Stage};

/// A codec whose pictures all stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureCodec {
    Jpeg,
    ProRes,
    DnxHd,
}

impl PictureCodec {
    const ALL: [Self; 3] = [Self::Jpeg, Self::ProRes, Self::DnxHd];

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::ProRes => "video/x-prores",
            Self::DnxHd => "video/x-dnxhd",
        }
    }

    pub fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        let name = caps.structure(0)?.name();
        Self::ALL
            .into_iter()
            .find(|codec| codec.media_type() == name.as_str())
    }

    /// The decoder, and the Debian package that has it.
    fn decoder(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("jpegdec", "gstreamer1.0-plugins-good"),
            Self::ProRes => ("avdec_prores", "gstreamer1.0-libav"),
            Self::DnxHd => ("avdec_dnxhd", "gstreamer1.0-libav"),
        }
    }

    /// # Errors
    /// The decoder is not installed.
    pub fn find_decoder(self) -> Result<gst::ElementFactory, Error> {
        let (name, package) = self.decoder();
        gst::ElementFactory::find(name).ok_or_else(|| {
            Error::new(
                Kind::InvalidSettings,
                Stage::Media,
                format!(
                    "{} cannot be decoded, because the GStreamer element {name} is missing: install it (Debian: {package}).",
                    self.media_type()
                ),
            )
        })
    }

    /// Creates the decoder.
    ///
    /// # Errors
    /// It is not installed, or does not work.
    pub fn make_decoder(self) -> Result<gst::Element, Error> {
        let decoder = self.find_decoder()?.create().build();
        let decoder =
            decoder.map_err(|error| Error::new(Kind::Media, Stage::Media, error.to_string()))?;
        // A picture that cannot be decoded is left out, and one of which only a part can be decoded as well.
        if decoder.has_property("max-errors") {
            decoder.set_property("max-errors", -1);
        }
        if decoder.has_property("output-corrupt") {
            decoder.set_property("output-corrupt", false);
        }
        // libav's decoders: each further thread delays the output by a picture.
        if decoder.has_property("max-threads") {
            decoder.set_property("max-threads", 1);
        }
        Ok(decoder)
    }

    /// Whether the picture has its beginning and its end. `None`: it has no end, but not every source writes one.
    pub fn is_complete(self, picture: &[u8]) -> Option<bool> {
        const JPEG_END: [u8; 2] = [0xff, 0xd9];
        // Cameras fill their buffers up.
        let padding = picture.iter().rev().take_while(|byte| **byte == 0);
        let padded = picture.len() - padding.count();
        let (picture, _) = picture.split_at(padded);
        match self {
            Self::Jpeg if !picture.starts_with(&[0xff, 0xd8, 0xff]) => Some(false),
            // Not every camera writes an end.
            Self::Jpeg => picture.ends_with(&JPEG_END).then_some(true),
            // These have no mark at the end.
            Self::ProRes | Self::DnxHd => Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pictures_have_a_beginning_and_an_end() {
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9];
        for (picture, complete) in [
            (&jpeg[..], Some(true)),
            (&[&jpeg[..], &[0; 100]].concat(), Some(true)),
            (&jpeg[..8], None),
            (&[&jpeg[..6], &[0; 3]].concat(), None),
            (&jpeg[1..], Some(false)),
            (&[], Some(false)),
            (&[0; 20], Some(false)),
        ] {
            assert_eq!(
                PictureCodec::Jpeg.is_complete(picture),
                complete,
                "{picture:?}"
            );
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The format of the video that arrives at the inner sink: raw, encoded and passed through, or pictures to decode.

use super::passthrough::Passthrough;
use super::pictures::PictureCodec;
use crate::session::error::Error;

/// The format of the video that arrives at the inner sink.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFormat {
    Raw,
    /// Encoded pictures that all stand alone. Those that are sent are decoded in the encoding chain.
    Pictures(PictureCodec),
    Encoded(Passthrough),
}

impl InputFormat {
    /// Of video that no parser is for.
    ///
    /// # Errors
    /// Pictures that no installed element decodes.
    pub fn of_unparsed(caps: &gst::CapsRef) -> Result<Self, Error> {
        let Some(codec) = PictureCodec::of_caps(caps) else {
            return Ok(Self::Raw);
        };
        codec.find_decoder()?;
        Ok(Self::Pictures(codec))
    }

    /// Whether a connection that was made for `self` can also carry `other`.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Pictures(current), Self::Pictures(other)) => current == other,
            (Self::Encoded(current), Self::Encoded(other)) => current.can_carry(other),
            _ => false,
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The format of the video that arrives at the inner sink: raw, in the memory of a device, encoded and passed through, or
//! pictures to decode.

use super::device_memory::{DeviceInput, DeviceMemory};
use super::passthrough::Passthrough;
use super::pictures::PictureCodec;
use crate::session::error::Error;

/// The format of the video that arrives at the inner sink.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFormat {
    Raw,
    /// Raw video in the memory of a device. Frames that are sent are downloaded in the encoding chain.
    Device(DeviceInput),
    /// Encoded pictures that all stand alone. Those that are sent are decoded in the encoding chain.
    Pictures(PictureCodec),
    Encoded(Passthrough),
}

impl InputFormat {
    /// Of video that no parser is for.
    ///
    /// # Errors
    /// Pictures that no installed element decodes, and memory that no installed element reads.
    pub fn of_unparsed(caps: &gst::CapsRef) -> Result<Self, Error> {
        if let Some(memory) = DeviceMemory::of_caps(caps) {
            return memory.input(caps).map(Self::Device);
        }
        let Some(codec) = PictureCodec::of_caps(caps) else {
            return Ok(Self::Raw);
        };
        codec.find_decoder()?;
        Ok(Self::Pictures(codec))
    }

    /// The device that the frames are in.
    pub fn device(&self) -> Option<&DeviceInput> {
        match self {
            Self::Device(input) => Some(input),
            Self::Raw | Self::Pictures(_) | Self::Encoded(_) => None,
        }
    }

    /// Whether a connection that was made for `self` can also carry `other`.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Device(current), Self::Device(other)) => current == other,
            (Self::Pictures(current), Self::Pictures(other)) => current == other,
            (Self::Encoded(current), Self::Encoded(other)) => current.can_carry(other),
            _ => false,
        }
    }
}

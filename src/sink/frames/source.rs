// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Properties of the source of the frames.

use crate::session::error::Error;
use crate::sink::codec::input_format::InputFormat;

/// What is known about the source so far.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The format of the input, or the error that makes it unusable.
    pub input: Option<Result<InputFormat, Error>>,
    /// The frame rate, once there are caps; 0/1 if the caps do not specify it.
    pub rate: Option<gst::Fraction>,
}

//! What is known about the source of the frames.

use crate::session::error::Error;
use crate::sink::codec::input_format::InputFormat;

/// What is known about the source.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// An error where it can't be used at all.
    pub input: Option<Result<InputFormat, Error>>,
    /// Frames a second, once there are caps; 0/1 where they do not tell.
    pub rate: Option<gst::Fraction>,
}

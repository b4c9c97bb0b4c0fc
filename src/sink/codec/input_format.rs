//! What arrives at the inner sink: raw video, or encoded video that is passed through.

use super::passthrough::Passthrough;

/// What arrives at the inner sink.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFormat {
    Raw,
    Encoded(Passthrough),
}

impl InputFormat {
    /// Whether a connection made for `self` serves `other` as well.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Encoded(own), Self::Encoded(other)) => own.can_carry(other),
            _ => false,
        }
    }
}

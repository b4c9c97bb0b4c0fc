//! What arrives at the inner sink: raw video, or encoded video that is passed through.

use super::passthrough::Passable;

/// What arrives at the inner sink.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Raw,
    Encoded(Passable),
}

impl Input {
    /// Whether a connection made for `self` serves `other` as well.
    pub fn serves(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Encoded(own), Self::Encoded(other)) => own.carries(other),
            _ => false,
        }
    }
}

//! Which codec is offered, which encoder makes it, and which encoded input is passed through as it is.
//!
//! May use no other room.

pub mod encoder;
pub mod encoder_probe;
pub mod encoder_settings;
pub mod encoder_threads;
pub mod h264;
pub mod input_format;
pub mod offer;
pub mod passthrough;
pub mod video_codec;

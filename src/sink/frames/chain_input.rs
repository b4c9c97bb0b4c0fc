//! Where frames enter the chain of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::sink::codec::video_codec::Codec;

/// The entry of the chain of one connection, and what the chain reports back.
#[derive(Clone)]
pub struct ChainInput {
    pub appsrc: gst_app::AppSrc,
    /// The codec of video that is passed through. `None`: the chain encodes raw video.
    pub codec: Option<Codec>,
    /// How many frames left the encoder.
    pub encoded_frames: Arc<AtomicU64>,
    /// The remote peer asked for a key frame of video that is passed through.
    pub key_wanted: Arc<AtomicBool>,
}

impl ChainInput {
    /// Live input drops the oldest frame rather than block the thread that brings a new one. Video that is
    /// passed through never waits: there is no encoder to wait for.
    pub fn set_live(&self, live: bool) {
        if self.codec.is_some() {
            return;
        }
        self.appsrc.set_block(!live);
        self.appsrc.set_leaky_type(if live {
            gst_app::AppLeakyType::Downstream
        } else {
            gst_app::AppLeakyType::None
        });
    }
}

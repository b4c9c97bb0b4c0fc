//! How many threads an encoder uses.

use gst::glib;
use gst::prelude::*;

use super::encoder_settings::{factory_name, set};
use crate::sink::CAT;

/// Pictures of up to so many pixels are encoded by one thread.
const SMALL_PIXELS: u32 = 640 * 360;
/// And of up to so many by two.
const MEDIUM_PIXELS: u32 = 1280 * 720;

/// An encoder's number of threads, until the size of the pictures is known.
pub struct EncoderThreads {
    encoder: glib::WeakRef<gst::Element>,
    property: &'static str,
}

impl EncoderThreads {
    /// Holds the encoder in READY, where the number can be changed. `None` where it has none, or
    /// the application chose it.
    pub fn hold(encoder: &gst::Element) -> Option<Self> {
        let property = match factory_name(encoder).as_str() {
            "vp8enc" | "vp9enc" | "x264enc" | "av1enc" => "threads",
            "openh264enc" => "multi-thread",
            _ => return None,
        };
        let ours = encoder.property_value(property).serialize().ok()?.as_str() == "1";
        ours.then(|| {
            encoder.set_locked_state(true);
            Self {
                encoder: encoder.downgrade(),
                property,
            }
        })
    }

    /// Lets the encoder go on, with threads that fit pictures of this size.
    pub fn fit(&self, width: u32, height: u32) {
        let Some(encoder) = self.encoder.upgrade() else {
            return;
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads(width.saturating_mul(height), cores);
        if encoder.is_locked_state() {
            gst::debug!(CAT, obj = encoder, "{threads} threads");
            set(&encoder, self.property, &threads.to_string());
        }
        self.release();
    }

    /// Lets the encoder go on as it is.
    pub fn release(&self) {
        if let Some(encoder) = self.encoder.upgrade()
            && encoder.is_locked_state()
        {
            encoder.set_locked_state(false);
            // Where that fails it posts an error.
            let _ = encoder.sync_state_with_parent();
        }
    }
}

/// More threads cost more CPU for the same picture (see `encoder_settings`): as few as keep up on a slow
/// machine, and half of the cores at the most, as decoding and capturing want some too.
fn threads(pixels: u32, cores: usize) -> usize {
    let by_size = match pixels {
        _ if pixels <= SMALL_PIXELS => 1,
        _ if pixels <= MEDIUM_PIXELS => 2,
        _ => 4,
    };
    by_size.min(cores / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_fit_size_and_cores() {
        assert_eq!(threads(640 * 360, 64), 1);
        assert_eq!(threads(1280 * 720, 64), 2);
        assert_eq!(threads(1280 * 720, 4), 2);
        assert_eq!(threads(1280 * 720, 2), 1);
        assert_eq!(threads(3840 * 2160, 64), 4);
        assert_eq!(threads(3840 * 2160, 1), 1);
    }
}

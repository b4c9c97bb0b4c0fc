// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The number of threads that an encoder uses.

use gst::glib;
use gst::prelude::*;

use super::encoder_settings::{factory_name, set};
use crate::sink::CAT;

/// Frames of up to this many pixels are encoded by one thread.
const SMALL_PIXELS: u32 = 640 * 360;
/// Frames of up to this many pixels are encoded by two threads; larger ones by four.
const MEDIUM_PIXELS: u32 = 1280 * 720;

/// Holds an encoder back until the frame size is known, and then sets its number of threads.
pub struct EncoderThreads {
    encoder: glib::WeakRef<gst::Element>,
    property: &'static str,
}

impl EncoderThreads {
    /// Holds the encoder in READY, where the number of threads can be changed. `None` if the encoder has no
    /// such property, or if the application has set it.
    pub fn hold(encoder: &gst::Element) -> Option<Self> {
        let property = match factory_name(encoder).as_str() {
            "vp8enc" | "vp9enc" | "x264enc" | "av1enc" => "threads",
            "openh264enc" => "multi-thread",
            _ => return None,
        };
        let is_default = encoder.property_value(property).serialize().ok()?.as_str() == "1";
        is_default.then(|| {
            encoder.set_locked_state(true);
            Self {
                encoder: encoder.downgrade(),
                property,
            }
        })
    }

    /// Sets the number of threads for frames of this size, and starts the encoder.
    pub fn fit(&self, width: u32, height: u32) {
        let Some(encoder) = self.encoder.upgrade() else {
            return;
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads(width.saturating_mul(height), cores);
        if encoder.is_locked_state() {
            gst::debug!(CAT, obj = encoder, "using {threads} threads");
            set(&encoder, self.property, &threads.to_string());
        }
        self.release();
    }

    /// Starts the encoder without a change.
    pub fn release(&self) {
        if let Some(encoder) = self.encoder.upgrade()
            && encoder.is_locked_state()
        {
            encoder.set_locked_state(false);
            // If this fails, the encoder posts an error.
            let _ = encoder.sync_state_with_parent();
        }
    }
}

/// More threads cost more CPU time for the same frame (see `encoder_settings`). So the encoder gets as few
/// as keep up on a slow machine, and at most half of the cores: decoding and capturing need some too.
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

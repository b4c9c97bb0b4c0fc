// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Congestion control. `rtpgccbwe` of GStreamer's Rust plugin `rsrtp` estimates the available bandwidth
//! from the remote peer's reports (transport-wide-cc). The encoder's bitrate follows the estimate, up to
//! the property `bitrate`. Without the plugin or without reports, the encoder keeps to `bitrate`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use gst::glib;
use gst::prelude::*;

use crate::lock::lock;
use crate::sink::CAT;
use crate::sink::codec::encoder_settings;

/// URI of the RTP header extension that numbers all packets.
const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Caps field for the ID of that header extension; it is the only extension, so its ID is 1.
const TWCC_EXTMAP: &str = "extmap-1";
/// Minimum bitrate in bit/s: with less there is no usable picture.
const MIN_BITRATE: u32 = 50_000;

/// A bitrate that no camera reaches, in bit/s.
const UNLIMITED_BITRATE: u32 = 1_000_000_000;

/// Receives each bitrate that the encoder is set to, in bit/s. Called from a streaming thread.
type BitrateHandler = Box<dyn Fn(u32) + Send + Sync>;

struct Follower {
    encoder: glib::WeakRef<gst::Element>,
    on_bitrate: BitrateHandler,
}

/// The bandwidth estimate of one connection, and the encoder that follows it.
pub struct Congestion {
    bwe: gst::Element,
    /// In bit/s; 0 means not known yet.
    max_bitrate: AtomicU32,
    /// In bit/s; 0 means not known yet.
    estimate: AtomicU32,
    follower: Mutex<Option<Follower>>,
}

impl Congestion {
    /// `None` if `rtpgccbwe`, or `rtphdrexttwcc` that writes the header extension, is not installed.
    pub fn new(webrtcbin: &gst::Element) -> Option<Arc<Self>> {
        gst::ElementFactory::find("rtphdrexttwcc")?;
        let bwe = gst::ElementFactory::make("rtpgccbwe").build().ok()?;
        let this = Arc::new(Self {
            bwe: bwe.clone(),
            max_bitrate: AtomicU32::new(0),
            estimate: AtomicU32::new(0),
            follower: Mutex::default(),
        });
        let weak = Arc::downgrade(&this);
        bwe.connect_notify(Some("estimated-bitrate"), move |bwe, _| {
            if let Some(this) = weak.upgrade() {
                this.estimate
                    .store(bwe.property("estimated-bitrate"), Relaxed);
                this.apply();
            }
        });
        let bwe = bwe.downgrade();
        webrtcbin.connect("request-aux-sender", false, move |_| {
            Some(bwe.upgrade().to_value())
        });
        Some(this)
    }

    /// Adds the header extension and its reports to the offer's structure for a codec.
    pub fn with_extension(&self, mut codec: gst::Structure) -> gst::Structure {
        codec.set(TWCC_EXTMAP, TWCC_URI);
        codec.set("rtcp-fb-transport-cc", true);
        codec
    }

    /// Whether the remote peer accepted the header extension, and so will send reports.
    pub fn is_accepted(answer: &str) -> bool {
        answer.contains(TWCC_URI)
    }

    /// The caps behind the payloader that make it write the header extension.
    pub fn extension_caps() -> gst::Caps {
        gst::Caps::builder("application/x-rtp")
            .field(TWCC_EXTMAP, TWCC_URI)
            .build()
    }

    /// Makes this encoder follow the estimate, up to `max_bitrate` (bit/s).
    pub fn drive_encoder(
        &self,
        encoder: &gst::Element,
        max_bitrate: u32,
        on_bitrate: BitrateHandler,
    ) {
        self.max_bitrate.store(max_bitrate, Relaxed);
        self.bwe
            .set_property("min-bitrate", MIN_BITRATE.min(max_bitrate));
        self.bwe.set_property("max-bitrate", max_bitrate);
        self.bwe.set_property("estimated-bitrate", max_bitrate);
        *lock(&self.follower) = Some(Follower {
            encoder: encoder.downgrade(),
            on_bitrate,
        });
    }

    /// Removes the limit. Video that is passed through has the bitrate of its source, and no estimate may
    /// hold it back.
    pub fn disable(&self) {
        for property in ["max-bitrate", "estimated-bitrate", "min-bitrate"] {
            self.bwe.set_property(property, UNLIMITED_BITRATE);
        }
    }

    /// Sets the maximum bitrate (bit/s) after the application changed it.
    pub fn set_max_bitrate(&self, max_bitrate: u32) {
        self.max_bitrate.store(max_bitrate, Relaxed);
        self.bwe
            .set_property("min-bitrate", MIN_BITRATE.min(max_bitrate));
        self.bwe.set_property("max-bitrate", max_bitrate);
        self.apply();
    }

    fn apply(&self) {
        let max_bitrate = self.max_bitrate.load(Relaxed);
        let bitrate = match self.estimate.load(Relaxed) {
            0 => max_bitrate,
            estimate => estimate.min(max_bitrate),
        };
        let encoder = lock(&self.follower)
            .as_ref()
            .and_then(|f| f.encoder.upgrade());
        let Some(encoder) = encoder else { return };
        gst::debug!(CAT, obj = encoder, "setting the bitrate to {bitrate} bit/s");
        encoder_settings::set_bitrate(&encoder, bitrate);
        if let Some(follower) = &*lock(&self.follower) {
            // The handler only stores the number, so it may be called with the lock held.
            (follower.on_bitrate)(bitrate);
        }
    }
}

/// Whether packets with these caps carry transport-wide numbers.
pub fn is_numbered(rtp: &gst::CapsRef) -> bool {
    let mut fields = rtp.iter().flat_map(|structure| structure.iter());
    fields.any(|(_, value)| value.get::<&str>() == Ok(TWCC_URI))
}

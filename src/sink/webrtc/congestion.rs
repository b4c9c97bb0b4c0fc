//! Congestion control: where GStreamer's Rust plugin `rsrtp` is installed, its `rtpgccbwe` tells
//! from the far side's reports (transport-wide-cc) what the network carries, and the encoder
//! follows, up to the property `bitrate`. Without it, or without reports, the bitrate stays as set.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;

use crate::sink::CAT;
use crate::sink::codec::encoder_settings;

/// Names the header extension that numbers all packets.
const TWCC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Its number among the header extensions, of which it is the only one.
const TWCC_EXTMAP: &str = "extmap-1";
/// What is always tried; in bit/s. Less is no picture.
const MIN_BITRATE: u32 = 50_000;

/// What no camera sends; in bit/s.
const UNLIMITED_BITRATE: u32 = 1_000_000_000;

/// Told each bitrate that the encoder was set to; called from a streaming thread.
type BitrateHandler = Box<dyn Fn(u32) + Send + Sync>;

struct Follower {
    encoder: glib::WeakRef<gst::Element>,
    tell: BitrateHandler,
}

/// The estimate of one connection, and the encoder that follows it.
pub struct Congestion {
    bwe: gst::Element,
    /// In bit/s, both; 0: not known yet.
    max_bitrate: AtomicU32,
    estimate: AtomicU32,
    follower: Mutex<Option<Follower>>,
}

impl Congestion {
    /// `None` where the element, or the one that writes the header extension, is not installed.
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

    /// The codec's structure of the offer, with the header extension and its reports.
    pub fn with_extension(&self, mut codec: gst::Structure) -> gst::Structure {
        codec.set(TWCC_EXTMAP, TWCC_URI);
        codec.set("rtcp-fb-transport-cc", true);
        codec
    }

    /// Whether the far side will report.
    pub fn is_accepted(answer: &str) -> bool {
        answer.contains(TWCC_URI)
    }

    /// What goes behind the payloader, so that it writes the header extension.
    pub fn extension_caps() -> gst::Caps {
        gst::Caps::builder("application/x-rtp")
            .field(TWCC_EXTMAP, TWCC_URI)
            .build()
    }

    /// From here on this encoder follows; `max_bitrate` is the bitrate it may have.
    pub fn drive_encoder(&self, encoder: &gst::Element, max_bitrate: u32, tell: BitrateHandler) {
        self.max_bitrate.store(max_bitrate, Relaxed);
        self.bwe
            .set_property("min-bitrate", MIN_BITRATE.min(max_bitrate));
        self.bwe.set_property("max-bitrate", max_bitrate);
        self.bwe.set_property("estimated-bitrate", max_bitrate);
        *self.lock() = Some(Follower {
            encoder: encoder.downgrade(),
            tell,
        });
    }

    /// Nothing can follow: what is passed through has the bitrate of its source, and must not be held
    /// back by an estimate.
    pub fn disable(&self) {
        for property in ["max-bitrate", "estimated-bitrate", "min-bitrate"] {
            self.bwe.set_property(property, UNLIMITED_BITRATE);
        }
    }

    /// The application changed the bitrate.
    pub fn set_max_bitrate(&self, max_bitrate: u32) {
        self.max_bitrate.store(max_bitrate, Relaxed);
        self.bwe
            .set_property("min-bitrate", MIN_BITRATE.min(max_bitrate));
        self.bwe.set_property("max-bitrate", max_bitrate);
        self.apply();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Follower>> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self) {
        let max_bitrate = self.max_bitrate.load(Relaxed);
        let bitrate = match self.estimate.load(Relaxed) {
            0 => max_bitrate,
            estimate => estimate.min(max_bitrate),
        };
        let encoder = self.lock().as_ref().and_then(|f| f.encoder.upgrade());
        let Some(encoder) = encoder else { return };
        gst::debug!(CAT, obj = encoder, "the network carries {bitrate} bit/s");
        encoder_settings::set_bitrate(&encoder, bitrate);
        if let Some(follower) = &*self.lock() {
            // Notes a number, no more.
            (follower.tell)(bitrate);
        }
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The chain from frames to RTP: `appsrc ! videoconvertscale ! deinterlace ! encoder ! payloader`, or
//! `appsrc ! payloader` for video that is passed through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use gst::prelude::*;

use super::congestion::Congestion;
use super::{pacing, rtp_caps};
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;
use crate::sink::codec::encoder;
use crate::sink::codec::encoder_settings;
use crate::sink::codec::encoder_threads::EncoderThreads;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::frames::chain_input::ChainInput;

/// Maximum number of frames that wait for the encoder. One is enough: a new live frame replaces the waiting
/// one, and other input waits in its streaming thread ([`ChainInput::set_live`]).
const MAX_QUEUED_FRAMES: u64 = 1;

/// The parameters of a chain.
pub struct ChainConfig<'a> {
    pub chosen: &'a OfferedFormat,
    pub ssrc: u32,
    /// bit/s
    pub bitrate: u32,
    pub max_width: u32,
    pub max_height: u32,
    /// Whether packets carry transport-wide numbers, for the remote peer's reports.
    pub numbered: bool,
    /// Lets the application configure the encoder. Returns `true` if the application did all of it.
    pub encoder_setup: &'a dyn Fn(&gst::Element) -> bool,
}

/// The chain. Its elements are in the peer's pipeline.
pub struct EncodingChain {
    pub input: ChainInput,
    /// `None` if the video is passed through.
    pub encoder: Option<gst::Element>,
    /// The pad that outputs RTP.
    pub src: gst::Pad,
}

impl EncodingChain {
    /// Adds a chain to `pipeline`. The caller sets the states of its elements.
    ///
    /// # Errors
    /// If an element is missing, or the elements can't be linked.
    pub fn add_to(pipeline: &gst::Pipeline, config: &ChainConfig) -> Result<Self, Error> {
        let chosen = config.chosen;
        let appsrc = gst_app::AppSrc::builder()
            .is_live(true)
            .format(gst::Format::Time)
            .max_buffers(if chosen.passthrough {
                0
            } else {
                MAX_QUEUED_FRAMES
            })
            .max_bytes(0)
            .build();
        let payloader = chosen
            .codec
            .make_payloader(chosen.payload_type, config.ssrc)?;
        let mut chain = vec![appsrc.clone().upcast()];
        let mut encoder = None;
        if !chosen.passthrough {
            let elements = make_encoding(&appsrc, config)?;
            chain.extend_from_slice(&elements);
            encoder = elements.into_iter().nth(ENCODER_INDEX);
        }
        chain.push(payloader.clone());
        pipeline
            .add_many(&chain)
            .map_err(|error| build_failed(&error))?;
        gst::Element::link_many(&chain).map_err(|error| build_failed(&error))?;

        let encoded_frames = Arc::new(AtomicU64::new(0));
        if let Some(pad) = encoder
            .as_ref()
            .and_then(|encoder| encoder.static_pad("src"))
        {
            let count = encoded_frames.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                count.fetch_add(1, Relaxed);
                gst::PadProbeReturn::Ok
            });
        }
        let key_wanted = Arc::new(AtomicBool::new(false));
        if chosen.passthrough {
            watch_key_frame_requests(&appsrc, key_wanted.clone());
            pacing::spread_backlog(&appsrc);
        }
        let src = payloader
            .static_pad("src")
            .ok_or_else(|| build_failed("the payloader has no source pad"))?;
        let allowed = match config.numbered {
            true => Congestion::extension_caps(),
            false => gst::Caps::new_any(),
        };
        rtp_caps::pin_parameters(&src, &chosen.parameters, allowed);
        Ok(Self {
            input: ChainInput {
                appsrc,
                codec: chosen.passthrough.then_some(chosen.codec),
                encoded_frames,
                key_wanted,
            },
            encoder,
            src,
        })
    }

    /// Changes the encoder's bitrate (bit/s) at once.
    pub fn set_bitrate(&self, bitrate: u32) {
        if let Some(encoder) = &self.encoder {
            encoder_settings::set_bitrate(encoder, bitrate);
        }
    }
}

/// Index of the encoder in the result of [`make_encoding`].
const ENCODER_INDEX: usize = 3;

/// Creates the elements from raw to encoded video.
fn make_encoding(
    appsrc: &gst_app::AppSrc,
    config: &ChainConfig,
) -> Result<[gst::Element; 5], Error> {
    let convert = make("videoconvertscale")?;
    let size = make("capsfilter")?;
    // `auto` deinterlaces only interlaced frames. Neither constrained baseline nor VP8 supports interlaced
    // video, and models would see comb artifacts.
    let deinterlace = make("deinterlace")?;
    deinterlace.set_property_from_str("mode", "auto");
    deinterlace.set_property_from_str("method", "linear");
    deinterlace.set_property_from_str("fields", "top");
    let codec = config.chosen.codec;
    let encoder = encoder::make(codec, config.bitrate)?;
    let threads = if (config.encoder_setup)(&encoder) {
        gst::debug!(CAT, obj = encoder, "configured by the application");
        None
    } else {
        EncoderThreads::hold(&encoder)
    };
    let encoded = make("capsfilter")?;
    encoded.set_property("caps", codec.encoded_caps());
    let follower = SizeFollower {
        filter: size.downgrade(),
        formats: encoder::raw_formats(&encoder),
        max_width: config.max_width,
        max_height: config.max_height,
        threads,
    };
    follower.follow(appsrc);
    Ok([convert, size, deinterlace, encoder, encoded])
}

/// Records the remote peer's key-frame requests (PLI, FIR), which arrive as upstream events.
fn watch_key_frame_requests(appsrc: &gst_app::AppSrc, wanted: Arc<AtomicBool>) {
    let Some(pad) = appsrc.static_pad("src") else {
        return;
    };
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok()
        {
            wanted.store(true, Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

impl Drop for EncodingChain {
    fn drop(&mut self) {
        // The pipeline does not stop an encoder that `EncoderThreads` holds back, or releases while the
        // pipeline stops.
        let Some(encoder) = &self.encoder else {
            return;
        };
        encoder.set_locked_state(false);
        if encoder.set_state(gst::State::Null).is_err() {
            gst::error!(CAT, obj = encoder, "the encoder can't go to NULL");
        }
    }
}

/// Adapts the chain to the size of the input.
struct SizeFollower {
    filter: gst::glib::WeakRef<gst::Element>,
    formats: gst::List,
    max_width: u32,
    max_height: u32,
    threads: Option<EncoderThreads>,
}

impl SizeFollower {
    /// Sets the encoded size whenever the input's caps change. It does so in the thread that carries the
    /// caps, so that every frame is scaled by its own caps.
    fn follow(self, appsrc: &gst_app::AppSrc) {
        let Some(pad) = appsrc.static_pad("src") else {
            return;
        };
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &info.data {
                match event.view() {
                    gst::EventView::Caps(caps) => self.follow_caps(caps.caps()),
                    // EOS must pass the encoder even if there was no frame.
                    gst::EventView::Eos(_) => self.threads.iter().for_each(EncoderThreads::release),
                    _ => {}
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn follow_caps(&self, caps: &gst::CapsRef) {
        if let Some(filter) = self.filter.upgrade()
            && let Ok(info) = gst_video::VideoInfo::from_caps(caps)
        {
            let (width, height) = fit(&info, self.max_width, self.max_height);
            filter.set_property(
                "caps",
                gst::Caps::builder("video/x-raw")
                    .field("format", self.formats.clone())
                    .field("width", width as i32)
                    .field("height", height as i32)
                    .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
                    .build(),
            );
            if let Some(threads) = &self.threads {
                threads.fit(width, height);
            }
        }
    }
}

/// The size to encode: square pixels, same aspect ratio, within the limits (0 = no limit), never enlarged.
/// Both sides are even because 4:2:0 chroma requires it.
fn fit(info: &gst_video::VideoInfo, max_width: u32, max_height: u32) -> (u32, u32) {
    let par = info.par();
    let (numer, denom) = match (par.numer(), par.denom()) {
        (numer, denom) if numer > 0 && denom > 0 => (f64::from(numer), f64::from(denom)),
        _ => (1.0, 1.0),
    };
    let (mut width, mut height) = (f64::from(info.width()), f64::from(info.height()));
    // Shrinking the side with more pixels makes the pixels square.
    if numer > denom {
        height *= denom / numer;
    } else {
        width *= numer / denom;
    }
    let limit = |max: u32, side: f64| match max {
        0 => 1.0,
        max => f64::from(max) / side,
    };
    let scale = limit(max_width, width)
        .min(limit(max_height, height))
        .min(1.0);
    let even = |side: f64| {
        // The margin corrects rounding: a division that should give 1280 may give 1279.9999.
        ((side * scale / 2.0 + 1e-6) as u32 * 2).max(2)
    };
    (even(width), even(height))
}

fn make(factory: &str) -> Result<gst::Element, Error> {
    gst::ElementFactory::make(factory).build().map_err(|_| {
        Error::new(
            Kind::Media,
            Stage::Media,
            format!(
                "The GStreamer element {factory} is missing. Install GStreamer's base and good plugins (Debian: gstreamer1.0-plugins-base, gstreamer1.0-plugins-good)."
            ),
        )
    })
}

fn build_failed(error: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        format!("Building the encoding chain failed: {error}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoded_size_fits_the_limits() {
        gst::init().expect("GStreamer");
        let fitted = |width, height, par: (i32, i32), max_width, max_height| {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
                .par(gst::Fraction::new(par.0, par.1))
                .build()
                .expect("info");
            fit(&info, max_width, max_height)
        };
        let square = (1, 1);
        assert_eq!(fitted(640, 360, square, 1280, 720), (640, 360));
        assert_eq!(fitted(1920, 1080, square, 1280, 720), (1280, 720));
        assert_eq!(fitted(1080, 1920, square, 1280, 720), (404, 720));
        assert_eq!(fitted(4000, 3000, square, 0, 0), (4000, 3000));
        assert_eq!(fitted(4000, 3000, square, 0, 720), (960, 720));
        assert_eq!(fitted(641, 361, square, 1280, 720), (640, 360));
        assert_eq!(fitted(1, 1, square, 1280, 720), (2, 2));
        assert_eq!(fitted(1001, 1001, square, 333, 333), (332, 332));
        // PAL 16:9, PAL 4:3, and NTSC 4:3.
        assert_eq!(fitted(720, 576, (64, 45), 1280, 720), (720, 404));
        assert_eq!(fitted(720, 576, (16, 15), 1280, 720), (720, 540));
        assert_eq!(fitted(720, 480, (8, 9), 1280, 720), (640, 480));
    }
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The chain from frames to RTP: `appsrc ! videoconvertscale ! deinterlace ! videoflip ! encoder ! payloader`,
//! or `appsrc ! payloader` for video that is passed through. Behind the `appsrc`, encoded pictures that all stand alone are
//! decoded, and frames in the memory of a device are downloaded. If an encoder reads this memory, the chain is
//! `appsrc ! elements of the device ! encoder ! payloader`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use gst::prelude::*;

use super::congestion::Congestion;
use super::device_input::{make_direct, make_download};
use super::input_follower::InputFollower;
use super::{colour_matrix, pacing, rtp_caps};
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;
use crate::sink::codec::encoder;
use crate::sink::codec::encoder_settings;
use crate::sink::codec::encoder_threads::EncoderThreads;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::codec::picture_size::SizeLimits;
use crate::sink::codec::video_codec::Codec;
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
    pub limits: SizeLimits,
    /// The format of the input, if it is known.
    pub input: Option<&'a InputFormat>,
    /// Something else than the encoder reads its frames, so they must be in system memory.
    pub frames_are_read: bool,
    /// The pad at which the input arrives in the application's pipeline.
    pub upstream: gst::glib::WeakRef<gst::Pad>,
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
            let encoding = match Encoding::on_device(&appsrc, config)? {
                Some(encoding) => encoding,
                None => Encoding::in_system_memory(&appsrc, config)?,
            };
            chain.extend(encoding.elements);
            encoder = Some(encoding.encoder);
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
                stamps: Arc::default(),
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

/// The elements from the `appsrc` to the payloader.
struct Encoding {
    /// In their order, with the encoder.
    elements: Vec<gst::Element>,
    encoder: gst::Element,
}

impl Encoding {
    /// `None`: no encoder reads the memory of the input, or something else must read the frames.
    fn on_device(appsrc: &gst_app::AppSrc, config: &ChainConfig) -> Result<Option<Self>, Error> {
        let codec = config.chosen.codec;
        let input = config.input.filter(|_| !config.frames_are_read);
        let device = input.and_then(InputFormat::device);
        let made = device.and_then(|device| encoder::make_behind(codec, device, config.bitrate));
        let Some((encoder, route)) = made else {
            return Ok(None);
        };
        let pad = src_pad(appsrc.upcast_ref())?;
        let upstream = config.upstream.clone();
        let mut elements = make_direct(route, &pad, upstream, config.limits)?;
        // No encoder of a device has a number of threads.
        (config.encoder_setup)(&encoder);
        elements.extend([encoder.clone(), encoded_filter(codec)?]);
        Ok(Some(Self { elements, encoder }))
    }

    fn in_system_memory(appsrc: &gst_app::AppSrc, config: &ChainConfig) -> Result<Self, Error> {
        let mut elements = make_raw(appsrc, config)?;
        let raw = src_pad(elements.last().unwrap_or(appsrc.upcast_ref()))?;
        let convert = make("videoconvertscale")?;
        let size = make("capsfilter")?;
        // `auto` deinterlaces only interlaced frames. Neither constrained baseline nor VP8 supports interlaced
        // video, and models would see comb artifacts.
        let deinterlace = make("deinterlace")?;
        deinterlace.set_property_from_str("mode", "auto");
        deinterlace.set_property_from_str("method", "linear");
        deinterlace.set_property_from_str("fields", "top");
        // After scaling, so that it turns fewer pixels; after deinterlacing, which needs the rows as captured.
        let flip = make("videoflip")?;
        let codec = config.chosen.codec;
        let encoder = encoder::make(codec, config.bitrate)?;
        let threads = if (config.encoder_setup)(&encoder) {
            gst::debug!(CAT, obj = encoder, "configured by the application");
            None
        } else {
            EncoderThreads::hold(&encoder)
        };
        InputFollower {
            filter: size.downgrade(),
            flip: flip.downgrade(),
            formats: encoder::raw_formats(&encoder),
            limits: config.limits,
            threads,
            input: Mutex::default(),
        }
        .follow(&raw);
        colour_matrix::convert_frames(&src_pad(&size)?);
        elements.extend([convert, size, deinterlace, flip]);
        elements.extend([encoder.clone(), encoded_filter(codec)?]);
        Ok(Self { elements, encoder })
    }
}

/// Creates the elements that make the input raw video in system memory.
fn make_raw(appsrc: &gst_app::AppSrc, config: &ChainConfig) -> Result<Vec<gst::Element>, Error> {
    match config.input {
        Some(InputFormat::Pictures(codec)) => Ok(vec![codec.make_decoder()?]),
        Some(InputFormat::Device(device)) => {
            let pad = src_pad(appsrc.upcast_ref())?;
            make_download(*device, &pad, config.upstream.clone(), config.limits)
        }
        Some(InputFormat::Raw | InputFormat::Encoded(_)) | None => Ok(Vec::new()),
    }
}

fn encoded_filter(codec: Codec) -> Result<gst::Element, Error> {
    let encoded = make("capsfilter")?;
    encoded.set_property("caps", codec.encoded_caps());
    Ok(encoded)
}

fn src_pad(element: &gst::Element) -> Result<gst::Pad, Error> {
    let pad = element.static_pad("src");
    pad.ok_or_else(|| build_failed(format!("{} has no pad", element.name())))
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

pub(super) fn make(factory: &str) -> Result<gst::Element, Error> {
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

pub(super) fn build_failed(error: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::Media,
        Stage::Media,
        format!("Building the encoding chain failed: {error}."),
    )
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Chooses the encoder for a codec, and creates it.

use std::thread;

use gst::glib;
use gst::prelude::*;

use super::encoder_probe;
use super::encoder_settings::{hardware, make_unopened, software};
use super::video_codec::{Codec, broken};
use crate::at_exit::Work;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;

fn installed(names: &'static [&'static str]) -> impl Iterator<Item = gst::ElementFactory> {
    names
        .iter()
        .filter_map(|name| gst::ElementFactory::find(name))
}

/// The installed hardware encoders. Rank NONE means that an element must not be chosen automatically:
/// GStreamer sets it, or the user does with `GST_PLUGIN_FEATURE_RANK`.
fn hardware_installed(codec: Codec) -> impl Iterator<Item = gst::ElementFactory> {
    installed(hardware(codec)).filter(|factory| factory.rank() != gst::Rank::NONE)
}

/// Whether an encoder for this codec is available. Hardware is probed only if there is no software
/// encoder.
pub fn is_available(codec: Codec) -> bool {
    installed(software(codec)).next().is_some()
        || hardware_installed(codec).any(|factory| encoder_probe::works(&factory, codec))
}

/// Probes the installed hardware encoders in a thread of its own, caches the results and then calls `done`. It takes up
/// to 1.5 s for each encoder. Returns `false`, and does not call `done`, if there is nothing to find out.
pub fn probe_hardware(
    codecs: impl IntoIterator<Item = Codec>,
    done: impl FnOnce() + Send + 'static,
) -> bool {
    let unknown: Vec<_> = codecs
        .into_iter()
        .filter(|codec| !is_probed(*codec))
        .collect();
    if unknown.is_empty() {
        return false;
    }
    let work = Work::begin();
    let probe = move || {
        let _work = work;
        for codec in unknown {
            // `make` uses the first one that works, so the others need no probe.
            hardware_installed(codec).any(|factory| encoder_probe::works(&factory, codec));
        }
        done();
    };
    let thread = thread::Builder::new().name("overshoot-probes".to_owned());
    match thread.spawn(probe) {
        Ok(_) => true,
        Err(error) => {
            gst::warning!(CAT, "hardware encoders are not probed in advance: {error}");
            false
        }
    }
}

/// Whether it is known which hardware encoder works for this codec, if any.
fn is_probed(codec: Codec) -> bool {
    let mut results = hardware_installed(codec).map(|factory| encoder_probe::result(&factory));
    let first_that_may_work = results.find(|result| *result != Some(false));
    first_that_may_work != Some(None)
}

/// Creates an encoder in READY, configured for low delay and low CPU load: working hardware first, then
/// the first software encoder that opens. `bitrate` is in bit/s.
///
/// # Errors
/// If no encoder for the codec works.
pub fn make(codec: Codec, bitrate: u32) -> Result<gst::Element, Error> {
    let working = hardware_installed(codec).filter(|factory| encoder_probe::works(factory, codec));
    let mut problem = None;
    for factory in working.chain(installed(software(codec))) {
        match open(&factory, bitrate) {
            Ok(encoder) => {
                gst::info!(
                    CAT,
                    obj = encoder,
                    "using this encoder for {}",
                    codec.encoding_name()
                );
                return Ok(encoder);
            }
            Err(error) => {
                gst::warning!(CAT, "skipping encoder {}: {error}", factory.name());
                problem = Some(error);
            }
        }
    }
    Err(problem.map_or_else(no_encoder, |error| broken(&error)))
}

fn open(factory: &gst::ElementFactory, bitrate: u32) -> Result<gst::Element, glib::BoolError> {
    let encoder = make_unopened(factory, bitrate)?;
    if encoder.set_state(gst::State::Ready).is_err() {
        // The encoder is dropped, so an error here changes nothing.
        let _ = encoder.set_state(gst::State::Null);
        return Err(glib::bool_error!("it can't go to READY"));
    }
    Ok(encoder)
}

/// The raw video formats to convert to: I420 and NV12, as far as the encoder accepts them.
pub fn raw_formats(encoder: &gst::Element) -> gst::List {
    let accepts = |format: &&str| {
        let caps = gst::Caps::builder("video/x-raw").field("format", *format);
        let caps = caps.build();
        let pad = encoder.static_pad("sink");
        pad.is_some_and(|pad| pad.pad_template_caps().can_intersect(&caps))
    };
    let both = ["I420", "NV12"];
    let mut formats: Vec<&str> = both.iter().copied().filter(|f| accepts(f)).collect();
    if formats.is_empty() {
        formats.extend(both);
    }
    gst::List::new(formats)
}

pub fn no_encoder() -> Error {
    Error::new(
        Kind::Media,
        Stage::Offer,
        "No video encoder is installed for the codecs in video-caps. Install GStreamer's good plugins (vp8enc) or ugly plugins (x264enc) (Debian: gstreamer1.0-plugins-good or gstreamer1.0-plugins-ugly), or list other codecs in video-caps.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without hardware encoders, choosing one costs little more than creating it.
    #[test]
    fn choosing_software_costs_little() {
        gst::init().expect("GStreamer");
        drop(make(Codec::H264, 2_000_000).map(stopped));
        let start = std::time::Instant::now();
        assert!(is_available(Codec::H264) && is_available(Codec::Vp8));
        probe_hardware([Codec::H264, Codec::Vp8], || {});
        let choosing = start.elapsed();
        let encoder = make(Codec::H264, 2_000_000).expect("an encoder");
        let making = start.elapsed() - choosing;
        stopped(encoder);
        println!("chosen in {choosing:?}, created and opened in {making:?}");
        assert!(
            choosing < std::time::Duration::from_millis(5),
            "{choosing:?}"
        );
    }

    fn stopped(encoder: gst::Element) {
        encoder.set_state(gst::State::Null).expect("NULL");
    }
}

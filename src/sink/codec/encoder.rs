// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Chooses the encoder for a codec, and creates it.

use std::thread;

use gst::glib;
use gst::prelude::*;

use super::device_memory::DeviceInput;
use super::device_route::Route;
use super::device_scaler;
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

/// The installed hardware encoders that read the memory in which this route leaves its frames.
fn hardware_behind(codec: Codec, route: &Route) -> impl Iterator<Item = gst::ElementFactory> {
    hardware_installed(codec).filter(|factory| device_scaler::reads(factory, route))
}

/// The route for these frames to an encoder of their device, if one can be tried. Interlaced frames go through system
/// memory, where they are deinterlaced.
fn direct_route(input: Option<&DeviceInput>) -> Option<&'static Route> {
    input.filter(|input| input.is_plain)?.route
}

/// Whether an encoder for this codec is available. Hardware is probed only if there is no software
/// encoder.
pub fn is_available(codec: Codec) -> bool {
    installed(software(codec)).next().is_some()
        || hardware_installed(codec).any(|factory| encoder_probe::works(&factory, codec, None))
}

/// Probes the installed hardware encoders for this input in a thread of its own, caches the results and then calls `done`.
/// It takes up to 1.5 s for each encoder. Returns `false`, and does not call `done`, if there is nothing to find out.
pub fn probe_hardware(
    codecs: impl IntoIterator<Item = Codec>,
    input: Option<&DeviceInput>,
    done: impl FnOnce() + Send + 'static,
) -> bool {
    let route = direct_route(input);
    let unknown: Vec<_> = codecs
        .into_iter()
        .filter(|codec| !is_probed(*codec, route))
        .collect();
    if unknown.is_empty() {
        return false;
    }
    let work = Work::begin();
    let probe = move || {
        let _work = work;
        for codec in unknown {
            // One that works is used, so the others need no probe.
            if !probe_behind(codec, route) {
                hardware_installed(codec)
                    .any(|factory| encoder_probe::works(&factory, codec, None));
            }
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

/// Whether an encoder behind this route works.
fn probe_behind(codec: Codec, route: Option<&'static Route>) -> bool {
    route.is_some_and(|route| {
        hardware_behind(codec, route)
            .any(|factory| encoder_probe::works(&factory, codec, Some(route)))
    })
}

/// Whether it is known which hardware encoder works for this codec, if any.
fn is_probed(codec: Codec, route: Option<&'static Route>) -> bool {
    let behind = route.map(|route| {
        let results = hardware_behind(codec, route);
        first_that_may_work(results, Some(route))
    });
    let first = behind
        .flatten()
        .or_else(|| first_that_may_work(hardware_installed(codec), None));
    first != Some(None)
}

/// The result of the first of these encoders that has not failed its probe. `Some(None)`: it was not probed yet.
fn first_that_may_work(
    mut encoders: impl Iterator<Item = gst::ElementFactory>,
    from: encoder_probe::From,
) -> Option<Option<bool>> {
    encoders.find_map(|factory| {
        Some(encoder_probe::result(&factory, from)).filter(|it| *it != Some(false))
    })
}

/// An encoder that reads these frames from their device, in NULL, and the route to it. It must open only in its pipeline,
/// where it learns of the device that the frames are on. `None`: none works, or the frames must go through system memory
/// for another reason.
pub fn make_behind(
    codec: Codec,
    input: &DeviceInput,
    bitrate: u32,
) -> Option<(gst::Element, &'static Route)> {
    let route = direct_route(Some(input))?;
    let working = hardware_behind(codec, route)
        .filter(|factory| encoder_probe::works(factory, codec, Some(route)));
    // Another one is opened first: it may fail now, because drivers limit the number of encoders at the same time.
    let mut made = working.filter_map(|factory| {
        let closed = open(&factory, bitrate).map(close);
        match closed.and_then(|()| make_unopened(&factory, bitrate)) {
            Ok(encoder) => Some(encoder),
            Err(error) => {
                gst::warning!(CAT, "skipping encoder {}: {error}", factory.name());
                None
            }
        }
    });
    let encoder = made.next()?;
    gst::info!(
        CAT,
        obj = encoder,
        "using this encoder for {}, straight from {}",
        codec.encoding_name(),
        route.memory.feature()
    );
    Some((encoder, route))
}

/// Creates an encoder in READY, configured for low delay and low CPU load: working hardware first, then
/// the first software encoder that opens. `bitrate` is in bit/s.
///
/// # Errors
/// If no encoder for the codec works.
pub fn make(codec: Codec, bitrate: u32) -> Result<gst::Element, Error> {
    let working =
        hardware_installed(codec).filter(|factory| encoder_probe::works(factory, codec, None));
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
        close(encoder);
        return Err(glib::bool_error!("it can't go to READY"));
    }
    Ok(encoder)
}

fn close(encoder: gst::Element) {
    // The encoder is dropped, so an error here changes nothing.
    let _ = encoder.set_state(gst::State::Null);
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
    use crate::sink::codec::device_memory::DeviceMemory;

    /// Without hardware encoders, choosing one costs little more than creating it.
    #[test]
    fn choosing_software_costs_little() {
        gst::init().expect("GStreamer");
        drop(make(Codec::H264, 2_000_000).map(stopped));
        let start = std::time::Instant::now();
        assert!(is_available(Codec::H264) && is_available(Codec::Vp8));
        probe_hardware([Codec::H264, Codec::Vp8], None, || {});
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

    /// Interlaced frames, and those whose pixels are not square, go through system memory.
    #[test]
    fn only_plain_frames_stay_on_their_device() {
        gst::init().expect("GStreamer");
        let route = |more: &str| {
            let caps = format!("video/x-raw(memory:GLMemory),format=RGBA,width=4,height=4{more}");
            let caps: gst::Caps = caps.parse().expect("caps");
            let input = DeviceMemory::Gl.input(&caps).expect("it is installed");
            direct_route(Some(&input)).is_some()
        };
        assert!(route(""));
        assert!(route(",interlace-mode=progressive"));
        assert!(!route(",interlace-mode=interleaved"));
        assert!(!route(",pixel-aspect-ratio=16/15"));
        assert!(direct_route(None).is_none());
    }

    fn stopped(encoder: gst::Element) {
        encoder.set_state(gst::State::Null).expect("NULL");
    }
}

//! Which encoder is taken for a codec, and how it is set up.

use gst::glib;
use gst::prelude::*;

use super::encoder_probe;
use super::encoder_settings::{hardware, make_unopened, software};
use super::video_codec::{Codec, broken};
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;

fn installed(names: &'static [&'static str]) -> impl Iterator<Item = gst::ElementFactory> {
    names
        .iter()
        .filter_map(|name| gst::ElementFactory::find(name))
}

/// The installed ones that need hardware. Rank NONE is how GStreamer, or a user by
/// `GST_PLUGIN_FEATURE_RANK`, says that an element is not to be taken by itself.
fn hardware_installed(codec: Codec) -> impl Iterator<Item = gst::ElementFactory> {
    installed(hardware(codec)).filter(|factory| factory.rank() != gst::Rank::NONE)
}

/// Whether it can be encoded here. Only where nothing but hardware could do it is that tried now.
pub fn is_available(codec: Codec) -> bool {
    installed(software(codec)).next().is_some()
        || hardware_installed(codec).any(|factory| encoder_probe::works(&factory, codec))
}

/// Finds out which hardware works, where there is any and it is not known yet: at a time at which
/// nothing waits for it.
pub fn probe_hardware(codecs: impl IntoIterator<Item = Codec>) {
    for codec in codecs {
        // The first that works is taken.
        hardware_installed(codec).any(|factory| encoder_probe::works(&factory, codec));
    }
}

/// An encoder set up for low delay and little CPU, in READY: hardware that works, else the first
/// other that opens. `bitrate` is in bit/s.
///
/// # Errors
/// Where there is none.
pub fn make(codec: Codec, bitrate: u32) -> Result<gst::Element, Error> {
    let working = hardware_installed(codec).filter(|factory| encoder_probe::works(factory, codec));
    let mut problem = None;
    for factory in working.chain(installed(software(codec))) {
        match open(&factory, bitrate) {
            Ok(encoder) => {
                gst::info!(CAT, obj = encoder, "encodes {}", codec.encoding_name());
                return Ok(encoder);
            }
            Err(error) => {
                gst::warning!(CAT, "{} is passed over: {error}", factory.name());
                problem = Some(error);
            }
        }
    }
    Err(problem.map_or_else(no_encoder, |error| broken(&error)))
}

fn open(factory: &gst::ElementFactory, bitrate: u32) -> Result<gst::Element, glib::BoolError> {
    let encoder = make_unopened(factory, bitrate)?;
    if encoder.set_state(gst::State::Ready).is_err() {
        // Whatever it has to say about that changes nothing.
        let _ = encoder.set_state(gst::State::Null);
        return Err(glib::bool_error!("it does not open"));
    }
    Ok(encoder)
}

/// The formats of raw video to give it: I420 and NV12, as far as it takes them.
pub fn raw_formats(encoder: &gst::Element) -> gst::List {
    let takes = |format: &&str| {
        let caps = gst::Caps::builder("video/x-raw").field("format", *format);
        let caps = caps.build();
        let pad = encoder.static_pad("sink");
        pad.is_some_and(|pad| pad.pad_template_caps().can_intersect(&caps))
    };
    let both = ["I420", "NV12"];
    let mut formats: Vec<&str> = both.iter().copied().filter(|f| takes(f)).collect();
    if formats.is_empty() {
        formats.extend(both);
    }
    gst::List::new(formats)
}

pub fn no_encoder() -> Error {
    Error::new(
        Kind::Media,
        Stage::Offer,
        "No video encoder is installed: install GStreamer's good plugins (vp8enc) or ugly plugins (x264enc); on Debian gstreamer1.0-plugins-good or gstreamer1.0-plugins-ugly.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is only software, picking costs what making the element costs.
    #[test]
    fn picking_software_costs_little() {
        gst::init().expect("GStreamer");
        drop(make(Codec::H264, 2_000_000).map(stopped));
        let start = std::time::Instant::now();
        assert!(is_available(Codec::H264) && is_available(Codec::Vp8));
        probe_hardware([Codec::H264, Codec::Vp8]);
        let picked = start.elapsed();
        let encoder = make(Codec::H264, 2_000_000).expect("made");
        let made = start.elapsed() - picked;
        stopped(encoder);
        println!("picked in {picked:?}, made and opened in {made:?}");
        assert!(picked < std::time::Duration::from_millis(5), "{picked:?}");
    }

    fn stopped(encoder: gst::Element) {
        encoder.set_state(gst::State::Null).expect("it stops");
    }
}

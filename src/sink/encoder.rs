//! Which encoder is taken for a codec, and how it is set up.

use gst::glib;
use gst::prelude::*;

use super::CAT;
use super::codec::{Codec, broken, no_encoder};
use super::encoder_table::{KEY_FRAMES, hardware, settings, software};
use super::probe;
use crate::session::error::Error;

/// Pictures of up to so many pixels are encoded by one thread.
const SMALL: u32 = 640 * 360;
/// And of up to so many by two.
const MEDIUM: u32 = 1280 * 720;

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
pub fn is_there(codec: Codec) -> bool {
    installed(software(codec)).next().is_some()
        || hardware_installed(codec).any(|factory| probe::is_alive(&factory, codec))
}

/// Finds out which hardware works, where there is any and it is not known yet: at a time at which
/// nothing waits for it.
pub fn probe_hardware(codecs: impl IntoIterator<Item = Codec>) {
    for codec in codecs {
        // The first that works is taken.
        hardware_installed(codec).any(|factory| probe::is_alive(&factory, codec));
    }
}

/// An encoder set up for low delay and little CPU, in READY: hardware that works, else the first
/// other that opens. `bitrate` is in bit/s.
///
/// # Errors
/// Where there is none.
pub fn make(codec: Codec, bitrate: u32) -> Result<gst::Element, Error> {
    let working = hardware_installed(codec).filter(|factory| probe::is_alive(factory, codec));
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

/// One that is set up, and not opened yet.
pub fn make_unopened(
    factory: &gst::ElementFactory,
    bitrate: u32,
) -> Result<gst::Element, glib::BoolError> {
    let encoder = factory.create().build()?;
    for (name, value) in settings(factory.name().as_str()) {
        set(&encoder, name, value);
    }
    set_bitrate(&encoder, bitrate);
    Ok(encoder)
}

/// Sets a property where the element has it and takes the value, bent into its range.
fn set(encoder: &gst::Element, name: &str, text: &str) {
    let Some(spec) = encoder.find_property(name) else {
        return;
    };
    let text = within(&spec, text);
    match glib::Value::deserialize_with_pspec(&text, &spec) {
        Ok(value) => encoder.set_property_from_value(name, &value),
        Err(_) => gst::debug!(CAT, obj = encoder, "{name} can't be {text}"),
    }
}

/// The number that is nearest to this one in the property's range; other text as it is.
fn within(spec: &glib::ParamSpec, text: &str) -> String {
    let Ok(number) = text.parse::<i64>() else {
        return text.to_owned();
    };
    let signed = spec.downcast_ref::<glib::ParamSpecInt>();
    let unsigned = spec.downcast_ref::<glib::ParamSpecUInt>();
    let range = signed
        .map(|spec| (i64::from(spec.minimum()), i64::from(spec.maximum())))
        .or_else(|| unsigned.map(|spec| (spec.minimum().into(), spec.maximum().into())));
    let number = range.map_or(number, |(least, most)| number.clamp(least, most));
    number.to_string()
}

/// Changes an encoder's bitrate (bit/s), also while it runs.
pub fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    let factory = factory_name(encoder);
    let (name, value) = match factory.as_str() {
        "vp8enc" | "vp9enc" => ("target-bitrate", bitrate),
        "av1enc" | "svtav1enc" => ("target-bitrate", kilo(bitrate)),
        "openh264enc" => ("bitrate", bitrate),
        // Older versions have no property for it but a control of the driver's.
        v4l2 if v4l2.starts_with("v4l2") => {
            if encoder.find_property("bitrate").is_none()
                && encoder.find_property("extra-controls").is_some()
            {
                let controls = gst::Structure::builder("controls")
                    .field("video_bitrate", i32::try_from(bitrate).unwrap_or(i32::MAX))
                    .field("video_gop_size", KEY_FRAMES.parse().unwrap_or(i32::MAX))
                    .field("repeat_sequence_header", 1i32)
                    .build();
                encoder.set_property("extra-controls", controls);
            }
            ("bitrate", bitrate)
        }
        // x264enc, x265enc, and all other hardware.
        _ => ("bitrate", kilo(bitrate)),
    };
    set(encoder, name, &value.to_string());
}

fn kilo(bitrate: u32) -> u32 {
    (bitrate / 1000).max(1)
}

fn factory_name(element: &gst::Element) -> glib::GString {
    element.factory().map(|f| f.name()).unwrap_or_default()
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

/// An encoder's number of threads, until the size of the pictures is known.
pub struct Threads {
    encoder: glib::WeakRef<gst::Element>,
    property: &'static str,
}

impl Threads {
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

/// More threads cost more CPU for the same picture (see `encoder_table`): as few as keep up on a slow
/// machine, and half of the cores at the most, as decoding and capturing want some too.
fn threads(pixels: u32, cores: usize) -> usize {
    let by_size = match pixels {
        _ if pixels <= SMALL => 1,
        _ if pixels <= MEDIUM => 2,
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

    /// Every encoder that is installed here is set up as the table says, and in its own unit.
    #[test]
    fn bitrates_are_in_the_encoders_own_unit() {
        gst::init().expect("GStreamer");
        let mut tried = 0;
        for (name, property, value) in [
            ("vp8enc", "target-bitrate", "1234000"),
            ("vp9enc", "target-bitrate", "1234000"),
            ("x264enc", "bitrate", "1234"),
            ("openh264enc", "bitrate", "1234000"),
            ("x265enc", "bitrate", "1234"),
            ("av1enc", "target-bitrate", "1234"),
        ] {
            let Some(factory) = gst::ElementFactory::find(name) else {
                continue;
            };
            let encoder = make_unopened(&factory, 2_000_000).expect("made");
            set_bitrate(&encoder, 1_234_000);
            let set = encoder.property_value(property).serialize().expect("text");
            assert_eq!(set.as_str(), value, "{name}");
            for (property, value) in settings(name) {
                let spec = encoder.find_property(property).expect(property);
                let wanted = glib::Value::deserialize_with_pspec(value, &spec).expect(value);
                assert_eq!(
                    encoder.property_value(property).serialize().ok(),
                    wanted.serialize().ok(),
                    "{name} {property}"
                );
            }
            tried += 1;
        }
        assert!(tried >= 2, "{tried}");
    }

    /// Where there is only software, picking costs what making the element costs.
    #[test]
    fn picking_software_costs_little() {
        gst::init().expect("GStreamer");
        drop(make(Codec::H264, 2_000_000).map(stopped));
        let start = std::time::Instant::now();
        assert!(is_there(Codec::H264) && is_there(Codec::Vp8));
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

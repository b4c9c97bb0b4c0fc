//! Which encoder is taken. Hardware is played by elements that are registered under its names:
//! one that does not open, one that takes frames and gives none, one that hangs, one that works.

use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use overshoot_emulator::Codec;

const SOURCE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=640,height=360,framerate=30/1";

/// An element named `$factory`, which is a bin around `$launch`; `$open` is what happens when it
/// is opened.
macro_rules! fake {
    ($module:ident, $factory:literal, $launch:expr, $open:expr) => {
        mod $module {
            use super::*;

            #[derive(Default)]
            pub struct Imp;

            #[glib::object_subclass]
            impl ObjectSubclass for Imp {
                const NAME: &'static str = concat!("TestFake-", $factory);
                type Type = Fake;
                type ParentType = gst::Bin;
            }

            glib::wrapper! {
                pub struct Fake(ObjectSubclass<Imp>) @extends gst::Bin, gst::Element, gst::Object;
            }

            impl ObjectImpl for Imp {
                fn constructed(&self) {
                    self.parent_constructed();
                    let inner = gst::parse::bin_from_description($launch, true).expect("parsed");
                    self.obj().add(&inner).expect("added");
                    for name in ["sink", "src"] {
                        let target = inner.static_pad(name).expect("there");
                        let pad = gst::GhostPad::builder_with_target(&target).expect("fits");
                        self.obj().add_pad(&pad.name(name).build()).expect("added");
                    }
                }
            }
            impl GstObjectImpl for Imp {}
            impl BinImpl for Imp {}
            impl ElementImpl for Imp {
                fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
                    static METADATA: std::sync::LazyLock<gst::subclass::ElementMetadata> =
                        std::sync::LazyLock::new(|| {
                            gst::subclass::ElementMetadata::new("Fake", "Codec/Encoder", "-", "-")
                        });
                    Some(&METADATA)
                }

                fn change_state(
                    &self,
                    transition: gst::StateChange,
                ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
                    if transition == gst::StateChange::NullToReady {
                        let open: fn() -> Result<(), gst::StateChangeError> = $open;
                        open()?;
                    }
                    self.parent_change_state(transition)
                }
            }

            pub fn register() {
                let rank = gst::Rank::PRIMARY + 100;
                gst::Element::register(None, $factory, rank, Fake::static_type())
                    .expect("registered");
            }
        }
    };
}

/// How long the one that hangs does.
const HANGS: Duration = Duration::from_secs(4);

fake!(closed, "nvh264enc", "x264enc", || Err(
    gst::StateChangeError
));
fake!(
    mute,
    "vah264enc",
    "x264enc ! identity drop-probability=1",
    || Ok(())
);
fake!(hanging, "vavp8lpenc", "vp8enc", || {
    std::thread::sleep(HANGS);
    Ok(())
});
fake!(
    broken,
    "vavp8enc",
    "identity error-after=1 ! vp8enc",
    || Ok(())
);
fake!(
    working,
    "qsvvp9enc",
    "vp9enc deadline=1 cpu-used=8 lag-in-frames=0 threads=1",
    || Ok(())
);
fake!(dead_only, "nvav1enc", "av1enc", || Err(
    gst::StateChangeError
));

fn init() {
    crate::common::init();
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        closed::register();
        mute::register();
        hanging::register();
        broken::register();
        working::register();
        dead_only::register();
    });
}

/// Streams with this codec; which encoder it was, and how long it took from PLAYING to the first
/// encoder.
fn encoder_for(caps: &str, codec: Codec) -> (String, Duration) {
    init();
    let service = Service::with(|config| config.codecs = vec![codec]);
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o video-caps={caps} delay-seconds=0.1"),
    );
    let chosen = Arc::new(Mutex::new(None));
    let seen = chosen.clone();
    let start = Instant::now();
    pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let encoder = values[3].get::<gst::Element>().expect("an encoder");
            let name = encoder.factory().expect("it has one").name().to_string();
            *seen.lock().expect("no panic") = Some((name, start.elapsed()));
            Some(false.to_value())
        });
    pipeline.play();
    service.wait("decoded frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 5)
    });
    pipeline.stop();
    service.assert_all_deleted();
    let chosen = chosen.lock().expect("no panic").take();
    chosen.expect("the application was asked")
}

#[test]
fn dead_hardware_is_passed_over() {
    let (encoder, took) = encoder_for("video/x-h264", Codec::H264);
    assert_eq!(encoder, "x264enc");
    println!("with two dead ones it took {took:?}");
}

#[test]
fn hardware_that_hangs_holds_up_for_a_bounded_time_and_once() {
    let (encoder, took) = encoder_for("video/x-vp8", Codec::Vp8);
    assert_eq!(encoder, "vp8enc");
    println!("with one that hangs it took {took:?}");
    assert!(took < HANGS, "{took:?}");
    let (encoder, took) = encoder_for("video/x-vp8", Codec::Vp8);
    assert_eq!(encoder, "vp8enc");
    println!("the second time it took {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn hardware_that_works_comes_first() {
    let (encoder, took) = encoder_for("video/x-vp9", Codec::Vp9);
    assert_eq!(encoder, "qsvvp9enc");
    println!("with one that works it took {took:?}");
}

#[test]
fn h265_flows_too() {
    let (encoder, _) = encoder_for("video/x-h265", Codec::H265);
    assert_eq!(encoder, "x265enc");
}

#[test]
fn an_encoder_has_threads_by_the_size_of_its_pictures() {
    init();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (size, set, wanted) in [
        ("width=320,height=180", None, 1),
        ("width=1280,height=720", None, if cores < 4 { 1 } else { 2 }),
        // The application's choice.
        ("width=1280,height=720", Some(3u32), 3),
    ] {
        let service = Service::with(|config| config.codecs = vec![Codec::H264]);
        let pipeline = Pipeline::new(
            &service,
            &format!(
                "videotestsrc is-live=true ! video/x-raw,{size},framerate=30/1 \
                 ! overshootsink name=o video-caps=video/x-h264"
            ),
        );
        let chosen = Arc::new(Mutex::new(None));
        let seen = chosen.clone();
        pipeline
            .sink
            .connect("encoder-setup", false, move |values| {
                let encoder = values[3].get::<gst::Element>().expect("an encoder");
                if let Some(set) = set {
                    encoder.set_property("threads", set);
                }
                *seen.lock().expect("no panic") = Some(encoder);
                Some(false.to_value())
            });
        pipeline.play();
        service.wait("a frame", |seen| {
            seen.streams.first().is_some_and(|s| !s.frames.is_empty())
        });
        let encoder = chosen.lock().expect("no panic").take().expect("asked");
        assert_eq!(encoder.property::<u32>("threads"), wanted, "{size}");
        pipeline.stop();
    }
}

/// A codec that only dead hardware encodes is not offered.
#[test]
fn what_nothing_encodes_is_not_offered() {
    init();
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o video-caps=video/x-av1"),
    );
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    assert!(service.control.snapshot().streams.is_empty());
}

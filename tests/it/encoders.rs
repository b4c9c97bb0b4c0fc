// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The choice of the encoder. The tests register fake elements under the names of hardware encoders: one that does
//! not open, one that accepts frames and outputs none, one that hangs, one that fails, and one that works.

use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use overshoot_emulator::Codec;

const SOURCE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=640,height=360,framerate=30/1";

/// Defines an element named `$factory`, a bin around `$launch`. `$open` runs when the element opens.
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

/// How long the hanging encoder hangs.
const HANG_TIME: Duration = Duration::from_secs(4);

fake!(closed, "nvh264enc", "x264enc", || Err(
    gst::StateChangeError
));
fake!(
    silent,
    "vah264enc",
    "x264enc ! identity drop-probability=1",
    || Ok(())
);
fake!(hanging, "vavp8lpenc", "vp8enc", || {
    std::thread::sleep(HANG_TIME);
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
fake!(closed_av1, "nvav1enc", "av1enc", || Err(
    gst::StateChangeError
));

fn init() {
    crate::common::init();
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        closed::register();
        silent::register();
        hanging::register();
        broken::register();
        working::register();
        closed_av1::register();
    });
}

/// Streams with this codec. Returns the name of the chosen encoder, and the time from PLAYING to the choice.
fn encoder_for(caps: &str, codec: Codec) -> (String, Duration) {
    init();
    let service = Service::with(|config| config.codecs = vec![codec]);
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o video-caps={caps} delay-seconds=0.1"),
    );
    let chosen = Arc::new(Mutex::new(None));
    let choice = chosen.clone();
    let start = Instant::now();
    pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let encoder = values[3].get::<gst::Element>().expect("an encoder");
            let name = encoder.factory().expect("it has one").name().to_string();
            *choice.lock().expect("no panic") = Some((name, start.elapsed()));
            Some(false.to_value())
        });
    pipeline.play();
    service.wait("decoded frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 5)
    });
    pipeline.stop();
    service.assert_all_deleted();
    let chosen = chosen.lock().expect("no panic").take();
    chosen.expect("encoder-setup was emitted")
}

#[test]
fn hardware_that_does_not_work_is_skipped() {
    let (encoder, elapsed) = encoder_for("video/x-h264", Codec::H264);
    assert_eq!(encoder, "x264enc");
    println!("with two broken encoders it took {elapsed:?}");
}

#[test]
fn hardware_that_hangs_delays_only_the_first_start_and_for_a_bounded_time() {
    let (encoder, elapsed) = encoder_for("video/x-vp8", Codec::Vp8);
    assert_eq!(encoder, "vp8enc");
    println!("with a hanging encoder it took {elapsed:?}");
    assert!(elapsed < HANG_TIME, "{elapsed:?}");
    let (encoder, elapsed) = encoder_for("video/x-vp8", Codec::Vp8);
    assert_eq!(encoder, "vp8enc");
    println!("the second time it took {elapsed:?}");
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn hardware_that_hangs_does_not_hold_up_the_element() {
    init();
    let service = Service::with(|config| config.codecs = vec![Codec::Vp8]);
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o video-caps=video/x-vp8"),
    );
    pipeline.play();
    service.wait("the stream", |seen| !seen.streams.is_empty());
    let elapsed = pipeline.stop();
    println!("stopped while an encoder hangs in {elapsed:?}");
    assert!(elapsed < Duration::from_millis(900), "{elapsed:?}");
    service.assert_all_deleted();
}

#[test]
fn hardware_that_works_is_preferred() {
    let (encoder, elapsed) = encoder_for("video/x-vp9", Codec::Vp9);
    assert_eq!(encoder, "qsvvp9enc");
    println!("with a working encoder it took {elapsed:?}");
}

#[test]
fn h265_works_too() {
    let (encoder, _) = encoder_for("video/x-h265", Codec::H265);
    assert_eq!(encoder, "x265enc");
}

#[test]
fn the_number_of_threads_depends_on_the_picture_size() {
    init();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for (size, requested, expected) in [
        ("width=320,height=180", None, 1),
        ("width=1280,height=720", None, if cores < 4 { 1 } else { 2 }),
        // The application sets the number.
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
        let choice = chosen.clone();
        pipeline
            .sink
            .connect("encoder-setup", false, move |values| {
                let encoder = values[3].get::<gst::Element>().expect("an encoder");
                if let Some(threads) = requested {
                    encoder.set_property("threads", threads);
                }
                *choice.lock().expect("no panic") = Some(encoder);
                Some(false.to_value())
            });
        pipeline.play();
        service.wait("a frame", |seen| {
            seen.streams.first().is_some_and(|s| !s.frames.is_empty())
        });
        let encoder = chosen.lock().expect("no panic").take().expect("chosen");
        assert_eq!(encoder.property::<u32>("threads"), expected, "{size}");
        pipeline.stop();
    }
}

/// Only an encoder that does not open could encode AV1 here.
#[test]
fn a_codec_without_a_working_encoder_is_not_offered() {
    init();
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{SOURCE} ! overshootsink name=o video-caps=video/x-av1"),
    );
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    assert!(service.control.snapshot().streams.is_empty());
}

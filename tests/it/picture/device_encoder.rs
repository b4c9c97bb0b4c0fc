// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Frames that stay in the memory of a device up to an encoder that reads it. The encoder is VP8's, in a bin that reads
//! textures only and has the name of a hardware encoder. OpenGL is Mesa's, as in `device_memory`.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{LazyLock, OnceLock};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::{BT601, BT709, Pixels, QUARTERS, Show, TIMEOUT, watching_service};
use crate::common::Service;

/// The name of a hardware encoder of VP8.
const NAME: &str = "vavp8enc";
const ENCODER: &str =
    "vp8enc deadline=1 cpu-used=-16 threads=1 target-bitrate=2000000 end-usage=cbr name=e";
/// What is inside the encoder. Each test has its own process.
static INSIDE: OnceLock<String> = OnceLock::new();

#[derive(Default)]
pub struct Imp;

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "TestTextureEncoder";
    type Type = TextureEncoder;
    type ParentType = gst::Bin;
}

glib::wrapper! {
    pub struct TextureEncoder(ObjectSubclass<Imp>) @extends gst::Bin, gst::Element, gst::Object;
}

impl ObjectImpl for Imp {
    fn constructed(&self) {
        self.parent_constructed();
        let inside = INSIDE.get().expect("set");
        let inside = gst::parse::bin_from_description(inside, true).expect("parsed");
        self.obj().add(&inside).expect("added");
        for template in Self::pad_templates() {
            let target = inside.static_pad(template.name_template()).expect("there");
            let pad = gst::GhostPad::builder_from_template_with_target(template, &target);
            self.obj()
                .add_pad(&pad.expect("fits").build())
                .expect("added");
        }
    }
}
impl GstObjectImpl for Imp {}
impl BinImpl for Imp {}
impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new("Textures", "Codec/Encoder/Hardware", "-", "-")
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<[gst::PadTemplate; 2]> = LazyLock::new(|| {
            let template = |name, direction, caps: &str| {
                let caps = caps.parse().expect("caps");
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("a template")
            };
            let textures = "video/x-raw(memory:GLMemory),format=I420";
            [
                template("sink", gst::PadDirection::Sink, textures),
                template("src", gst::PadDirection::Src, "video/x-vp8"),
            ]
        });
        &*TEMPLATES
    }
}

/// Registers an encoder with these elements in front of the real one.
fn register(before: &str) {
    crate::common::init();
    let inside = format!("{before} ! {ENCODER}");
    INSIDE.set(inside).expect("one encoder in each process");
    let rank = gst::Rank::PRIMARY + 100;
    gst::Element::register(None, NAME, rank, TextureEncoder::static_type()).expect("registered");
}

/// Shows textures to a service that asks for VP8. The encoders that the element uses are sent to the receiver.
fn show(api: &str, more: &str) -> (Service, Show, Receiver<gst::Element>) {
    let (service, seen) = watching_service(api);
    let line = format!("glupload ! overshootsink name=o mode=frame video-caps=video/x-vp8 {more}");
    let (sender, encoders) = channel();
    let show = Show::prepare(&service, seen, &line);
    show.pipeline
        .sink
        .connect("encoder-setup", false, move |values| {
            let encoder = values[3].get::<gst::Element>().expect("an encoder");
            sender.send(encoder).expect("the test runs");
            Some(false.to_value())
        });
    show.pipeline.play();
    (service, show, encoders)
}

fn name_of(element: &gst::Element) -> String {
    element.factory().expect("it has one").name().to_string()
}

/// Not scaled, scaled down, and turned: the colours are right at the remote peer, and nothing was downloaded on the way.
#[test]
fn textures_go_straight_to_an_encoder_that_reads_them() {
    register("gldownload");
    for api in ["v0.2", "v1"] {
        let (_service, show, encoders) = show(api, "");
        show.until(Pixels::Rgb, (320, 180), |seen| {
            seen.size == (320, 180) && seen.shows(QUARTERS)
        });
        show.until(BT709, (1920, 1080), |seen| {
            seen.size == (1280, 720) && seen.shows(QUARTERS)
        });
        show.tag(gst::TagScope::Stream, "rotate-90");
        show.until(BT601, (640, 360), |seen| {
            seen.size == (360, 640) && seen.shows([2, 0, 3, 1].map(|n: usize| QUARTERS[n]))
        });
        let encoder = encoders.recv_timeout(TIMEOUT).expect("an encoder");
        assert_eq!(name_of(&encoder), NAME);
        let pipeline = encoder.parent().and_downcast::<gst::Bin>().expect("a bin");
        let elements: Vec<_> = pipeline.iterate_elements().into_iter().flatten().collect();
        for element in elements {
            let name = name_of(&element);
            assert!(!name.contains("download") && !name.contains("videoconvert"));
        }
        assert!(
            show.pipeline.failures().is_empty(),
            "{:?}",
            show.pipeline.failures()
        );
        show.pipeline.stop();
    }
}

/// A driver that shows the model other colours is found out before it does.
#[test]
fn an_encoder_with_wrong_colours_is_not_used() {
    register("gldownload ! videobalance saturation=0.5");
    let (_service, show, encoders) = show("v0.2", "");
    show.until(BT709, (640, 360), |seen| seen.shows(QUARTERS));
    let encoder = encoders.recv_timeout(TIMEOUT).expect("an encoder");
    assert_eq!(name_of(&encoder), "vp8enc");
    show.pipeline.stop();
}

/// Interlaced frames are downloaded, because only system memory has an element that deinterlaces them well.
#[test]
fn interlaced_frames_take_the_other_way() {
    register("gldownload");
    let (_service, show, encoders) = show("v0.2", "");
    show.interlaced_until((640, 360), |seen| seen.shows(QUARTERS));
    let encoder = encoders.recv_timeout(TIMEOUT).expect("an encoder");
    assert_eq!(name_of(&encoder), "vp8enc");
    show.pipeline.stop();
}

/// Evidence needs the frames in system memory.
#[test]
fn frames_that_become_pictures_take_the_other_way() {
    register("gldownload");
    let (_service, show, encoders) = show("v0.2", "evidence=jpeg interval-seconds=0.2");
    show.until(BT601, (640, 360), |seen| seen.shows(QUARTERS));
    let encoder = encoders.recv_timeout(TIMEOUT).expect("an encoder");
    assert_eq!(name_of(&encoder), "vp8enc");
    let answer = show.pipeline.wait_for_element("overshoot-result", TIMEOUT);
    let picture = answer.get::<gst::Sample>("picture").expect("a picture");
    let caps = picture.caps().expect("caps").to_string();
    assert!(caps.starts_with("image/jpeg"), "{caps}");
    show.pipeline.stop();
}

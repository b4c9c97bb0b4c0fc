// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Encoded pictures that all stand alone, such as those of USB cameras: they are shown as they are, and only those that
//! are sent are decoded.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use gst::prelude::*;

use super::{BT709, FULL_BT601, Pixels, QUARTERS, Show, TIMEOUT, watching_service};
use crate::common::{Pipeline, Service};

/// A JPEG has full range and BT.601 (JFIF).
const JPEG: &str =
    "videoconvert ! video/x-raw,format=I420,colorimetry=1:4:0:0 ! jpegenc quality=95";
const PRORES: &str = "videoconvert ! avenc_prores_ks";
const DNXHD: &str = "videoconvert ! video/x-raw,format=Y42B ! avenc_dnxhd bitrate=36000000";

#[test]
fn their_colours_are_kept() {
    for (encoder, pixels, size, codec) in [
        (JPEG, FULL_BT601, (320, 180), "video/x-h264"),
        (JPEG, FULL_BT601, (1280, 720), "video/x-vp8"),
        (JPEG, Pixels::Gray, (1280, 720), "video/x-h264"),
        (PRORES, BT709, (1280, 720), "video/x-h264"),
        (DNXHD, BT709, (1920, 1080), "video/x-h264"),
    ] {
        println!("{encoder} {pixels:?}");
        let (service, seen) = watching_service("v0.2");
        let show = Show::start(
            &service,
            seen,
            &format!("{encoder} ! overshootsink name=o mode=frame video-caps={codec}"),
        );
        let quarters = match pixels {
            Pixels::Gray => super::colour::GRAY,
            _ => QUARTERS,
        };
        show.until(pixels, size, |seen| seen.shows(quarters));
        let failures = show.pipeline.failures();
        assert!(failures.is_empty(), "{failures:?}");
        show.pipeline.stop();
    }
}

#[test]
fn only_those_that_are_sent_are_decoded() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true pattern=red ! video/x-raw,width=640,height=480,framerate=30/1 ! jpegenc \
         ! overshootsink name=o target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5",
    );
    pipeline.play();
    service.wait("six answers", |_| pipeline.results().len() >= 6);
    let stats: gst::Structure = pipeline.sink.property("stats");
    let count = |name: &str| stats.get::<u64>(name).expect("a count");
    let (arrived, encoded) = (count("frames-in"), count("frames-encoded"));
    println!("{encoded} of {arrived} pictures were decoded");
    // The decoder is in the encoding chain. In front of it, there is none.
    let bin = pipeline.sink.downcast_ref::<gst::Bin>().expect("a bin");
    assert_eq!(bin.iterate_elements().into_iter().count(), 1);
    // 7.5 of 30 a second, and the first ones, until the rate is known.
    assert!(
        encoded > 0 && encoded * 3 < arrived,
        "{encoded} of {arrived}"
    );
    let dropped = ["rate", "unconnected", "busy"];
    let dropped = dropped.map(|why| count(&format!("frames-dropped-{why}")));
    // One may wait for the decoder, or be in it.
    let known = encoded + dropped.iter().sum::<u64>();
    assert!(known.abs_diff(arrived) <= 2, "{stats}");
    let answer = pipeline.results().pop().expect("an answer");
    let answer: String = answer.structure.get("result").expect("a text");
    assert!(
        answer.contains("640x480") && answer.contains("red"),
        "{answer}"
    );
    pipeline.stop();
}

/// As a network camera sends them (multipart/x-mixed-replace): the caps have neither size nor rate.
#[test]
fn pictures_of_a_network_camera_are_shown() {
    let (service, _seen) = watching_service("v1");
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true pattern=green ! video/x-raw,width=320,height=240,framerate=15/1 ! jpegenc \
         ! multipartmux boundary=frame ! multipartdemux boundary=frame ! overshootsink name=o interval-seconds=0.3",
    );
    pipeline.play();
    let answer = pipeline.wait_for_element("overshoot-result", TIMEOUT);
    let answer: String = answer.get("result").expect("a text");
    assert!(
        answer.contains("320x240") && answer.contains("green"),
        "{answer}"
    );
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
}

/// A source that changes from raw video to pictures and back.
#[test]
fn the_format_can_change() {
    let (service, seen) = watching_service("v0.2");
    let show = Show::start(
        &service,
        seen,
        "tee name=t ! queue ! sel.sink_0 \
         t. ! queue ! videoconvert ! video/x-raw,format=I420 ! jpegenc quality=95 ! sel.sink_1 \
         input-selector name=sel sync-streams=false ! overshootsink name=o mode=frame",
    );
    let selector = show.pipeline.pipeline.by_name("sel").expect("the selector");
    for pad in ["sink_0", "sink_1", "sink_0"] {
        selector.set_property("active-pad", selector.static_pad(pad));
        let pixels = FULL_BT601;
        // Pictures of before are not taken for new ones.
        std::thread::sleep(Duration::from_millis(500));
        show.seen.try_iter().for_each(drop);
        show.until(pixels, (320, 180), |seen| seen.shows(QUARTERS));
    }
    let fatal = show.pipeline.failures();
    assert!(fatal.iter().all(|failure| !failure.fatal), "{fatal:?}");
    show.pipeline.stop();
    service.assert_all_deleted();
}

/// Pictures that have a beginning and an end, and nonsense between them.
#[test]
fn nonsense_in_a_picture_costs_no_stream() {
    let (hd, full_hd) = ((1280, 720), (1920, 1080));
    for (encoder, size) in [(JPEG, hd), (PRORES, hd), (DNXHD, full_hd)] {
        println!("{encoder}");
        let (service, seen) = watching_service("v0.2");
        let show = Show::start(
            &service,
            seen,
            &format!("{encoder} ! identity name=spoil ! overshootsink name=o interval-seconds=0.2"),
        );
        let count = AtomicU64::new(0);
        let spoil = show.pipeline.pipeline.by_name("spoil");
        let pad = spoil.and_then(|spoil| spoil.static_pad("src"));
        let pad = pad.expect("a pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                && count.fetch_add(1, SeqCst) % 7 == 6
            {
                let mut data = buffer.make_mut().map_writable().expect("memory");
                let middle = data.len() / 4..data.len() - 64;
                data[middle].fill(0x5a);
            }
            gst::PadProbeReturn::Ok
        });
        show.until(FULL_BT601, size, |seen| seen.shows(QUARTERS));
        let answers = show.pipeline.results().len();
        while show.pipeline.results().len() < answers + 10 {
            show.until(FULL_BT601, size, |_| true);
        }
        show.until(FULL_BT601, size, |seen| seen.shows(QUARTERS));
        let failures = show.pipeline.failures();
        assert!(failures.is_empty(), "{encoder}: {failures:?}");
        assert_eq!(service.control.snapshot().streams.len(), 1);
        show.pipeline.stop();
    }
}

#[test]
fn a_missing_decoder_is_named_before_anything_is_billed() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 ! jpegenc \
         ! overshootsink name=o",
    );
    let decoder = gst::ElementFactory::find("jpegdec").expect("it is installed");
    gst::Registry::get().remove_feature(&decoder);
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, TIMEOUT);
    for text in [
        "image/jpeg",
        "jpegdec is missing",
        "gstreamer1.0-plugins-good",
    ] {
        assert!(failure.text.contains(text), "{failure:?}");
    }
    pipeline.stop();
    assert_eq!(service.control.snapshot().streams.len(), 0);
}

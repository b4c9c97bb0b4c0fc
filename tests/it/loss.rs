// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Packet loss: lost packets are sent again, and the bitrate follows the network.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::Codec;

/// Streams for 5 s over a line that loses every 25th packet. Without retransmission, 0 to 6 frames would be decoded
/// and 12 key frames requested without effect.
fn over_a_lossy_line(codec: Codec, caps: &str) {
    let service = Service::with(|config| {
        config.lose_every = 25;
        config.codecs = vec![codec];
    });
    // The picture is noise, so that a frame needs many packets.
    let pipeline = Pipeline::new(
        &service,
        &format!(
            "videotestsrc is-live=true num-buffers=150 pattern=snow \
             ! video/x-raw,width=320,height=240,framerate=30/1 \
             ! overshootsink name=o {caps} delay-seconds=1"
        ),
    );
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    let stream = service.stream();
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    let encoded = stats.get::<u64>("frames-encoded").expect("counted");
    println!(
        "{codec}: {} of {} packets lost, {} of {encoded} frames decoded, {} key frames requested",
        stream.packets_lost,
        stream.packets,
        stream.frames.len(),
        stream.keyframe_requests
    );
    assert_eq!(stream.codec, Some(codec));
    assert!(stream.packets_lost > 20, "{} lost", stream.packets_lost);
    // The last frame may be lost, because no later packet shows the loss.
    assert!(
        encoded > 100 && stream.frames.len() as u64 + 2 >= encoded,
        "{stats}"
    );
    // The remote peer requests the first key frame, and hardly any more.
    assert!(
        stream.keyframe_requests <= 2,
        "{}",
        stream.keyframe_requests
    );
    service.assert_all_deleted();
}

#[test]
fn vp8_survives_loss() {
    over_a_lossy_line(Codec::Vp8, "");
}

/// H.264 is the second codec of the offer.
#[test]
fn h264_survives_loss() {
    over_a_lossy_line(Codec::H264, "");
}

#[test]
fn h264_alone_survives_loss() {
    over_a_lossy_line(Codec::H264, "video-caps=video/x-h264");
}

/// This needs `rtpgccbwe` of the crate gst-plugin-rtp. Debian 12 does not have it; there the bitrate stays the same.
#[test]
fn the_bitrate_follows_the_network() {
    crate::common::init();
    let controlled = gst::ElementFactory::find("rtpgccbwe").is_some();
    let service = Service::with(|config| config.bandwidth = 1_000_000);
    let pipeline = Pipeline::new(
        &service,
        // A real video can be encoded at a low bitrate, noise cannot.
        &format!(
            "filesrc location={} ! decodebin ! videoscale ! video/x-raw,width=640,height=360 \
             ! overshootsink name=o delay-seconds=1 bitrate=3000000",
            crate::common::video("bikes.mp4").display()
        ),
    );
    pipeline.play();
    let stats = || pipeline.sink.property::<gst::Structure>("stats");
    let target = || stats().get::<u32>("bitrate-target").unwrap_or(u32::MAX);
    let deadline = Instant::now() + Duration::from_secs(10);
    while controlled && target() > 1_000_000 {
        assert!(Instant::now() < deadline, "{}", stats());
        std::thread::sleep(Duration::from_millis(20));
    }
    pipeline.wait_for_eos(Duration::from_secs(30));
    let stream = service.stream();
    println!(
        "{}: {} of {} packets lost, {} frames decoded; {}",
        if controlled {
            "controlled"
        } else {
            "not controlled"
        },
        stream.packets_lost,
        stream.packets,
        stream.frames.len(),
        stats()
    );
    match controlled {
        // The video has 250 frames. Without control, a tenth of them would be decoded.
        true => assert!(stream.frames.len() > 125, "{}", stream.frames.len()),
        false => assert_eq!(target(), 3_000_000),
    }
}

#[test]
fn the_bitrate_never_exceeds_the_property() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true pattern=snow num-buffers=90 \
         ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o delay-seconds=1 bitrate=400000",
    );
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.sink.set_property("bitrate", 200_000u32);
    let stats = || pipeline.sink.property::<gst::Structure>("stats");
    let target = || stats().get::<u32>("bitrate-target").unwrap_or(u32::MAX);
    let deadline = Instant::now() + Duration::from_secs(10);
    while target() > 200_000 {
        assert!(Instant::now() < deadline, "{}", stats());
        std::thread::sleep(Duration::from_millis(20));
    }
    pipeline.wait_for_eos(Duration::from_secs(20));
    assert!(target() <= 200_000, "{}", stats());
}

//! Packets that are lost on the way are sent again.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::Codec;

/// Streams 5 s over a line that loses every 25th packet. Without retransmission 0 to 6 frames are
/// decoded, and 12 key frames asked for in vain.
fn over_a_lossy_line(codec: Codec, caps: &str) {
    let service = Service::with(|config| {
        config.lose_every = 25;
        config.codecs = vec![codec];
    });
    // Noise, so that a frame takes many packets.
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
        "{codec}: {} of {} packets lost, {} of {encoded} frames decoded, {} key frames asked for",
        stream.packets_lost,
        stream.packets,
        stream.frames.len(),
        stream.keyframe_requests
    );
    assert_eq!(stream.codec, Some(codec));
    assert!(stream.packets_lost > 20, "{} lost", stream.packets_lost);
    // The last one may be lost without a packet after it that tells.
    assert!(
        encoded > 100 && stream.frames.len() as u64 + 2 >= encoded,
        "{stats}"
    );
    // The first one, without which nothing can be decoded, and hardly any more.
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

/// The second codec of the offer.
#[test]
fn h264_survives_loss() {
    over_a_lossy_line(Codec::H264, "");
}

#[test]
fn h264_alone_survives_loss() {
    over_a_lossy_line(Codec::H264, "video-caps=video/x-h264");
}

/// Where `rtpgccbwe` is installed, of the crate gst-plugin-rtp; Debian 12 lacks it, and there the
/// bitrate stays as it is.
#[test]
fn the_bitrate_follows_the_network() {
    crate::common::init();
    let controlled = gst::ElementFactory::find("rtpgccbwe").is_some();
    let service = Service::with(|config| config.bandwidth = 1_000_000);
    let pipeline = Pipeline::new(
        &service,
        // Noise can't be encoded at a low bitrate, a real video can.
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
            "as it comes"
        },
        stream.packets_lost,
        stream.packets,
        stream.frames.len(),
        stats()
    );
    match controlled {
        // Of 250; without control it is a tenth of them.
        true => assert!(stream.frames.len() > 125, "{}", stream.frames.len()),
        false => assert_eq!(target(), 3_000_000),
    }
}

#[test]
fn the_network_never_raises_the_bitrate_above_what_is_allowed() {
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

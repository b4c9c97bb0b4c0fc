// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests of the feeder without a connection: the chain is an appsrc alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chain_input::ChainInput;
use super::feeder::Feeder;
use super::rate_limit::Limit;
use crate::sink::codec::video_codec::Codec;

fn feeder(live: bool) -> Feeder {
    gst::init().expect("GStreamer");
    let feeder = Feeder::new(Limit::Rate(gst::Fraction::new(0, 1)), None);
    feeder.set_live(live);
    feeder
}

fn chain(codec: Option<Codec>) -> ChainInput {
    let appsrc = gst_app::AppSrc::builder().max_bytes(0).build();
    ChainInput {
        appsrc,
        codec,
        encoded_frames: Arc::default(),
        key_wanted: Arc::default(),
        stamps: Arc::default(),
    }
}

/// Pushes one frame of this many bytes.
fn push(feeder: &Feeder, caps: &str, size: usize, key: bool) {
    let mut buffer = gst::Buffer::with_size(size).expect("memory");
    if !key {
        buffer.make_mut().set_flags(gst::BufferFlags::DELTA_UNIT);
    }
    let caps = caps.parse::<gst::Caps>().expect("caps");
    let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
    feeder.push_frame(sample, None, None);
}

const H264: &str = "video/x-h264,stream-format=byte-stream,alignment=au";

#[test]
fn a_large_backlog_does_not_hold_up_the_caller() {
    let feeder = feeder(true);
    // 2 MB take 0.8 s to send.
    (0..20).for_each(|n| push(&feeder, H264, 100_000, n == 0));
    let chain = chain(Some(Codec::H264));
    let start = Instant::now();
    feeder.attach(&chain);
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_millis(100), "{elapsed:?}");
    assert_eq!(chain.appsrc.current_level_buffers(), 20);
    // Frames that come while the backlog waits are sent behind it.
    push(&feeder, H264, 1_000, false);
    assert_eq!(chain.appsrc.current_level_buffers(), 21);
}

#[test]
fn a_long_backlog_does_not_count_as_an_overload() {
    let feeder = feeder(true);
    (0..200).for_each(|n| push(&feeder, H264, 1_000, n == 0));
    let chain = chain(Some(Codec::H264));
    feeder.attach(&chain);
    (0..50).for_each(|_| push(&feeder, H264, 1_000, false));
    assert_eq!(chain.appsrc.current_level_buffers(), 250);
    // These are too many.
    (0..50).for_each(|_| push(&feeder, H264, 1_000, false));
    assert_eq!(chain.appsrc.current_level_buffers(), 261);
}

#[test]
fn a_new_connection_begins_with_the_last_key_frame() {
    for live in [false, true] {
        let feeder = feeder(live);
        feeder.attach(&chain(Some(Codec::H264)));
        [true, false, true, false, false]
            .into_iter()
            .for_each(|key| push(&feeder, H264, 1_000, key));
        for connection in 1..=2 {
            feeder.detach();
            let next = chain(Some(Codec::H264));
            feeder.attach(&next);
            push(&feeder, H264, 1_000, false);
            // The second key frame and all frames after it.
            let queued = next.appsrc.current_level_buffers();
            assert_eq!(queued, 3 + connection, "live {live}");
        }
    }
}

#[test]
fn a_raw_frame_without_a_connection_is_kept() {
    for live in [true, false] {
        let feeder = feeder(live);
        push(&feeder, "video/x-raw,format=I420", 100, true);
        let chain = chain(None);
        feeder.attach(&chain);
        assert_eq!(chain.appsrc.current_level_buffers(), 1, "live {live}");
    }
}

#[test]
fn a_chain_that_is_replaced_gets_frames_until_it_is_released() {
    for (caps, codec) in [("video/x-raw,format=I420", None), (H264, Some(Codec::H264))] {
        let feeder = feeder(true);
        let (old, new) = (chain(codec), chain(codec));
        let queued = || [&old, &new].map(|chain| chain.appsrc.current_level_buffers());
        let push = |count| (0..count).for_each(|n| push(&feeder, caps, 100, n == 0));
        // A live chain keeps the newest raw frames only; how many is not what is tested here.
        for chain in [&old, &new] {
            chain.appsrc.set_max_buffers(100);
        }
        feeder.attach(&old);
        push(2);
        feeder.attach(&new);
        // Encoded video begins with its last key frame.
        let cached = if codec.is_some() { 2 } else { 0 };
        assert_eq!(queued(), [2, cached], "{caps}");
        push(3);
        assert_eq!(queued(), [5, cached + 3], "{caps}");
        feeder.release_outgoing();
        push(1);
        assert_eq!(queued()[1], cached + 4, "{caps}");
        // Now the newer one fails: the older one is the only one again.
        let third = chain(codec);
        feeder.attach(&third);
        feeder.restore_outgoing();
        push(1);
        assert_eq!(queued()[1], cached + 5, "{caps}");
        feeder.detach();
    }
}

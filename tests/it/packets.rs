// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The packets of a frame reach the network together: libnice makes a system call for each push, not for each packet.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::common::{Pipeline, Service, init};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

/// Pushes of video to libnice, and the packets in them.
static PUSHES: AtomicUsize = AtomicUsize::new(0);
static PACKETS: AtomicUsize = AtomicUsize::new(0);

const FRAMES: usize = 90;

/// Streams video that is not live, and returns how many pushes there were for each frame.
fn pushes_per_frame(source: &str) -> f64 {
    init();
    glib::Object::new::<NetworkPushes>();
    let service = Service::start();
    let line = format!(
        "videotestsrc num-buffers={FRAMES} pattern=snow \
         ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! {source} ! overshootsink name=o"
    );
    let pipeline = Pipeline::new(&service, &line);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    let stream = service.stream();
    let (pushes, packets) = (PUSHES.load(Relaxed), PACKETS.load(Relaxed));
    println!(
        "{source}: {packets} packets in {pushes} pushes, {} received, {} of {FRAMES} frames decoded",
        stream.packets,
        stream.frames.len()
    );
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    assert_eq!(stream.frames.len(), FRAMES);
    // Otherwise nothing could be joined.
    assert!(packets > 3 * FRAMES, "{packets} packets");
    assert_eq!(stream.packets, packets as u64);
    pushes as f64 / FRAMES as f64
}

/// The first push after new caps also takes the caps along, and a very large frame is sent in parts.
const ONE_EACH: f64 = 1.1;

/// Each frame has an access unit delimiter, SEI, and several slices.
#[test]
fn a_frame_of_several_nal_units_is_one_push() {
    let encoder = "x264enc tune=zerolatency speed-preset=ultrafast threads=4 sliced-threads=true bitrate=2000 \
        key-int-max=30 ! video/x-h264,profile=constrained-baseline";
    let pushes = pushes_per_frame(encoder);
    assert!(pushes <= ONE_EACH, "{pushes}");
}

#[test]
fn vp8_that_is_encoded_here_is_one_push_a_frame() {
    let pushes = pushes_per_frame("identity");
    assert!(pushes <= ONE_EACH, "{pushes}");
}

/// A key frame a second, of up to 0.8 MB. All of it at once overflows the socket of the remote peer: of 0.6 MB, not one
/// frame was decoded.
#[test]
fn large_key_frames_arrive_whole() {
    for quantizer in [45, 34, 28] {
        let service = Service::start();
        let line = format!(
            "videotestsrc num-buffers=1 pattern=snow ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 \
             ! imagefreeze num-buffers={FRAMES} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 \
             pass=quant quantizer={quantizer} ! video/x-h264,profile=constrained-baseline ! overshootsink name=o"
        );
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(30));
        let stream = service.stream();
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        let sent: u64 = stats.get("packets-sent").expect("counted");
        println!(
            "{} kB a second: {sent} packets sent, {} received, {} of {FRAMES} frames decoded",
            stream.bytes / 3000,
            stream.packets,
            stream.frames.len()
        );
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        // On a busy machine, the remote peer may read too late for one of the key frames.
        assert!(
            stream.frames.len() >= FRAMES - 30,
            "{}",
            stream.frames.len()
        );
    }
}

glib::wrapper! {
    pub struct NetworkPushes(ObjectSubclass<Counting>) @extends gst::Tracer, gst::Object;
}

/// A tracer that counts what is pushed into `nicesink`.
#[derive(Default)]
pub struct Counting;

#[glib::object_subclass]
impl ObjectSubclass for Counting {
    const NAME: &'static str = "NetworkPushes";
    type Type = NetworkPushes;
    type ParentType = gst::Tracer;
}

impl ObjectImpl for Counting {
    fn constructed(&self) {
        self.parent_constructed();
        self.register_hook(TracerHook::PadPushPre);
        self.register_hook(TracerHook::PadPushListPre);
    }
}

impl GstObjectImpl for Counting {}

impl TracerImpl for Counting {
    fn pad_push_pre(&self, _ts: u64, pad: &gst::Pad, packet: &gst::Buffer) {
        if leads_to_network(pad) && is_video(packet) {
            PUSHES.fetch_add(1, Relaxed);
            PACKETS.fetch_add(1, Relaxed);
        }
    }

    fn pad_push_list_pre(&self, _ts: u64, pad: &gst::Pad, packets: &gst::BufferList) {
        let video = packets.iter().filter(|packet| is_video(packet)).count();
        if video > 0 && leads_to_network(pad) {
            PUSHES.fetch_add(1, Relaxed);
            PACKETS.fetch_add(video, Relaxed);
        }
    }
}

fn leads_to_network(pad: &gst::Pad) -> bool {
    pad.peer()
        .and_then(|peer| peer.parent_element())
        .and_then(|element| element.factory())
        .is_some_and(|factory| factory.name() == "nicesink")
}

/// Whether it is RTP: neither RTCP nor DTLS (RFC 5761, 4, and RFC 7983, 7).
fn is_video(packet: &gst::BufferRef) -> bool {
    let packet = packet.map_readable().expect("readable");
    matches!(packet[..], [128..=191, kind, ..] if !(64..96).contains(&(kind & 0x7f)))
}

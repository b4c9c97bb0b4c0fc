// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Frames in the memory of a device. OpenGL is Mesa's, which needs no GPU; `tests/run.sh` selects it.

use gst::prelude::*;
use gst_allocators::prelude::*;

use super::{BT601, Pixels, QUARTERS, Show, TIMEOUT, watching_service};
use crate::common::{Pipeline, Service};

/// The colours of the quarters, named by their number before the turn.
fn quarters(order: [usize; 4]) -> [[u8; 3]; 4] {
    order.map(|n| QUARTERS[n])
}

/// Without scaling, scaled down, and turned. glupload only has textures to offer.
#[test]
fn textures_are_seen_in_their_size_and_colours() {
    for (api, codec) in [("v0.2", "video/x-vp8"), ("v1", "video/x-h264")] {
        let (service, seen) = watching_service(api);
        let line = format!("glupload ! overshootsink name=o mode=frame video-caps={codec}");
        let show = Show::start(&service, seen, &line);
        show.until(Pixels::Rgb, (320, 180), |seen| {
            seen.size == (320, 180) && seen.shows(QUARTERS)
        });
        show.until(BT601, (1920, 1080), |seen| {
            seen.size == (1280, 720) && seen.shows(QUARTERS)
        });
        show.tag(gst::TagScope::Stream, "rotate-90");
        show.until(BT601, (640, 360), |seen| {
            seen.size == (360, 640) && seen.shows(quarters([2, 0, 3, 1]))
        });
        let pad = show.pipeline.sink.static_pad("sink").expect("a pad");
        let caps = pad.current_caps().expect("caps");
        assert!(caps.to_string().contains("memory:GLMemory"), "{caps}");
        assert!(
            show.pipeline.failures().is_empty(),
            "{:?}",
            show.pipeline.failures()
        );
        show.pipeline.stop();
    }
}

/// A source and a filter that draw with OpenGL: the element uses their context.
#[test]
fn a_pipeline_of_opengl_elements_is_asked_about() {
    let (service, seen) = watching_service("v0.2");
    let pipeline = Pipeline::new(
        &service,
        "gltestsrc is-live=true pattern=red ! glvideoflip method=clockwise ! overshootsink name=o mode=frame",
    );
    pipeline.play();
    let answer = pipeline.wait_for_element("overshoot-result", TIMEOUT);
    let pictures: Vec<_> = seen.try_iter().collect();
    let red = pictures
        .iter()
        .any(|picture| picture.shows([[255, 0, 0]; 4]));
    assert!(red, "{pictures:?} {answer}");
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
}

/// A memfd stands for the buffer of a driver: it is mapped in the same way.
#[test]
fn linear_dmabufs_are_seen() {
    let (service, seen) = watching_service("v0.2");
    let show = Show::start(
        &service,
        seen,
        "identity name=dma ! overshootsink name=o mode=frame",
    );
    let pad = say_memory(&show.pipeline, "dma", "memory:DMABuf");
    let allocator = gst_allocators::DmaBufAllocator::new();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let data = buffer.map_readable().expect("readable").to_vec();
            let buffer = buffer.make_mut();
            buffer.remove_all_memory();
            buffer.append_memory(dmabuf(&allocator, &data));
        }
        gst::PadProbeReturn::Ok
    });
    for size in [(320, 180), (1920, 1080)] {
        let wanted = (size.0.min(1280), size.1.min(720));
        show.until(BT601, size, |seen| {
            seen.size == (wanted.0 as u32, wanted.1 as u32) && seen.shows(QUARTERS)
        });
    }
    assert!(
        show.pipeline.failures().is_empty(),
        "{:?}",
        show.pipeline.failures()
    );
    show.pipeline.stop();
}

#[allow(unsafe_code)]
fn dmabuf(allocator: &gst_allocators::DmaBufAllocator, data: &[u8]) -> gst::Memory {
    let file = rustix::fs::memfd_create("frame", rustix::fs::MemfdFlags::CLOEXEC).expect("a memfd");
    rustix::io::write(&file, data).expect("written");
    // SAFETY: the allocator becomes the owner of an open descriptor.
    unsafe { allocator.alloc_dmabuf(file, data.len()) }.expect("memory")
}

/// Nothing that downloads it is installed: the message names what is missing.
#[test]
fn memory_that_nothing_reads_is_named_before_anything_is_billed() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 ! identity name=nv \
         ! overshootsink name=o",
    );
    say_memory(&pipeline, "nv", "memory:NVMM");
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, TIMEOUT);
    for text in ["memory:NVMM", "nvvidconv", "nvidia-l4t-gstreamer"] {
        assert!(failure.text.contains(text), "{failure:?}");
    }
    pipeline.stop();
    assert_eq!(service.control.snapshot().streams.len(), 0);
}

/// A decoder that can also output system memory does so if nothing reads the memory of its device.
#[test]
fn memory_that_nothing_reads_is_not_asked_for() {
    crate::common::init();
    let element = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("made");
    let pad = element.static_pad("sink").expect("a pad");
    let caps = |text: &str| text.parse::<gst::Caps>().expect("caps");
    let both = caps("video/x-raw(memory:NVMM),format=NV12; video/x-raw,format=NV12");
    assert_eq!(pad.query_caps(Some(&both)), caps("video/x-raw,format=NV12"));
    let only = caps("video/x-raw(memory:NVMM),format=NV12");
    assert_eq!(pad.query_caps(Some(&only)), only);
    let textures = caps("video/x-raw(memory:GLMemory),format=RGBA; video/x-raw,format=RGBA");
    assert_eq!(pad.query_caps(Some(&textures)), textures);
}

/// Behind this element, the caps name this memory.
fn say_memory(pipeline: &Pipeline, element: &str, feature: &'static str) -> gst::Pad {
    let element = pipeline.pipeline.by_name(element).expect("it is there");
    let pad = element.static_pad("src").expect("a pad");
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && let gst::EventView::Caps(caps) = event.view()
        {
            let mut caps = caps.caps_owned();
            let features = gst::CapsFeatures::new([feature]);
            caps.make_mut().set_features_simple(Some(features));
            *event = gst::event::Caps::new(&caps);
        }
        gst::PadProbeReturn::Ok
    });
    pad
}

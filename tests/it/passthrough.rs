// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Encoded input: it is passed through if WebRTC can carry it, and otherwise encoded again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::common::{Camera, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Codec, Fault, Times};

/// The number of frames of [`SOURCE`].
const FRAME_COUNT: usize = 60;

/// Moving video that is not live, so that every frame must arrive.
const SOURCE: &str = "videotestsrc num-buffers=60 pattern=ball \
    ! video/x-raw,format=I420,width=640,height=360,framerate=30/1";

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30";

/// Plays a launch line to its end.
fn run(service: &Service, line: &str) -> Pipeline {
    let pipeline = Pipeline::new(service, line);
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(30));
    pipeline.stop();
    pipeline
}

/// The number of frames that the element has encoded.
fn encoded_frames(pipeline: &Pipeline) -> u64 {
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    stats.get("frames-encoded").expect("counted")
}

#[test]
fn video_that_webrtc_can_carry_is_passed_through() {
    for (encoder, codec) in [
        (format!("{H264} ! video/x-h264,profile=constrained-baseline"), Codec::H264),
        (format!("{H264} cabac=true ! video/x-h264,profile=main"), Codec::H264),
        (format!("{H264} dct8x8=true ! video/x-h264,profile=high,stream-format=avc"), Codec::H264),
        (
            format!("{H264} ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=nal"),
            Codec::H264,
        ),
        ("openh264enc".to_owned(), Codec::H264),
        ("vp8enc deadline=1 keyframe-max-dist=30".to_owned(), Codec::Vp8),
        ("vp9enc deadline=1 keyframe-max-dist=30 cpu-used=8".to_owned(), Codec::Vp9),
        ("x265enc tune=zerolatency speed-preset=ultrafast key-int-max=30 ! video/x-h265,profile=main".to_owned(), Codec::H265),
    ] {
        let service = Service::start();
        let pipeline = run(
            &service,
            &format!("{SOURCE} ! {encoder} ! overshootsink name=o"),
        );
        let stream = service.stream();
        println!("{encoder}: {} of {FRAME_COUNT} frames", stream.frames.len());
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        assert_eq!(stream.codec, Some(codec), "{encoder}");
        assert_eq!(stream.frames.len(), FRAME_COUNT, "{encoder}");
        assert_eq!(encoded_frames(&pipeline), 0, "{encoder}");
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        for cause in ["rate", "unconnected", "busy", "undecodable"] {
            let field = format!("frames-dropped-{cause}");
            assert_eq!(stats.get::<u64>(&field), Ok(0), "{encoder}: {stats}");
        }
        assert!(!pipeline.results().is_empty(), "{encoder}");
        service.assert_all_deleted();
    }
}

#[test]
fn video_that_webrtc_cannot_carry_is_encoded_again() {
    for (encoder, settings, reason) in [
        (
            "x264enc bframes=2 b-adapt=false key-int-max=30 ! video/x-h264,profile=high",
            "",
            "B-frames",
        ),
        (
            "videoconvert ! video/x-raw,format=Y42B ! x264enc tune=zerolatency",
            "",
            "4:2:2",
        ),
        (
            "videoconvert ! video/x-raw,format=I420_10LE ! x264enc tune=zerolatency",
            "",
            "10 bits",
        ),
        (
            "capssetter caps=video/x-raw,interlace-mode=interleaved,field-order=top-field-first ! x264enc tune=zerolatency interlaced=true",
            "",
            "interlaced",
        ),
        (H264, "max-width=320", "640 pixels wide"),
        (H264, "video-caps=video/x-vp8", "video-caps"),
        (
            "x265enc tune=zerolatency ! video/x-h265,profile=main-10",
            "",
            "main-10",
        ),
    ] {
        let service = Service::start();
        let pipeline = run(
            &service,
            &format!("{SOURCE} ! {encoder} ! overshootsink name=o {settings}"),
        );
        let stream = service.stream();
        let failures = pipeline.failures();
        println!(
            "{encoder}: {} of {FRAME_COUNT} frames, {failures:?}",
            stream.frames.len()
        );
        assert_eq!(failures.len(), 1, "{encoder}: {failures:?}");
        assert!(
            !failures[0].fatal && failures[0].text.contains(reason),
            "{failures:?}"
        );
        assert_eq!(stream.frames.len(), FRAME_COUNT, "{encoder}");
        assert_eq!(encoded_frames(&pipeline), FRAME_COUNT as u64, "{encoder}");
    }
}

/// Half of the frames are B-frames to which no other frame refers. At six frames per second the others suffice.
#[test]
fn frames_that_nobody_needs_are_not_decoded() {
    const COUNT: usize = 120;
    for (encoder, limit, most_decoded) in [
        (B_FRAMES_H264, "target-fps=6", COUNT * 6 / 10),
        (B_FRAMES_H265, "target-fps=6", COUNT * 6 / 10),
        // Only key frames, of a size that must be scaled: none of those that are not sent is decoded after the first 30.
        (
            "x264enc tune=zerolatency key-int-max=1",
            "target-fps=6 max-width=160",
            75,
        ),
        // All frames are sent, so all must be decoded.
        (B_FRAMES_H264, "max-framerate=60/1", COUNT),
    ] {
        let service = Service::start();
        let line = format!(
            "videotestsrc num-buffers={COUNT} pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=30/1 \
             ! {encoder} ! overshootsink name=o delay-seconds=1 clip-length-seconds=1 {limit}"
        );
        let pipeline = Pipeline::new(&service, &line);
        let decoded = Arc::new(AtomicU32::new(0));
        let count = decoded.clone();
        let bin = pipeline.sink.downcast_ref::<gst::Bin>().expect("a bin");
        bin.connect_element_added(move |_, element| {
            let is_decoder = element
                .factory()
                .is_some_and(|f| f.has_type(gst::ElementFactoryType::DECODER));
            if is_decoder {
                let pad = element.static_pad("sink").expect("a decoder has one");
                let count = count.clone();
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                    count.fetch_add(1, Relaxed);
                    gst::PadProbeReturn::Ok
                });
            }
        });
        pipeline.play();
        pipeline.wait_for_eos(Duration::from_secs(30));
        let stream = service.stream();
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        let decoded = decoded.load(Relaxed) as usize;
        println!(
            "{encoder}, {limit}: {decoded} of {COUNT} decoded, {} received; {stats}",
            stream.frames.len()
        );
        assert!((50..=most_decoded).contains(&decoded), "{decoded}");
        assert_eq!(stats.get::<u64>("frames-in"), Ok(COUNT as u64), "{stats}");
        // 4 s of video.
        match limit.starts_with("target-fps") {
            true => assert!((24..=45).contains(&stream.frames.len())),
            false => assert_eq!((decoded, stream.frames.len()), (COUNT, COUNT)),
        }
    }
}

const B_FRAMES_H264: &str = "x264enc bframes=3 b-adapt=false b-pyramid=true key-int-max=30 rc-lookahead=4 \
    ! video/x-h264,profile=high";
const B_FRAMES_H265: &str = "x265enc speed-preset=ultrafast key-int-max=30 \
    option-string=bframes=3:b-adapt=0:b-pyramid=1 ! video/x-h265,profile=main";

#[test]
fn a_profile_that_the_sdp_answer_rejects_is_encoded_again() {
    for source in ["is-live=false", "is-live=true"] {
        let service = Service::with(|config| config.h264_baseline_only = true);
        let pipeline = run(
            &service,
            &format!(
                "videotestsrc num-buffers=60 {source} ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 \
                 ! {H264} dct8x8=true ! video/x-h264,profile=high ! overshootsink name=o"
            ),
        );
        let stream = service.stream();
        let failures = pipeline.failures();
        println!(
            "{source}: {} of {FRAME_COUNT} frames, {failures:?}",
            stream.frames.len()
        );
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].text.contains("does not accept"), "{failures:?}");
        match source {
            "is-live=false" => assert_eq!(stream.frames.len(), FRAME_COUNT),
            _ => assert!(
                stream.frames.len() > FRAME_COUNT / 2,
                "{}",
                stream.frames.len()
            ),
        }
    }
}

#[test]
fn key_frame_requests_are_forwarded_upstream() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 \
         ! x264enc name=source tune=zerolatency speed-preset=ultrafast key-int-max=10000 ! overshootsink name=o",
    );
    let requests = Arc::new(AtomicU32::new(0));
    let count = requests.clone();
    let source = pipeline.pipeline.by_name("source").expect("it is there");
    source
        .static_pad("src")
        .expect("an encoder has one")
        .add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &info.data
                && gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok()
            {
                count.fetch_add(1, Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 30)
    });
    let before = requests.load(Relaxed);
    // The emulator loses a second of video, and needs a key frame (PLI) to continue.
    service
        .control
        .cut_media(&service.stream().id, Duration::from_secs(1));
    let frames_before = service.stream().frames.len();
    service.wait("frames after the cut", |seen| {
        seen.streams[0].frames.len() > frames_before + 45
    });
    assert!(
        requests.load(Relaxed) > before,
        "no key frame was requested"
    );
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
}

#[test]
fn a_live_source_is_joined_before_its_next_key_frame() {
    let service = Service::start();
    service.control.inject(
        Call::Create,
        Fault::Delay(Duration::from_millis(800)),
        Times::Once,
    );
    // There is only one key frame: `identity` drops the requests for another one.
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10000 \
         ! identity name=filter ! overshootsink name=o",
    );
    let filter = pipeline.pipeline.by_name("filter").expect("it is there");
    filter.static_pad("src").expect("it has one").add_probe(
        gst::PadProbeType::EVENT_UPSTREAM,
        |_, info| match &info.data {
            Some(gst::PadProbeData::Event(event))
                if gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok() =>
            {
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        },
    );
    let start = Instant::now();
    pipeline.play();
    let seen = service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() > 30)
    });
    let elapsed = seen.streams[0].frames[0].at - start;
    println!("first frame after {elapsed:?}");
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    pipeline.stop();
}

#[test]
fn the_size_can_change() {
    let service = Service::start();
    let part = |width, height| {
        format!(
            "videotestsrc num-buffers=45 ! video/x-raw,format=I420,width={width},height={height},framerate=30/1 ! {H264} ! c."
        )
    };
    let pipeline = run(
        &service,
        &format!(
            "concat name=c ! overshootsink name=o {} {} {}",
            part(640, 360),
            part(1280, 720),
            part(320, 240)
        ),
    );
    let stream = service.stream();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    let frames_of_size = |width, height| {
        let frames = stream.frames.iter();
        frames
            .filter(|f| (f.width, f.height) == (width, height))
            .count()
    };
    println!(
        "{} {} {}",
        frames_of_size(640, 360),
        frames_of_size(1280, 720),
        frames_of_size(320, 240)
    );
    assert_eq!(
        (
            frames_of_size(640, 360),
            frames_of_size(1280, 720),
            frames_of_size(320, 240)
        ),
        (45, 45, 45)
    );
    assert_eq!(encoded_frames(&pipeline), 0);
}

#[test]
fn input_that_changes_its_format_gets_a_new_connection() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "input-selector name=s ! overshootsink name=o \
             videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! vp8enc deadline=1 keyframe-max-dist=30 ! s.sink_0 \
             videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! s.sink_1",
    );
    let selector = pipeline.pipeline.by_name("s").expect("it is there");
    let choose = |name: &str| {
        let pad = selector.static_pad(name).expect("it has both");
        selector.set_property("active-pad", pad);
    };
    choose("sink_0");
    pipeline.play();
    for (streams, pad, codec) in [
        (1, "sink_1", Codec::Vp8),
        (2, "sink_0", Codec::H264),
        (3, "sink_1", Codec::Vp8),
    ] {
        let seen = service.wait("frames", |seen| {
            seen.streams.len() == streams && seen.streams[streams - 1].frames.len() > 20
        });
        assert_eq!(seen.streams[streams - 1].codec, Some(codec));
        choose(pad);
    }
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_cameras_own_h264_is_passed_through() {
    let camera = Camera::start("bikes.mp4");
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!(
            "rtspsrc location={} latency=100 ! rtph264depay ! overshootsink name=o",
            camera.url
        ),
    );
    pipeline.play();
    service.wait("frames", |seen| {
        seen.streams.first().is_some_and(|s| s.frames.len() >= 50)
    });
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    assert_eq!(encoded_frames(&pipeline), 0);
    assert_eq!(service.stream().codec, Some(Codec::H264));
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

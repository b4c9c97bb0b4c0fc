// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::vision::colour::Coding;
use crate::vision::measures::Measures;

const CLIP: Sampling = Sampling::Clip {
    target_fps: 6,
    length: 0.5,
    delay: 0.5,
};

fn seen(number: u64, fps: u64, luma: u8, codes: Option<&[&str]>) -> MeasuredFrame {
    MeasuredFrame {
        rtp_time: number * 90_000 / fps,
        arrived: Instant::now(),
        measures: Measures {
            width: 640,
            height: 360,
            yuv: [f32::from(luma), 128.0, 128.0],
            coding: Coding::BT601,
            cells: vec![luma; 4].into(),
        },
        codes: codes.map(|codes| LazyCodes::ready(codes.iter().map(|&code| code.into()).collect())),
        picture: None,
    }
}

fn sampler(sampling: Sampling) -> Sampler {
    gst::init().expect("GStreamer");
    Sampler::new(sampling, None)
}

fn add_frame(sampler: &Sampler, seen: MeasuredFrame) {
    sampler.add_frame(seen, gst::Sample::builder().build());
}

/// Takes a sample now.
fn sample(sampler: &Sampler) -> Sample {
    sampler.sample(Instant::now()).expect("a frame").0
}

#[test]
fn a_clip_has_the_samples() {
    let sampler = sampler(CLIP);
    assert!(sampler.sample(Instant::now()).is_none());
    for number in 0..60 {
        add_frame(&sampler, seen(number, 30, 100, Some(&[])));
        if number % 5 == 4 {
            assert!(!sample(&sampler).repeat);
        }
    }
    let answer_frames = sampler.answer_frames(None).expect("frames");
    let times: Vec<u64> = answer_frames
        .frames
        .iter()
        .map(|f| f.rtp_time / 3_000)
        .collect();
    assert_eq!(times, [49, 54, 59]);
    let fps = answer_frames.fps.expect("a rate");
    assert!((fps - 30.0).abs() < 0.01, "{fps}");
    assert!(
        sampler.answer_frames(Some(59 * 3_000)).is_none(),
        "nothing new"
    );
    assert!(sampler.answer_frames(Some(58 * 3_000)).is_some());
}

#[test]
fn a_frame_that_is_sampled_twice_is_a_miss() {
    let sampler = sampler(CLIP);
    let mut frame = seen(1, 30, 100, Some(&[]));
    let arrived = Instant::now();
    frame.arrived = arrived;
    add_frame(&sampler, frame);
    let now = arrived + std::time::Duration::from_millis(70);
    let (first, _) = sampler.sample(now).expect("a frame");
    assert_eq!((first.age.as_millis(), first.repeat), (70, false));
    assert!(sample(&sampler).repeat);
    assert_eq!(sampler.answer_frames(None).expect("it").frames.len(), 1);
    add_frame(&sampler, seen(2, 30, 100, Some(&[])));
    assert!(!sample(&sampler).repeat);
    assert_eq!(sampler.answer_frames(None).expect("both").frames.len(), 2);
}

#[test]
fn an_observation_has_only_what_is_known() {
    let sampler = sampler(CLIP);
    add_frame(&sampler, seen(1, 30, 126, Some(&[])));
    sample(&sampler);
    let answer_frames = sampler.answer_frames(None).expect("a frame");
    let observation = answer_frames.observe().expect("an observation");
    assert_eq!(
        observation.text(),
        "640x360, mostly gray (#808080), brightness 0.50"
    );
    add_frame(&sampler, seen(2, 30, 126, Some(&["a"])));
    sample(&sampler);
    for number in 3..20 {
        add_frame(&sampler, seen(number, 30, 126, None));
    }
    add_frame(&sampler, seen(20, 30, 126, Some(&["a", "b"])));
    sample(&sampler);
    let answer_frames = sampler.answer_frames(None).expect("frames");
    let observation = answer_frames.observe().expect("an observation");
    assert_eq!(
        observation.text(),
        "640x360 at 30.0 fps, mostly gray (#808080), brightness 0.50, motion 0.00, QR \"a\", \"b\""
    );
}

#[test]
fn frame_mode_is_about_one_frame() {
    let frame = Sampling::Frame { interval: 0.2 };
    let sampler = sampler(frame);
    add_frame(&sampler, seen(1, 30, 16, None));
    add_frame(&sampler, seen(2, 30, 16, None));
    add_frame(&sampler, seen(3, 30, 235, None));
    sample(&sampler);
    let answer_frames = sampler.answer_frames(None).expect("frames");
    let observation = answer_frames.observe().expect("an observation");
    assert_eq!((observation.frames, observation.brightness), (1, 1.0));
    assert!(
        observation
            .motion
            .is_some_and(|m| (m - 219.0 / 255.0).abs() < 0.001)
    );
}

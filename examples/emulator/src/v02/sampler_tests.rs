use super::*;
use crate::vision::colour::Coding;
use crate::vision::measures::Look;

const CLIP: Sampling = Sampling::Clip {
    target_fps: 6,
    length: 0.5,
    delay: 0.5,
};

fn seen(number: u64, fps: u64, luma: u8, codes: Option<&[&str]>) -> Seen {
    Seen {
        rtp_time: number * 90_000 / fps,
        arrived: Instant::now(),
        look: Look {
            width: 640,
            height: 360,
            yuv: [f32::from(luma), 128.0, 128.0],
            coding: Coding::BT601,
            cells: vec![luma; 4].into(),
        },
        codes: codes.map(|codes| Codes::known(codes.iter().map(|&code| code.into()).collect())),
        picture: None,
    }
}

fn eyes(sampling: Sampling) -> Eyes {
    gst::init().expect("GStreamer");
    Eyes::new(sampling, None)
}

fn see(eyes: &Eyes, seen: Seen) {
    eyes.see(seen, gst::Sample::builder().build());
}

/// What the sampler takes now.
fn sample(eyes: &Eyes) -> Sample {
    eyes.sample(Instant::now()).expect("a frame").0
}

#[test]
fn a_clip_is_what_the_sampler_took() {
    let eyes = eyes(CLIP);
    assert!(eyes.sample(Instant::now()).is_none());
    for number in 0..60 {
        see(&eyes, seen(number, 30, 100, Some(&[])));
        if number % 5 == 4 {
            assert!(!sample(&eyes).repeat);
        }
    }
    let taken = eyes.take(None).expect("frames");
    let times: Vec<u64> = taken.frames.iter().map(|f| f.rtp_time / 3_000).collect();
    assert_eq!(times, [49, 54, 59]);
    let fps = taken.fps.expect("a rate");
    assert!((fps - 30.0).abs() < 0.01, "{fps}");
    assert!(eyes.take(Some(59 * 3_000)).is_none(), "nothing new");
    assert!(eyes.take(Some(58 * 3_000)).is_some());
}

#[test]
fn a_frame_that_is_taken_twice_is_a_miss() {
    let eyes = eyes(CLIP);
    let mut frame = seen(1, 30, 100, Some(&[]));
    let arrived = Instant::now();
    frame.arrived = arrived;
    see(&eyes, frame);
    let now = arrived + std::time::Duration::from_millis(70);
    let (first, _) = eyes.sample(now).expect("a frame");
    assert_eq!((first.age.as_millis(), first.repeat), (70, false));
    assert!(sample(&eyes).repeat);
    assert_eq!(eyes.take(None).expect("it").frames.len(), 1);
    see(&eyes, seen(2, 30, 100, Some(&[])));
    assert!(!sample(&eyes).repeat);
    assert_eq!(eyes.take(None).expect("both").frames.len(), 2);
}

#[test]
fn a_sight_says_what_was_seen_and_no_more() {
    let eyes = eyes(CLIP);
    see(&eyes, seen(1, 30, 126, Some(&[])));
    sample(&eyes);
    let taken = eyes.take(None).expect("a frame");
    let sight = taken.sight().expect("a sight");
    assert_eq!(
        sight.text(),
        "640x360, mostly gray (#808080), brightness 0.50"
    );
    see(&eyes, seen(2, 30, 126, Some(&["a"])));
    sample(&eyes);
    for number in 3..20 {
        see(&eyes, seen(number, 30, 126, None));
    }
    see(&eyes, seen(20, 30, 126, Some(&["a", "b"])));
    sample(&eyes);
    let taken = eyes.take(None).expect("frames");
    let sight = taken.sight().expect("a sight");
    assert_eq!(
        sight.text(),
        "640x360 at 30.0 fps, mostly gray (#808080), brightness 0.50, motion 0.00, QR \"a\", \"b\""
    );
}

#[test]
fn frame_mode_is_about_one_frame() {
    let frame = Sampling::Frame { interval: 0.2 };
    let eyes = eyes(frame);
    see(&eyes, seen(1, 30, 16, None));
    see(&eyes, seen(2, 30, 16, None));
    see(&eyes, seen(3, 30, 235, None));
    sample(&eyes);
    let taken = eyes.take(None).expect("frames");
    let sight = taken.sight().expect("a sight");
    assert_eq!((sight.frames, sight.brightness), (1, 1.0));
    assert!(
        sight
            .motion
            .is_some_and(|m| (m - 219.0 / 255.0).abs() < 0.001)
    );
}

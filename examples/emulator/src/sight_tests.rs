use super::*;
use crate::colour::Coding;

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
        codes: codes.map(|codes| codes.iter().map(|code| (*code).to_owned()).collect()),
    }
}

fn eyes(sampling: Sampling) -> Eyes {
    gst::init().expect("GStreamer");
    Eyes::new(sampling)
}

fn see(eyes: &Eyes, seen: Seen) {
    eyes.see(seen, gst::Sample::builder().build());
}

#[test]
fn a_clip_is_sampled_backwards_from_the_newest_frame() {
    let eyes = eyes(CLIP);
    assert!(eyes.take(None).is_none());
    for number in 0..60 {
        see(&eyes, seen(number, 30, 100, Some(&[])));
    }
    let taken = eyes.take(None).expect("frames");
    let times: Vec<u64> = taken.frames.iter().map(|f| f.rtp_time / 3_000).collect();
    assert_eq!(times, [44, 49, 54, 59]);
    let fps = taken.fps.expect("a rate");
    assert!((fps - 30.0).abs() < 0.01, "{fps}");
    assert!(eyes.take(Some(59 * 3_000)).is_none(), "nothing new");
    assert!(eyes.take(Some(58 * 3_000)).is_some());
}

#[test]
fn reading_follows_the_target_rate() {
    let eyes = eyes(CLIP);
    let read = (0..60).filter(|n| eyes.samples(n * 3_000)).count();
    assert!((12..=13).contains(&read), "{read}");
    let same_rate = super::Eyes::new(CLIP);
    let read = (0..60_u64)
        .filter(|n| same_rate.samples(n * 15_000 - n % 2 * 9))
        .count();
    assert_eq!(read, 60);
}

#[test]
fn a_sight_says_what_was_seen_and_no_more() {
    let eyes = eyes(CLIP);
    see(&eyes, seen(1, 30, 126, Some(&[])));
    let taken = eyes.take(None).expect("a frame");
    let sight = taken.sight(CLIP, Vec::new()).expect("a sight");
    assert_eq!(
        sight.text(),
        "640x360, mostly gray (#808080), brightness 0.50"
    );
    see(&eyes, seen(2, 30, 126, Some(&["a"])));
    for number in 3..20 {
        see(&eyes, seen(number, 30, 126, None));
    }
    let taken = eyes.take(None).expect("frames");
    assert!(taken.unread.is_some());
    let sight = taken
        .sight(CLIP, vec!["a".to_owned(), "b".to_owned()])
        .expect("a sight");
    assert_eq!(
        sight.text(),
        "640x360 at 30.0 fps, mostly gray (#808080), brightness 0.50, motion 0.00, QR \"b\""
            .replace("QR \"b\"", "QR \"a\", \"b\"")
    );
}

#[test]
fn frame_mode_is_about_one_frame() {
    let frame = Sampling::Frame { interval: 0.2 };
    let eyes = eyes(frame);
    assert!(!eyes.samples(0));
    see(&eyes, seen(1, 30, 16, None));
    see(&eyes, seen(2, 30, 16, None));
    see(&eyes, seen(3, 30, 235, None));
    let taken = eyes.take(None).expect("frames");
    let sight = taken.sight(frame, Vec::new()).expect("a sight");
    assert_eq!((sight.frames, sight.brightness), (1, 1.0));
    assert!(
        sight
            .motion
            .is_some_and(|m| (m - 219.0 / 255.0).abs() < 0.001)
    );
}

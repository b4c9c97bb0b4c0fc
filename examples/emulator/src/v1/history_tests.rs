// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::v1::ovs_url::{Anchor, Direction, Image, Video};
use crate::vision::colour::Coding;
use crate::vision::measures::Measures;

fn seen(start: Instant, time_ms: u64) -> MeasuredFrame {
    MeasuredFrame {
        rtp_time: time_ms * 90,
        arrived: start + Duration::from_millis(time_ms),
        measures: Measures {
            width: 320,
            height: 240,
            yuv: [100.0; 3],
            coding: Coding::BT601,
            cells: Box::default(),
        },
        codes: Some(LazyCodes::ready(Vec::new())),
        picture: None,
    }
}

fn picture(bytes: usize) -> Arc<[u8]> {
    vec![0; bytes].into()
}

fn indices(history: &History, query: &Query) -> Option<Vec<u64>> {
    let selection = history.select(query).ok()?;
    Some(selection.frames.iter().map(|kept| kept.index).collect())
}

const ALL: Query = Query::Video(Video {
    start: Anchor::Time(0),
    end: None,
    max_fps: 1_000.0,
});

#[test]
fn old_frames_are_evicted_by_age_and_by_size() {
    let start = Instant::now();
    let history = History::new(Duration::from_millis(300), 1_000, JpegPreset::SMALL);
    assert_eq!(history.status(), None);
    for n in 0..10 {
        history.insert(seen(start, n * 100), picture(100));
    }
    assert_eq!(indices(&history, &ALL), Some(vec![6, 7, 8, 9]));
    let status = history.status().expect("status");
    assert_eq!((status.oldest_index, status.newest_index), (6, 9));
    assert_eq!((status.retained, status.evicted), (4, 6));
    assert_eq!(status.first_at, start);
    assert_eq!(status.newest_at, start + Duration::from_millis(900));

    history.insert(seen(start, 910), picture(800));
    assert_eq!(indices(&history, &ALL), Some(vec![8, 9, 10]));
    history.insert(seen(start, 920), picture(5_000));
    assert_eq!(indices(&history, &ALL), Some(vec![11]));
    history.insert(seen(start, 930), picture(10));
    assert_eq!(indices(&history, &ALL), Some(vec![12]));
}

#[test]
fn a_closed_history_keeps_its_status() {
    let start = Instant::now();
    let history = History::new(Duration::from_secs(600), 1_000, JpegPreset::SMALL);
    for n in 0..3 {
        history.insert(seen(start, n * 100), picture(1));
    }
    history.close();
    history.close();
    history.insert(seen(start, 300), picture(1));
    let status = history.status().expect("status");
    assert_eq!((status.retained, status.newest_index), (3, 2));
    assert_eq!(history.status(), Some(status));
    assert_eq!(indices(&history, &ALL), None);
    let never = History::new(Duration::from_secs(600), 1_000, JpegPreset::SMALL);
    never.close();
    assert_eq!(never.status(), None);
}

#[test]
fn the_rate_and_the_previous_frame_belong_to_the_named_frames() {
    let start = Instant::now();
    let history = History::new(Duration::from_secs(600), 10_000, JpegPreset::SMALL);
    // Ten frames a second, then twenty.
    for n in 0..20 {
        history.insert(seen(start, n * 100), picture(1));
    }
    for n in 0..40 {
        history.insert(seen(start, 2_000 + n * 50), picture(1));
    }
    let image = |index| {
        Query::Image(Image {
            at: Anchor::Index(index),
            tolerance_ms: 100,
            direction: Direction::Nearest,
        })
    };
    let about = |index| {
        let selection = history.select(&image(index)).expect("a frame");
        let before = selection.before.map(|kept| kept.index);
        (before, selection.fps.map(|fps| fps.round() as u32))
    };
    assert_eq!(about(0), (None, None));
    assert_eq!(about(19), (Some(18), Some(10)));
    assert_eq!(about(-1), (Some(58), Some(20)));
}

#[test]
fn recent_frames_are_counted_by_the_clock() {
    let now = Instant::now();
    let Some(start) = now.checked_sub(Duration::from_secs(10)) else {
        return;
    };
    let history = History::new(Duration::from_secs(600), 10_000, JpegPreset::SMALL);
    for n in 0..100 {
        history.insert(seen(start, n * 100), picture(1));
    }
    let status = |at| lock(&history.inner).status(at).expect("status");
    let fps = status(now).recent_fps;
    assert!((fps - 10.0).abs() <= 0.5, "{fps}");
    let later = status(now + Duration::from_secs(5));
    assert_eq!((later.recent_fps, later.now_ms), (0.0, 15_000));
}

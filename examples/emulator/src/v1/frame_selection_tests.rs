// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

/// Frames at these times, after `gone` evicted ones.
fn frame_times(gone: usize, times: &[u64]) -> FrameTimes {
    let mut kept = FrameTimes::default();
    for _ in 0..gone {
        kept.push(0);
    }
    for time in times {
        kept.push(*time);
    }
    for _ in 0..gone {
        kept.evict();
    }
    kept
}

/// Ten frames, a tenth of a second apart, with the indices 5 to 14 and the times 500 to 1400.
fn ten() -> FrameTimes {
    let times: Vec<u64> = (5..15).map(|n| n * 100).collect();
    frame_times(5, &times)
}

/// The index, or the code of the error.
fn image(times: &FrameTimes, at: Anchor, tolerance_ms: u64, direction: Direction) -> String {
    let found = times.image(&Image {
        at,
        tolerance_ms,
        direction,
    });
    match found {
        Ok(place) => (times.first() + place as u64).to_string(),
        Err(refusal) => code(&refusal),
    }
}

fn video(times: &FrameTimes, start: Anchor, end: Option<Anchor>, max_fps: f64) -> String {
    let found = times.video(&Video {
        start,
        end,
        max_fps,
    });
    match found {
        Ok(places) => {
            let indices = places.iter().map(|p| times.first() + *p as u64);
            let texts: Vec<String> = indices.map(|index| index.to_string()).collect();
            texts.join(" ")
        }
        Err(refusal) => code(&refusal),
    }
}

fn code(refusal: &V1Error) -> String {
    let all = format!("{refusal:?}");
    let codes = [
        "segment_empty",
        "segment_invalid",
        "frame_evicted",
        "frame_not_yet_produced",
    ];
    let code = codes.into_iter().find(|code| all.contains(*code));
    code.unwrap_or("?").to_owned()
}

#[test]
fn indices_count_from_the_first_frame_ever() {
    let ten = ten();
    assert_eq!(
        (ten.first(), ten.len(), ten.newest_time()),
        (5, 10, Some(1_400))
    );
    for (index, expected) in [
        (-1, "14"),
        (-10, "5"),
        (5, "5"),
        (14, "14"),
        (15, "frame_not_yet_produced"),
        (i64::MAX, "frame_not_yet_produced"),
        (4, "frame_evicted"),
        (0, "frame_evicted"),
        (-11, "frame_evicted"),
        (-15, "frame_evicted"),
        (-16, "segment_empty"),
        (i64::MIN, "segment_empty"),
    ] {
        let found = image(&ten, Anchor::Index(index), 100, Direction::Nearest);
        assert_eq!(found, expected, "{index}");
    }
}

#[test]
fn a_time_finds_the_nearest_frame() {
    use Direction::{Backward, Forward, Nearest};
    let ten = ten();
    for (time, tolerance, direction, expected) in [
        (700, 100, Nearest, "7"),
        (740, 100, Nearest, "7"),
        (760, 100, Nearest, "8"),
        // Both are equally near: the earlier one counts.
        (750, 100, Nearest, "7"),
        (740, 100, Forward, "8"),
        (740, 59, Forward, "segment_empty"),
        (740, 60, Forward, "8"),
        (760, 100, Backward, "7"),
        (760, 59, Backward, "segment_empty"),
        (700, 1, Forward, "7"),
        (700, 1, Backward, "7"),
        (1_500, 100, Nearest, "14"),
        (1_501, 100, Nearest, "segment_empty"),
        (1_450, 100, Forward, "segment_empty"),
        (400, 100, Nearest, "5"),
        (399, 100, Nearest, "segment_empty"),
        (450, 100, Backward, "segment_empty"),
        (-1_000, 100, Nearest, "segment_empty"),
        (i64::MAX, 100, Nearest, "segment_empty"),
        (i64::MIN, u64::MAX, Nearest, "5"),
    ] {
        let found = image(&ten, Anchor::Time(time), tolerance, direction);
        assert_eq!(found, expected, "{time} {tolerance} {direction:?}");
    }
    for (offset, expected) in [
        // From the newest frame, or from the oldest one in the history.
        (-1, "14"),
        (-300, "11"),
        (-900, "5"),
        (-1_001, "segment_empty"),
        (0, "5"),
        (200, "7"),
        (i64::MIN, "segment_empty"),
    ] {
        let found = image(&ten, Anchor::Offset(offset), 100, Nearest);
        assert_eq!(found, expected, "{offset}");
    }
}

#[test]
fn segments_have_the_frames_that_are_still_kept() {
    use Anchor::{Index, Offset, Time};
    let ten = ten();
    let all = "5 6 7 8 9 10 11 12 13 14";
    for (start, end, expected) in [
        (Index(0), None, all),
        (Index(-30), None, all),
        (Index(-2), None, "13 14"),
        (Index(14), None, "14"),
        (Index(15), None, "frame_not_yet_produced"),
        (Index(12), Some(Index(14)), "12 13"),
        (Index(12), Some(Index(-1)), "12 13"),
        (Index(12), Some(Index(1_000)), "12 13 14"),
        (Index(12), Some(Index(12)), "segment_invalid"),
        (Index(12), Some(Index(11)), "segment_invalid"),
        (Index(0), Some(Index(5)), "segment_empty"),
        (Index(-1), Some(Index(0)), "segment_invalid"),
        (Time(0), None, all),
        (Time(1_300), None, "13 14"),
        (Time(1_301), None, "14"),
        (Time(1_401), None, "segment_empty"),
        (Time(600), Some(Time(800)), "6 7"),
        (Time(600), Some(Time(801)), "6 7 8"),
        (Time(601), Some(Time(699)), "segment_empty"),
        (Time(600), Some(Time(600)), "segment_invalid"),
        (Time(0), Some(Time(500)), "segment_empty"),
        (Offset(-200), None, "12 13 14"),
        (Offset(-200), Some(Offset(0)), "12 13 14"),
        (Offset(-300), Some(Offset(-100)), "11 12"),
        (Offset(-100), Some(Offset(-300)), "segment_invalid"),
        (Offset(0), Some(Offset(200)), "5 6"),
        (Offset(-5_000), None, all),
        (Offset(-5_000), Some(Offset(-4_000)), "segment_empty"),
        // Bounds of two kinds.
        (Offset(-300), Some(Index(13)), "11 12"),
        (Index(12), Some(Time(1_400)), "12 13"),
        (Index(12), Some(Time(1_000)), "segment_invalid"),
        (Time(i64::MIN), Some(Index(i64::MAX)), all),
    ] {
        let found = video(&ten, start, end, 1_000.0);
        assert_eq!(found, expected, "{start:?} {end:?}");
    }
}

#[test]
fn without_frames_the_segment_is_empty_or_not_produced_yet() {
    use Anchor::{Index, Offset, Time};
    let none = FrameTimes::default();
    let nearest = |at| image(&none, at, 100, Direction::Nearest);
    assert_eq!(nearest(Index(-1)), "segment_empty");
    assert_eq!(nearest(Index(0)), "frame_not_yet_produced");
    assert_eq!(nearest(Time(0)), "segment_empty");
    assert_eq!(nearest(Offset(-1)), "segment_empty");
    for start in [Index(-5), Time(0), Offset(-5_000), Offset(0)] {
        assert_eq!(video(&none, start, None, 1.0), "segment_empty", "{start:?}");
    }
    assert_eq!(video(&none, Index(0), None, 1.0), "frame_not_yet_produced");
}

#[test]
fn the_rate_is_capped() {
    use Anchor::Offset;
    let ten = ten();
    let all = |max_fps| video(&ten, Offset(-5_000), None, max_fps);
    assert_eq!(all(1.0), "5");
    assert_eq!(all(0.01), "5");
    assert_eq!(all(2.0), "5 10");
    assert_eq!(all(5.0), "5 7 9 11 13");
    assert_eq!(all(10.0), "5 6 7 8 9 10 11 12 13 14");
    assert_eq!(all(1e9), "5 6 7 8 9 10 11 12 13 14");
    // A stream of just this rate keeps all frames, however irregular they are.
    let uneven = frame_times(0, &[0, 170, 330, 510, 660, 825]);
    assert_eq!(video(&uneven, Offset(-5_000), None, 6.0), "0 1 2 3 4 5");
    // A tick far from every frame selects none.
    let gap = frame_times(0, &[0, 100, 900, 1_000]);
    assert_eq!(video(&gap, Offset(-5_000), None, 10.0), "0 1 2 3");
    assert_eq!(video(&gap, Offset(-5_000), None, 4.0), "0 3");
    let thirty: Vec<u64> = (0..300).map(|n| n * 1_000 / 30).collect();
    let thirty = frame_times(0, &thirty);
    let kept = |fps| {
        video(&thirty, Offset(-60_000), None, fps)
            .split(' ')
            .count()
    };
    assert_eq!((kept(1.0), kept(6.0), kept(30.0)), (10, 60, 300));
}

#[test]
fn times_never_decrease() {
    let mut times = frame_times(0, &[10, 50]);
    assert_eq!(times.push(30), (2, 50));
    assert_eq!(times.push(60), (3, 60));
    assert_eq!((times.since(50), times.since(61)), (3, 0));
    for _ in 0..9 {
        times.evict();
    }
    assert_eq!((times.first(), times.len()), (4, 0));
    assert_eq!(times.push(70), (4, 70));
}

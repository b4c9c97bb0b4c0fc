// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

fn read(query: &str, kind: Kind) -> Result<Query, String> {
    let url = format!("ovs://streams/s-1?{query}");
    let parsed = OvsUrl::parse(&url, kind).expect("an ovs URL");
    match parsed {
        Ok(reference) => {
            assert_eq!(reference.stream_id, "s-1");
            Ok(reference.query)
        }
        Err(refusal) => {
            assert_eq!(refusal.status.as_u16(), 400);
            let body = format!("{refusal:?}");
            assert!(body.contains("query_param_invalid"), "{body}");
            Err(refusal.message)
        }
    }
}

fn image(at: Anchor) -> Result<Query, String> {
    Ok(Query::Image(Image {
        at,
        tolerance_ms: 100,
        direction: Direction::Nearest,
    }))
}

fn video(start: Anchor, end: Option<Anchor>, max_fps: f64) -> Result<Query, String> {
    Ok(Query::Video(Video {
        start,
        end,
        max_fps,
    }))
}

#[test]
fn images_have_one_anchor() {
    let read = |query: &str| read(query, Kind::Image);
    assert_eq!(read("frame_index=-1"), image(Anchor::Index(-1)));
    assert_eq!(read("frame_index=%2D1"), image(Anchor::Index(-1)));
    assert_eq!(read("timestamp_ms=12000"), image(Anchor::Time(12_000)));
    assert_eq!(read("offset_ms=-5000"), image(Anchor::Offset(-5_000)));
    // Has no effect together with an index, but is allowed.
    assert_eq!(
        read("frame_index=3&tolerance_ms=100&direction=nearest"),
        image(Anchor::Index(3))
    );
    for (name, direction) in [
        ("nearest", Direction::Nearest),
        ("forward", Direction::Forward),
        ("backward", Direction::Backward),
    ] {
        let query = format!("offset_ms=-5&tolerance_ms=250&direction={name}");
        assert_eq!(
            read(&query),
            Ok(Query::Image(Image {
                at: Anchor::Offset(-5),
                tolerance_ms: 250,
                direction,
            }))
        );
    }
    for bad in [
        "",
        "frame_index",
        "frame_index=",
        "frame_index=x",
        "frame_index=1.5",
        "frame_index=99999999999999999999",
        "frame_index=1&frame_index=1",
        "frame_index=1&timestamp_ms=2",
        "timestamp_ms=1&offset_ms=-2",
        "tolerance_ms=100",
        "timestamp_ms=1&tolerance_ms=0",
        "timestamp_ms=1&tolerance_ms=-5",
        "timestamp_ms=1&direction=up",
        "timestamp_ms=1&direction=",
        "timestamp_ms=1&max_fps=2",
        "start_offset_ms=-5000",
        "frame_index=-1&nope=1",
        "Frame_Index=-1",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn videos_have_a_start_and_may_have_an_end() {
    let read = |query: &str| read(query, Kind::Video);
    assert_eq!(
        read("start_offset_ms=-5000"),
        video(Anchor::Offset(-5_000), None, 1.0)
    );
    assert_eq!(
        read("start_offset_ms=-10000&end_offset_ms=0&max_fps=0.5"),
        video(Anchor::Offset(-10_000), Some(Anchor::Offset(0)), 0.5)
    );
    assert_eq!(
        read("start_offset_ms=-30000&end_frame_index=523"),
        video(Anchor::Offset(-30_000), Some(Anchor::Index(523)), 1.0)
    );
    assert_eq!(
        read("end_timestamp_ms=15000&start_timestamp_ms=10000&max_fps=4"),
        video(Anchor::Time(10_000), Some(Anchor::Time(15_000)), 4.0)
    );
    for bad in [
        "",
        "end_offset_ms=-1",
        "max_fps=2",
        "start_offset_ms=-1&start_frame_index=1",
        "start_offset_ms=-1&end_offset_ms=-2&end_timestamp_ms=1",
        "start_offset_ms=-1&max_fps=0",
        "start_offset_ms=-1&max_fps=-1",
        "start_offset_ms=-1&max_fps=NaN",
        "start_offset_ms=-1&max_fps=inf",
        "start_offset_ms=-1&max_fps=",
        "start_offset_ms=-1&tolerance_ms=5",
        "start_offset_ms=-1.5",
        "frame_index=-1",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn other_urls_are_rejected() {
    for foreign in [
        "https://example.org/a.jpg",
        "data:image/png;base64,AA",
        "",
        "x",
    ] {
        assert_eq!(OvsUrl::parse(foreign, Kind::Image), None, "{foreign}");
    }
    for bad in [
        "ovs:",
        "ovs://",
        "ovs://stream/a?frame_index=-1",
        "ovs://streams",
        "ovs://streams/",
        "ovs://streams/?frame_index=-1",
        "ovs://streams/a/b?frame_index=-1",
        "ovs://streams/a#b?frame_index=-1",
        "ovs://streams/a?frame_index=-1#b",
        "ovs:/streams/a?frame_index=-1",
    ] {
        let refusal = OvsUrl::parse(bad, Kind::Image)
            .expect("an ovs URL")
            .expect_err(bad);
        assert!(
            format!("{refusal:?}").contains("stream_url_invalid"),
            "{bad}"
        );
    }
    let no_query = OvsUrl::parse("ovs://streams/a", Kind::Image).expect("an ovs URL");
    let refusal = no_query.expect_err("no anchor");
    assert!(format!("{refusal:?}").contains("query_param_invalid"));
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The clips around alerts.

use super::*;

/// A clip as a player sees it: the timestamp of each frame, and its mean brightness (0 to 255).
fn play(path: &Path) -> Vec<(gst::ClockTime, f64)> {
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=frames sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&line).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let sink = pipeline.by_name("frames").expect("the sink");
    let sink = sink.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let mut frames = Vec::new();
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(5)) {
        let buffer = sample.buffer().expect("a frame");
        let map = buffer.map_readable().expect("readable");
        let sum: u64 = map.iter().map(|pixel| u64::from(*pixel)).sum();
        frames.push((buffer.pts().expect("a time"), sum as f64 / map.len() as f64));
    }
    let is_complete = sink.is_eos();
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(is_complete, "{} does not end", path.display());
    frames
}

/// The first packet of a file is a key frame.
fn begins_with_a_key_frame(path: &Path) -> bool {
    let line = format!(
        "filesrc location={} ! matroskademux ! appsink name=packets sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&line).expect("a pipeline");
    let pipeline = pipeline.downcast::<gst::Pipeline>().expect("a pipeline");
    let sink = pipeline.by_name("packets").expect("the sink");
    let sink = sink.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let first = sink
        .try_pull_sample(gst::ClockTime::from_seconds(5))
        .expect("a packet");
    pipeline.set_state(gst::State::Null).expect("it stops");
    let flags = first.buffer().expect("a packet").flags();
    !flags.contains(gst::BufferFlags::DELTA_UNIT)
}

fn clips(pipeline: &Pipeline) -> Vec<PostedMessage> {
    pipeline.element_messages("overshoot-clip")
}

fn wait_for_clips(pipeline: &Pipeline, count: usize) -> Vec<PostedMessage> {
    let end = Instant::now() + WAIT;
    while clips(pipeline).len() < count {
        assert!(
            Instant::now() < end,
            "{count} clips: {:?}",
            pipeline.failures()
        );
        thread::sleep(Duration::from_millis(10));
    }
    clips(pipeline)
}

/// The picture turns white in the middle of a clip. `source_rate`: the frames of a second that are kept, at least.
fn has_the_event(api: &str, encoder: &str, source_rate: f64) {
    let name = format!("{api}, {encoder}");
    let (service, folder) = (Service::of(api, |_| {}), Folder::new("clip"));
    let line = format!(
        "{CLOCK} {encoder} ! overshootsink name=o evidence=jpeg-alerts interval-seconds=0.3 evidence-clip=clip,before=2,after=1.5"
    );
    let pipeline = pipeline(&service, &line, &folder.pattern());
    pipeline.show_pattern("black");
    pipeline.play();
    wait_for_results(&pipeline, 2);
    let begin =
        pipeline.sink.current_running_time().expect("it plays") + gst::ClockTime::from_seconds(3);
    while pipeline.sink.current_running_time() < Some(begin) {
        thread::sleep(Duration::from_millis(20));
    }
    pipeline.show_pattern("white");
    let alert = pipeline.wait_for_element("overshoot-alert", WAIT);
    let event: gst::ClockTime = alert.get("capture-time").expect("a time");
    let still: String = alert.get("evidence-location").expect("a still");
    let posted = wait_for_clips(&pipeline, 1);
    pipeline.stop();
    let mut failures = pipeline.failures();
    // Only that it is decoded.
    failures.retain(|failure| !failure.text.contains("encoded again"));
    assert!(failures.is_empty(), "{name}: {failures:?}");
    assert_eq!(clips(&pipeline).len(), 1, "{name}");
    let clip = &posted[0].structure;
    let location: String = clip.get("location").expect("a file");
    assert_eq!(
        Path::new(&still).with_extension("mkv"),
        Path::new(&location),
        "{name}"
    );
    assert_eq!(clip.get::<String>("name").as_deref(), Ok("white"));
    assert_eq!(folder.names(), ["alert-000.jpg", "alert-000.mkv"], "{name}");
    let (start, end): (gst::ClockTime, gst::ClockTime) = (
        clip.get("start").expect("a time"),
        clip.get("end").expect("a time"),
    );
    let ms = gst::ClockTime::from_mseconds;
    assert!(
        start + ms(2_000) <= event,
        "{name}: from {start}, the event is at {event}"
    );
    assert!(
        start + ms(4_600) >= event,
        "{name}: from {start}, the event is at {event}"
    );
    assert!(
        end + ms(400) >= event + ms(1_500),
        "{name}: to {end}, the event is at {event}"
    );
    assert!(
        end <= event + ms(1_500),
        "{name}: to {end}, the event is at {event}"
    );

    let path = Path::new(&location);
    assert!(begins_with_a_key_frame(path), "{name}");
    let frames = play(path);
    let first = frames.first().expect("frames").0;
    let length = frames.last().expect("frames").0 - first;
    assert!(
        length.absdiff(end - start) <= ms(50),
        "{name}: {length}, not {}",
        end - start
    );
    let rate = frames.len() as f64 / (length.nseconds() as f64 / 1e9);
    assert!(rate >= source_rate, "{name}: {rate} frames per second");
    let bright = frames
        .iter()
        .position(|(_, brightness)| *brightness > 128.0);
    let bright = bright.unwrap_or_else(|| panic!("{name}: it never turns white"));
    assert!(
        frames[bright..]
            .iter()
            .all(|(_, brightness)| *brightness > 128.0),
        "{name}"
    );
    // The answer is about the first white frame, or one soon after it.
    let white = frames[bright].0 - first + start;
    assert!(
        white <= event + ms(40) && event <= white + ms(700),
        "{name}: white at {white}, the event at {event}"
    );
}

#[test]
fn of_encoded_video_it_has_every_frame() {
    has_the_event("v0.2", &format!("! {X264}"), 28.0);
    has_the_event("v1", "! vp8enc deadline=1 keyframe-max-dist=30", 28.0);
}

#[test]
fn of_video_that_is_transcoded_it_has_the_source_frames() {
    let b_frames = "! x264enc bframes=2 b-adapt=false key-int-max=30 rc-lookahead=0 ! video/x-h264,profile=high";
    let service = "v0.2";
    has_the_event(service, b_frames, 28.0);
}

#[test]
fn of_raw_video_it_has_what_is_sent() {
    has_the_event("v0.2", "", 4.0);
    has_the_event("v1", "", 4.0);
}

#[test]
fn alerts_soon_after_one_another_share_a_clip() {
    let (service, folder) = (Service::start(), Folder::new("shared"));
    let line = format!(
        "{CLOCK} ! {X264} ! overshootsink name=o interval-seconds=0.2 evidence-clip=clip,before=1,after=2"
    );
    let pipeline = pipeline(&service, &line, &folder.pattern());
    pipeline.play();
    for (pattern, alerts) in [("white", 1), ("black", 2), ("white", 3)] {
        pipeline.show_pattern(pattern);
        let end = Instant::now() + WAIT;
        while pipeline.element_messages("overshoot-alert").len() < alerts {
            assert!(Instant::now() < end, "{:?}", pipeline.failures());
            thread::sleep(Duration::from_millis(10));
        }
    }
    let posted = wait_for_clips(&pipeline, 1);
    pipeline.stop();
    let alerts = pipeline.element_messages("overshoot-alert");
    let last = clock_time(&alerts[2], "capture-time").expect("a time");
    let end = clock_time(&posted[0], "end").expect("a time");
    let after = gst::ClockTime::from_mseconds(1_900);
    assert!(
        end >= last + after,
        "it ends at {end}, the last alert is at {last}"
    );
    assert_eq!(folder.names(), ["alert-000.mkv"], "one file, and no still");
    assert!(play(&folder.0.join("alert-000.mkv")).len() > 60);
}

#[test]
fn a_stop_completes_the_clip() {
    let (service, folder) = (Service::start(), Folder::new("stop"));
    let line = format!(
        "{CLOCK} ! {X264} ! overshootsink name=o interval-seconds=0.3 evidence-clip=clip,before=1,after=600"
    );
    let pipeline = pipeline(&service, &line, &folder.pattern());
    pipeline.play();
    pipeline.wait_for_element("overshoot-alert", WAIT);
    wait_for_results(&pipeline, 5);
    let took = pipeline.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(folder.names(), ["alert-000.mkv"]);
    assert_eq!(clips(&pipeline).len(), 1);
    assert!(play(&folder.0.join("alert-000.mkv")).len() > 20);
}

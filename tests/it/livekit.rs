//! Rooms of a real LiveKit server, watched by LiveKit's own SDK.

use std::time::{Duration, Instant};

use crate::common::livekit::{Livekit, Seen};
use crate::common::{Clock, Pipeline, Proxy, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Source, Times};

const RATE: usize = 15;
/// For all that is to happen soon.
const SOON: Duration = Duration::from_secs(15);

/// A live picture with a clock in it, at [`RATE`].
fn line(properties: &str) -> String {
    format!(
        "videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate={RATE}/1 \
         ! debugqroverlay name=clock pixel-size=4 \
         ! overshootsink name=o max-framerate={RATE}/1 {properties}"
    )
}

/// A service that leaves rooms alone: who watches is LiveKit's own SDK.
fn unwatched() -> Service {
    Service::with(|config| config.visits = false)
}

/// Whole pictures, in order, each soon after it was made. How many could be read.
fn check(frames: &[&Seen], clock: &Clock) -> usize {
    let read: Vec<_> = frames
        .iter()
        .filter_map(|seen| Some((seen, clock.newest(seen.code.as_ref()?))))
        .collect();
    for pair in read.windows(2) {
        assert!(pair[0].1.running_time <= pair[1].1.running_time, "{pair:?}");
    }
    for (seen, passed) in &read {
        assert_eq!(seen.size, (640, 360));
        let late = seen.at.saturating_duration_since(passed.at);
        assert!(late < Duration::from_secs(2), "{late:?}");
    }
    read.len()
}

#[test]
fn pictures_arrive_in_a_room_of_ones_own() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for (codec, caps, older) in [
        ("H.264", "video/x-h264", false),
        ("VP8", "video/x-vp8", false),
        // By the older form of the protocol, as if the server knew no other.
        ("H.264", "video/x-h264", true),
    ] {
        let service = unwatched();
        let proxy = Proxy::new(&livekit.address, older.then_some(b"GET /rtc/v1".as_slice()));
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let watcher = livekit.watch();
        let token = livekit.token("camera");
        let start = Instant::now();
        let pipeline = Pipeline::new(
            &service,
            &line(&format!(
                "video-caps={caps} livekit-url={url} livekit-token={token}"
            )),
        );
        let clock = Clock::of(&pipeline.pipeline);
        pipeline.play();
        let state = pipeline.wait_for_state("streaming", SOON);
        println!(
            "{codec}, older form {older}: streams after {:?}",
            start.elapsed()
        );
        assert_eq!(
            state.get::<String>("stream-id").ok(),
            Some(service.stream().id)
        );
        assert_eq!(service.stream().source, Source::Livekit);
        watcher.wait_for_frames("camera", RATE, SOON);
        let seen = watcher.wait_for_frames("camera", 4 * RATE, Duration::from_secs(6));
        let frames: Vec<_> = seen.of("camera").collect();
        let frames = &frames[frames.len() - 4 * RATE..];
        let read = check(frames, &clock);
        let took = frames[frames.len() - 1].at - frames[0].at;
        println!("{read} of {} clocks read in {took:?}", frames.len());
        assert!(read >= 3 * RATE, "{read}");
        assert!(took < Duration::from_secs(5), "{took:?}");

        // The connection is known as well as a direct one.
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        assert!(
            stats.get::<u64>("bytes-sent").is_ok_and(|bytes| bytes > 0),
            "{stats}"
        );
        let rtt: f64 = stats.get("rtt-ms").expect("reports about the video");
        assert!(rtt < 1000.0, "{stats}");
        assert_eq!(stats.get::<i64>("packets-lost"), Ok(0), "{stats}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.sink.send_event(gst::event::Eos::new());
        pipeline.wait_for_eos(SOON);
        watcher.wait("the good-bye", SOON, |seen| {
            seen.lines.iter().any(|l| l == "left camera")
        });
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn encoded_video_is_passed_on_as_it_is() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let watcher = livekit.watch();
    let x264 = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60";
    for (name, encoder) in [
        (
            "baseline",
            format!("{x264} ! video/x-h264,profile=constrained-baseline"),
        ),
        (
            "high",
            format!("{x264} dct8x8=true ! video/x-h264,profile=high"),
        ),
        ("vp8", "vp8enc deadline=1 keyframe-max-dist=60".to_owned()),
    ] {
        let service = unwatched();
        let properties = livekit.properties(name);
        let line =
            line(&properties).replace("! overshootsink", &format!("! {encoder} ! overshootsink"));
        let pipeline = Pipeline::new(&service, &line);
        let clock = Clock::of(&pipeline.pipeline);
        pipeline.play();
        let seen = watcher.wait_for_frames(name, 3 * RATE, SOON);
        let frames: Vec<_> = seen.of(name).collect();
        let read = check(&frames, &clock);
        println!("{name}: {read} of {} clocks read", frames.len());
        assert!(read >= 2 * RATE, "{read}");
        let stats = pipeline.sink.property::<gst::Structure>("stats");
        assert_eq!(stats.get::<u64>("frames-encoded"), Ok(0), "{name}: {stats}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn encoded_video_that_the_room_does_not_take_is_encoded_again() {
    let Some(livekit) = Livekit::with("{enabled_codecs: [{mime: video/VP8}]}") else {
        return;
    };
    let watcher = livekit.watch();
    let service = unwatched();
    let line = line(&livekit.properties("camera")).replace(
        "! overshootsink",
        "! x264enc tune=zerolatency speed-preset=ultrafast ! overshootsink",
    );
    let pipeline = Pipeline::new(&service, &line);
    let clock = Clock::of(&pipeline.pipeline);
    pipeline.play();
    let seen = watcher.wait_for_frames("camera", 3 * RATE, SOON);
    let frames: Vec<_> = seen.of("camera").collect();
    assert!(check(&frames, &clock) >= 2 * RATE);
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(!failures[0].fatal, "{failures:?}");
    assert!(failures[0].text.contains("encoded again"), "{failures:?}");
    pipeline.stop();
}

/// The emulator with its rooms on that server, or with its own.
fn with_rooms(livekit: Option<&Livekit>) -> Service {
    Service::with(|config| config.livekit = livekit.map(Livekit::server))
}

#[test]
fn a_room_of_the_services_is_used_and_left() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for server in [None, Some(&livekit)] {
        let service = with_rooms(server);
        let pipeline = Pipeline::new(&service, &line("transport=livekit interval-seconds=1"));
        pipeline.play();
        service.wait("pictures and answers", |seen| {
            let stream = seen.streams.first();
            stream.is_some_and(|s| s.frames.len() > 2 * RATE && s.answers.len() > 1)
        });
        let took = pipeline.stop();
        println!("stopped in {took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        service.assert_all_deleted();
    }
}

#[test]
fn where_no_direct_connection_can_be_made_the_services_room_is_used() {
    let service = with_rooms(None);
    service
        .control
        .inject(Call::Create, Fault::DeafMedia, Times::Always);
    let pipeline = Pipeline::new(&service, &line("timeout=3000000000 interval-seconds=1"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", SOON);
    let failures = pipeline.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(!failures[0].fatal, "{failures:?}");
    assert!(failures[0].text.contains("LiveKit"), "{failures:?}");
    let seen = service.control.snapshot();
    let sources: Vec<_> = seen.streams.iter().map(|s| s.source).collect();
    assert_eq!(sources, [Source::Webrtc, Source::Livekit]);
    pipeline.stop();
    service.assert_all_deleted();
}

/// Two participants need two identities, and so two tokens.
#[test]
fn the_service_joins_a_room_of_ones_own() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let service = Service::start();
    let (own, services) = (livekit.token("camera"), livekit.token("service"));
    let properties = format!(
        "interval-seconds=1 livekit-url={} livekit-token={own},{services}",
        livekit.url()
    );
    let pipeline = Pipeline::new(&service, &line(&properties));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", SOON);
    let seen = service.control.snapshot();
    let create = seen.calls(Call::Create).next().expect("it is there");
    assert_eq!(create.status, 201);
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    service.assert_all_deleted();
}

#[test]
fn a_service_without_rooms_gives_the_first_error_back() {
    let service = unwatched();
    let control = &service.control;
    control.inject(Call::Create, Fault::DeafMedia, Times::Once);
    control.inject(Call::Create, Fault::status(422), Times::Always);
    let pipeline = Pipeline::new(&service, &line("timeout=3000000000"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, SOON);
    assert_eq!(
        failure.detail::<&str>("stage"),
        Some("connect"),
        "{failure:?}"
    );
    assert_eq!(failure.detail::<&str>("kind"), Some("media"), "{failure:?}");
    assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_server_that_restarts_is_joined_again_with_the_newest_token() {
    let Some(mut livekit) = Livekit::start() else {
        return;
    };
    let service = unwatched();
    let watcher = livekit.watch();
    // The server hands out one that lives longer.
    let token = livekit.token_with("camera", 4, &[]);
    let joined = Instant::now();
    let pipeline = Pipeline::new(
        &service,
        &line(&format!(
            "livekit-url={} livekit-token={token}",
            livekit.url()
        )),
    );
    pipeline.play();
    watcher.wait_for_frames("camera", RATE, SOON);
    livekit.kill();
    let expired = joined + Duration::from_secs(6);
    std::thread::sleep(expired.saturating_duration_since(Instant::now()));
    livekit.run();
    let up = Instant::now();
    watcher.wait_for_frames("camera", 2 * RATE, Duration::from_secs(40));
    println!("healed {:?} after the restart", up.elapsed());
    let failures = pipeline.failures();
    assert!(
        failures.iter().all(|failure| !failure.fatal),
        "{failures:?}"
    );
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_signalling_connection_that_is_lost_is_resumed() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    for older in [false, true] {
        let service = unwatched();
        let proxy = Proxy::new(&livekit.address, older.then_some(b"GET /rtc/v1".as_slice()));
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let watcher = livekit.watch();
        let token = livekit.token("camera");
        let pipeline = Pipeline::new(
            &service,
            &line(&format!("livekit-url={url} livekit-token={token}")),
        );
        pipeline.play();
        watcher.wait_for_frames("camera", RATE, SOON);
        proxy.end();
        let deadline = Instant::now() + SOON;
        while proxy.websockets() < 2 {
            assert!(Instant::now() < deadline, "not resumed");
            std::thread::sleep(Duration::from_millis(10));
        }
        // Longer than the server takes to miss somebody.
        let seen = watcher.wait_for_frames("camera", 10 * RATE, Duration::from_secs(14));
        let frames: Vec<_> = seen.of("camera").collect();
        let gap = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        println!("older form {older}: the longest gap is {gap:?}");
        assert!(gap < Some(Duration::from_secs(1)), "{gap:?}");
        assert_eq!(service.control.snapshot().streams.len(), 1);
        assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
        pipeline.stop();
    }
}

#[test]
fn two_publishers_share_a_room_but_not_an_identity() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let service = unwatched();
    let watcher = livekit.watch();
    let pipelines = ["left", "right"].map(|name| {
        let pipeline = Pipeline::new(&service, &line(&livekit.properties(name)));
        pipeline.play();
        pipeline
    });
    for name in ["left", "right"] {
        watcher.wait_for_frames(name, 2 * RATE, SOON);
    }
    assert!(
        pipelines
            .iter()
            .all(|pipeline| pipeline.failures().is_empty())
    );
    let other = Pipeline::new(&service, &line(&livekit.properties("left")));
    other.play();
    let failure = pipelines[0].wait_for_failure(true, SOON);
    assert!(failure.is(gst::ResourceError::NotAuthorized), "{failure:?}");
    assert!(failure.text.contains("identity"), "{failure:?}");
    watcher.wait_for_frames("right", RATE, SOON);
    assert!(
        pipelines[1].failures().is_empty(),
        "{:?}",
        pipelines[1].failures()
    );
}

#[test]
fn refusals_say_what_to_change() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let expired = livekit.token_with("camera", -60, &[]);
    let mute = livekit.token_with("camera", 3600, &["canPublish=false"]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = format!("ws://{}", nobody.local_addr().expect("bound"));
    drop(nobody);
    for (url, token, error, says) in [
        (
            &livekit.url(),
            &expired,
            gst::ResourceError::NotAuthorized,
            "expired",
        ),
        (
            &livekit.url(),
            &mute,
            gst::ResourceError::NotAuthorized,
            "canPublish",
        ),
        (&gone, &mute, gst::ResourceError::OpenWrite, "livekit-url"),
    ] {
        let service = unwatched();
        let pipeline = Pipeline::new(
            &service,
            &line(&format!("livekit-url={url} livekit-token={token}")),
        );
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, SOON);
        assert!(failure.is(error), "{failure:?}");
        assert_eq!(failure.detail::<&str>("stage"), Some("room"), "{failure:?}");
        assert!(failure.text.contains(says), "{failure:?}");
        assert!(!failure.text.contains(token.as_str()), "{failure:?}");
        pipeline.stop();
        service.assert_all_deleted();
    }
}

/// The server drops after a minute whoever has not made the connection that it waits for.
#[test]
fn a_publisher_is_not_dropped() {
    let Some(livekit) = Livekit::start() else {
        return;
    };
    let seconds = std::env::var("OVERSHOOT_LIVEKIT_SECONDS");
    let seconds: usize = seconds.map_or(80, |text| text.parse().expect("a number"));
    let bound = Duration::from_secs(seconds as u64 * 5 / 4);
    let services = [false, true].map(|older| (older, unwatched()));
    let watcher = livekit.watch();
    let publishers = services.each_ref().map(|(older, service)| {
        let proxy = Proxy::new(&livekit.address, older.then_some(b"GET /rtc/v1".as_slice()));
        let url = proxy.url.replace("http", "ws").replace("/v0.2", "");
        let token = livekit.token(if *older { "older" } else { "newer" });
        let pipeline = Pipeline::new(
            service,
            &line(&format!("livekit-url={url} livekit-token={token}")),
        );
        pipeline.play();
        (pipeline, proxy)
    });
    let wanted = seconds * RATE;
    let seen = watcher.wait("all frames", SOON + bound, |seen| {
        ["older", "newer"]
            .iter()
            .all(|name| seen.of(name).count() >= wanted)
    });
    for name in ["older", "newer"] {
        let frames: Vec<_> = seen.of(name).collect();
        let gap = frames.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        println!(
            "{name}: {} frames, the longest gap is {gap:?}",
            frames.len()
        );
        assert!(gap < Some(Duration::from_secs(3)), "{gap:?}");
    }
    assert!(
        !seen.lines.iter().any(|line| line.starts_with("left")),
        "{:?}",
        seen.lines
    );
    for (pipeline, _) in &publishers {
        // The emulator does not look into rooms, and so has nothing to say; but the video arrives.
        for failure in pipeline.failures() {
            let text = &failure.text;
            let expected = text.starts_with("No answer has come") && text.contains("arrives");
            assert!(!failure.fatal && expected, "{failure:?}");
        }
        pipeline.stop();
    }
    for (_, service) in &services {
        assert_eq!(service.control.snapshot().streams.len(), 1);
        service.assert_all_deleted();
    }
}

//! Refusals and failures: the right code, the details, what to change; and never more than that
//! with `on-error=warn`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::common::pipeline::Failure;
use crate::common::{KEY, Pipeline, Service};
use gst::ResourceError;
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

/// The failure of a pipeline that can't start. Nothing may have been sent.
fn refused(properties: &str, prepare: impl FnOnce(&gst::Element)) -> Failure {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        &format!("{LIVE} ! overshootsink name=o {properties}"),
    );
    prepare(&pipeline.sink);
    let started = pipeline.pipeline.set_state(gst::State::Playing);
    assert!(started.is_err(), "{properties} is taken");
    let failures = pipeline.failures();
    let fatal: Vec<_> = failures.into_iter().filter(|f| f.fatal).collect();
    assert_eq!(fatal.len(), 1, "one clear error: {fatal:?}");
    assert!(service.control.snapshot().requests.is_empty());
    let failure = fatal.into_iter().next().expect("one");
    assert!(failure.is(ResourceError::Settings), "{failure:?}");
    assert_eq!(failure.detail::<&str>("kind"), Some("invalid-settings"));
    assert_eq!(failure.detail::<&str>("stage"), Some("settings"));
    assert_eq!(failure.detail::<bool>("retryable"), Some(false));
    failure
}

#[test]
fn bad_settings_are_refused_before_anything_is_sent() {
    for (properties, fix) in [
        ("target-fps=6", "clip-length-seconds to 0.50"),
        ("target-fps=30 fps=30", "unset"),
        ("target-fps=30 sampling-ratio=0.5", "unset"),
        ("fps=60", "sampling-ratio"),
        ("fps=10", "clip-length-seconds to 0.30"),
        ("clip-length-seconds=61", "0.1 to 60"),
        ("delay-seconds=61", "0 to 60"),
        ("interval-seconds=0.05", "0.1 to 60"),
        ("mode=frame interval-seconds=61", "0.1 to 60"),
        ("max-output-tokens=26", "max-output-tokens to 25"),
        (
            "interval-seconds=1 max-output-tokens=129",
            "interval-seconds to 1.01",
        ),
        ("output-schema=nonsense", "not valid JSON"),
        ("output-schema=[]", "JSON object"),
        ("output-schema-location=/does/not/exist", "/does/not/exist"),
        ("video-caps=video/x-h266", "video/x-vp8"),
    ] {
        let failure = refused(properties, |_| {});
        assert!(failure.text.contains(fix), "{properties}: {}", failure.text);
    }
    let failure = refused("", |sink| sink.set_property("prompt", " "));
    assert!(failure.text.contains("prompt"), "{failure:?}");
    let failure = refused("", |sink| sink.set_property("api-key", " "));
    assert!(failure.text.contains("OVERSHOOT_API_KEY"), "{failure:?}");
    let failure = refused("", |sink| sink.set_property("api-url", "not an address"));
    assert!(failure.text.contains("api-url"), "{failure:?}");
    let failure = refused("", |sink| {
        sink.set_property("turn-servers", gst::Array::new(["turn-password@host"]));
    });
    assert!(failure.text.contains("turn://"), "{failure:?}");
    assert!(!failure.text.contains("turn-password"), "{failure:?}");
}

#[test]
fn a_slow_source_with_a_short_clip_is_refused_when_its_rate_is_known() {
    let service = Service::start();
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=10/1 \
         ! overshootsink name=o clip-length-seconds=0.2",
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::Settings), "{failure:?}");
    assert!(
        failure.text.contains("clip-length-seconds to 0.30"),
        "{failure:?}"
    );
    assert!(service.control.snapshot().requests.is_empty());
}

#[test]
fn a_refused_creation_says_what_to_do() {
    for (status, code, kind, retryable, advice) in [
        (
            400,
            ResourceError::Settings,
            "invalid-settings",
            false,
            "refused the request",
        ),
        (
            401,
            ResourceError::NotAuthorized,
            "not-authorized",
            false,
            "api-key",
        ),
        (
            402,
            ResourceError::NoSpaceLeft,
            "out-of-credits",
            false,
            "top it up",
        ),
        (
            403,
            ResourceError::NotAuthorized,
            "not-authorized",
            false,
            "api-key",
        ),
        (404, ResourceError::NotFound, "not-found", false, "api-url"),
        (
            422,
            ResourceError::Settings,
            "invalid-settings",
            false,
            "injected fault 422",
        ),
        (429, ResourceError::Busy, "busy", true, "try again later"),
        (500, ResourceError::OpenWrite, "server", true, "500"),
        (503, ResourceError::OpenWrite, "server", true, "503"),
        (
            302,
            ResourceError::OpenWrite,
            "protocol",
            false,
            "redirects",
        ),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, Fault::status(status), Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(failure.is(code), "{status}: {failure:?}");
        assert_eq!(failure.detail::<&str>("kind"), Some(kind), "{status}");
        assert_eq!(
            failure.detail::<u32>("status-code"),
            Some(u32::from(status))
        );
        assert_eq!(
            failure.detail::<&str>("request-id"),
            Some("req_injected"),
            "{status}"
        );
        assert_eq!(failure.detail::<&str>("stage"), Some("create"));
        assert_eq!(
            failure.detail::<bool>("retryable"),
            Some(retryable),
            "{status}"
        );
        assert!(failure.text.contains(advice), "{status}: {}", failure.text);
        let seen = service.control.snapshot();
        let creations = seen.calls(Call::Create).count();
        assert_eq!(creations, 1, "{status}: no hammering");
        // Which models there are may explain it.
        assert!(seen.requests.len() <= 2, "{status}");
    }
}

#[test]
fn answers_that_make_no_sense_are_explained() {
    let body = |content_type: &str, body: &str| Fault::Status {
        code: 200,
        headers: Vec::new(),
        body: body.to_owned(),
        content_type: content_type.to_owned(),
    };
    for (fault, kind, advice) in [
        (
            body("text/html", "<html>hello</html>"),
            "protocol",
            "api-url",
        ),
        (body("application/json", ""), "protocol", "api-url"),
        (
            body("application/json", "{\"stream_id\": 7}"),
            "protocol",
            "api-url",
        ),
        (
            body("application/json", "{\"stream_id\": \"\"}"),
            "protocol",
            "api-url",
        ),
        (
            body("application/json", "{\"stream_id\": \"x\"}"),
            "protocol",
            "WebRTC answer",
        ),
        (Fault::AnswerWithoutVideo, "protocol", "refuses the video"),
        (Fault::GarbageSdp, "protocol", "no video"),
        (Fault::Reset, "network", "api-url"),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, fault.clone(), Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(
            failure.is(ResourceError::OpenWrite),
            "{fault:?}: {failure:?}"
        );
        assert_eq!(
            failure.detail::<&str>("kind"),
            Some(kind),
            "{fault:?}: {failure:?}"
        );
        assert!(failure.text.contains(advice), "{fault:?}: {}", failure.text);
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn connections_that_fail_are_bounded_and_explained() {
    for (fault, within) in [
        (Fault::DeafMedia, Duration::from_secs(4)),
        (Fault::WrongFingerprint, Duration::from_secs(4)),
    ] {
        let service = Service::start();
        service
            .control
            .inject(Call::Create, fault.clone(), Times::Always);
        let pipeline = Pipeline::new(
            &service,
            &format!("{LIVE} ! overshootsink name=o transport=webrtc timeout=2000000000"),
        );
        pipeline.play();
        let start = Instant::now();
        let failure = pipeline.wait_for_failure(true, within);
        println!("{fault:?}: {} after {:?}", failure.text, start.elapsed());
        assert!(failure.is(ResourceError::OpenWrite), "{failure:?}");
        assert_eq!(failure.detail::<&str>("stage"), Some("connect"));
        assert_eq!(failure.detail::<&str>("kind"), Some("media"));
        pipeline.stop();
        service.assert_all_deleted();
    }
    // Nobody listens there; a server that takes the call and says nothing.
    let pipeline = Pipeline::at(
        "http://127.0.0.1:1/v0.2",
        &format!("{LIVE} ! overshootsink name=o"),
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::OpenWrite), "{failure:?}");
    assert_eq!(failure.detail::<&str>("kind"), Some("network"));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v0.2", silent.local_addr().expect("bound"));
    let line = format!("{LIVE} ! overshootsink name=o timeout=1000000000");
    let pipeline = Pipeline::at(&url, &line);
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(4));
    assert_eq!(
        failure.detail::<&str>("kind"),
        Some("timeout"),
        "{failure:?}"
    );
}

#[test]
fn a_key_that_the_socket_refuses_is_final() {
    let service = Service::start();
    service
        .control
        .inject(Call::Socket, Fault::RefuseKey, Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    assert_eq!(failure.detail::<u32>("status-code"), Some(1008));
    pipeline.stop();
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 1);
}

#[test]
fn running_out_of_credits_is_final() {
    let service = Service::with(|config| config.lease_ttl = Duration::from_secs(2));
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .inject(Call::Keepalive, Fault::status(402), Times::Always);
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NoSpaceLeft), "{failure:?}");
    assert_eq!(service.control.snapshot().calls(Call::Keepalive).count(), 1);

    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    service
        .control
        .end_stream(&service.stream().id, EndReason::InsufficientCredits);
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert!(failure.is(ResourceError::NoSpaceLeft), "{failure:?}");
}

/// Counts the frames of a sibling branch while `trouble` happens.
fn with_sibling(service: &Service, properties: &str, trouble: impl FnOnce(&Pipeline)) -> Pipeline {
    let pipeline = Pipeline::new(
        service,
        &format!(
            "{LIVE} ! tee name=t ! queue ! fakesink name=sibling signal-handoffs=true sync=false \
             t. ! queue ! overshootsink name=o on-error=warn {properties}"
        ),
    );
    let frames = Arc::new(AtomicU64::new(0));
    let counted = frames.clone();
    let sibling = pipeline.pipeline.by_name("sibling").expect("it is there");
    sibling.connect("handoff", false, move |_| {
        counted.fetch_add(1, Relaxed);
        None
    });
    pipeline.play();
    let start = Instant::now();
    trouble(&pipeline);
    // Long enough for the rate to mean something.
    std::thread::sleep(Duration::from_secs(2).saturating_sub(start.elapsed()));
    let rate = frames.load(Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!("the sibling ran at {rate:.1} frames a second");
    assert!(rate > 27.0, "{rate}");
    assert!(
        pipeline.failures().iter().all(|f| !f.fatal),
        "{:?}",
        pipeline.failures()
    );
    pipeline
}

#[test]
fn with_warn_a_sibling_branch_never_notices() {
    // Refused for good: one WARNING, no more tries.
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let pipeline = with_sibling(&service, "", |pipeline| {
        let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
        assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    });
    assert_eq!(service.control.snapshot().requests.len(), 1);
    assert_eq!(pipeline.states().last().map(String::as_str), Some("closed"));

    // Bad settings: the same.
    let pipeline = with_sibling(&service, "target-fps=6", |_| {});
    assert_eq!(pipeline.failures().len(), 1, "{:?}", pipeline.failures());
    assert_eq!(service.control.snapshot().requests.len(), 1);

    // A server that is not there yet: tried again until it is.
    let service = Service::start();
    service
        .control
        .inject(Call::Create, Fault::Reset, Times::N(2));
    with_sibling(&service, "", |pipeline| {
        pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
        assert_eq!(pipeline.failures().len(), 2, "{:?}", pipeline.failures());
    });

    // A stream that is cut off in the middle, and a socket that refuses.
    let service = Service::start();
    with_sibling(&service, "", |pipeline| {
        pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
        let close = SocketMessage::Close {
            code: 1008,
            reason: "revoked".into(),
        };
        service.control.send_on_socket(&service.stream().id, close);
        let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
        assert!(failure.is(ResourceError::NotAuthorized), "{failure:?}");
    });
    service.assert_all_deleted();
}

#[test]
fn with_warn_a_file_plays_on_without_the_service() {
    // Its preroll is let go, its frames are dropped, its end comes.
    let pipeline = Pipeline::at(
        "http://127.0.0.1:1/v0.2",
        "videotestsrc num-buffers=30 ! video/x-raw,framerate=30/1 ! overshootsink name=o on-error=warn",
    );
    let start = Instant::now();
    pipeline.play();
    pipeline.wait_for_eos(Duration::from_secs(10));
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(4),
        "{took:?}"
    );
    assert!(!pipeline.failures().is_empty());
}

#[test]
fn progress_is_begun_and_ended() {
    let progress = |pipeline: &Pipeline| {
        let messages = pipeline.messages();
        messages
            .iter()
            .filter_map(|(_, message)| match message.view() {
                gst::MessageView::Progress(progress) => Some(progress.get().0),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    use gst::ProgressType as P;
    assert_eq!(progress(&pipeline), [P::Start, P::Complete]);

    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert_eq!(progress(&pipeline), [P::Start, P::Error]);

    service.control.clear_faults();
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for("the start", Duration::from_secs(5), |_| {
        (!progress(&pipeline).is_empty()).then_some(())
    });
    pipeline.stop();
    assert_eq!(progress(&pipeline), [P::Start, P::Canceled]);
}

#[test]
fn no_message_holds_the_key() {
    for status in [400, 401, 422, 500] {
        let service = Service::start();
        let echo = Fault::Status {
            code: status,
            headers: Vec::new(),
            // A server that repeats what it was sent.
            body: format!(r#"{{"message": "Bearer {KEY} is no good", "request_id": "{KEY}"}}"#),
            content_type: "application/json".to_owned(),
        };
        service.control.inject(Call::Create, echo, Times::Always);
        let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
        pipeline.play();
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(5));
        assert!(!format!("{failure:?}").contains(KEY), "{failure:?}");
    }
}

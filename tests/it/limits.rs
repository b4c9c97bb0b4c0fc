//! A service that says too much: everything has an outcome, and memory stays bounded.

use std::time::{Duration, Instant};

use crate::common::{Pipeline, Proxy, Service};
use overshoot_emulator::SocketMessage;

/// Answers in the flood, meant to come within a second.
const FLOOD: usize = 10_000;
/// What the process may grow by. The test itself keeps every message of the bus.
const GROWTH_KIB: u64 = 64 * 1024;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse().ok()).expect("a size")
}

fn line() -> &'static str {
    "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 \
     ! overshootsink name=o interval-seconds=0.2 on-error=warn"
}

#[test]
fn a_flood_of_answers_is_cut_short() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, line());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    let before = resident_kib();
    let start = Instant::now();
    for number in 0..FLOOD {
        let text = format!(r#"{{"id":"flood-{number}","result":"flood {number}"}}"#);
        // The emulator's queue holds 128: a full one is the element's pace.
        while !service
            .control
            .send_on_socket(&id, SocketMessage::Text(text.clone()))
        {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "stuck at {number}"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    // Told with the first answer that passes again.
    let told = pipeline.wait_for("a WARNING", Duration::from_secs(10), |message| {
        let gst::MessageView::Warning(warning) = message.view() else {
            return None;
        };
        let text = warning.error().message().to_owned();
        let left_out = text.split("in one second: ").nth(1)?.split(' ').next()?;
        Some(left_out.parse::<usize>().expect("a number"))
    });
    let took = start.elapsed();
    let growth = resident_kib().saturating_sub(before);
    let flood: Vec<String> = pipeline
        .results()
        .iter()
        .map(|result| result.text())
        .filter(|text| text.starts_with("flood"))
        .collect();
    println!(
        "{FLOOD} answers in {took:?}: {} delivered, {told} left out; the process grew by {growth} KiB",
        flood.len()
    );
    // In order, from the first on.
    assert!(flood.len() >= 150, "{}", flood.len());
    assert_eq!(
        flood[..150],
        (0..150).map(|n| format!("flood {n}")).collect::<Vec<_>>()
    );
    // Each has its outcome; some of the emulator's own were among them.
    let outcomes = flood.len() + told;
    assert!((FLOOD..FLOOD + 50).contains(&outcomes), "{outcomes}");
    assert!(growth < GROWTH_KIB, "{growth} KiB");
    let took = pipeline.stop();
    assert!(took < Duration::from_secs(3), "{took:?}");
    service.assert_all_deleted();
}

#[test]
fn a_frame_that_claims_to_be_huge_is_not_waited_for() {
    let service = Service::start();
    let proxy = Proxy::before(&service);
    let pipeline = Pipeline::at(&proxy.url, line());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let before = resident_kib();
    // RFC 6455 section 5.2: a text of 1 GiB.
    let claim = [&[0x81, 127], &(1u64 << 30).to_be_bytes()[..]].concat();
    proxy.say(&claim);
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert_eq!(failure.detail::<&str>("kind"), Some("network"));
    assert!(failure.text.contains("too long"), "{failure:?}");
    service.wait("another socket", |seen| {
        seen.streams[0].socket_connections == 2
    });
    let growth = resident_kib().saturating_sub(before);
    println!("the process grew by {growth} KiB");
    assert!(growth < GROWTH_KIB, "{growth} KiB");
}

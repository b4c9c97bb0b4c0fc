// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A service that sends too much: every answer is delivered or counted as dropped, and the memory stays bounded.

use std::time::{Duration, Instant};

use crate::common::process::resident_kib;
use crate::common::{Pipeline, Proxy, Service};
use overshoot_emulator::SocketMessage;

/// The number of answers in the flood. The service sends them within about a second.
const FLOOD_ANSWERS: usize = 10_000;
/// The memory by which the process may grow. The test itself keeps every message of the bus.
const MAX_GROWTH_KIB: usize = 64 * 1024;

/// A launch line with small live video.
fn line() -> &'static str {
    "videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 \
     ! overshootsink name=o interval-seconds=0.2 on-error=warn"
}

#[test]
fn a_flood_of_answers_is_limited() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, line());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let id = service.stream().id;
    let before = resident_kib();
    let start = Instant::now();
    for number in 0..FLOOD_ANSWERS {
        let text = format!(r#"{{"id":"flood-{number}","result":"flood {number}"}}"#);
        // The emulator's queue holds 128 answers. When it is full, the element decides the pace.
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
    // The element posts the WARNING with the first answer that it delivers again.
    let dropped = pipeline.wait_for("a WARNING", Duration::from_secs(10), |message| {
        let gst::MessageView::Warning(warning) = message.view() else {
            return None;
        };
        let text = warning.error().message().to_owned();
        let dropped = text.split("in one second: ").nth(1)?.split(' ').next()?;
        Some(dropped.parse::<usize>().expect("a number"))
    });
    let elapsed = start.elapsed();
    let growth = resident_kib().saturating_sub(before);
    let flood: Vec<String> = pipeline
        .results()
        .iter()
        .map(|result| result.text())
        .filter(|text| text.starts_with("flood"))
        .collect();
    println!(
        "{FLOOD_ANSWERS} answers in {elapsed:?}: {} delivered, {dropped} dropped; the process grew by {growth} KiB",
        flood.len()
    );
    // The first answers of the flood are delivered in order.
    assert!(flood.len() >= 150, "{}", flood.len());
    assert_eq!(
        flood[..150],
        (0..150).map(|n| format!("flood {n}")).collect::<Vec<_>>()
    );
    // Every answer is counted. Some of the emulator's own answers are among them.
    let outcomes = flood.len() + dropped;
    assert!(
        (FLOOD_ANSWERS..FLOOD_ANSWERS + 50).contains(&outcomes),
        "{outcomes}"
    );
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB");
    let elapsed = pipeline.stop();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    service.assert_all_deleted();
}

#[test]
fn a_frame_with_a_huge_length_is_rejected_at_once() {
    let service = Service::start();
    let proxy = Proxy::in_front_of(&service);
    let pipeline = Pipeline::at(&proxy.url, line());
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    let before = resident_kib();
    // RFC 6455, section 5.2: the header of a text frame of 1 GiB.
    let header = [&[0x81, 127], &(1u64 << 30).to_be_bytes()[..]].concat();
    proxy.send_to_client(&header);
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert_eq!(failure.detail::<&str>("kind"), Some("network"));
    assert!(failure.text.contains("too long"), "{failure:?}");
    service.wait("another socket", |seen| {
        seen.streams[0].socket_connections == 2
    });
    let growth = resident_kib().saturating_sub(before);
    println!("the process grew by {growth} KiB");
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB");
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Replicas that share cameras through a work queue.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::brokers::Broker;
use crate::support::program::{answers_of, bare, command};
use crate::support::{Camera, LIVE, Program, Service, active_streams, entry, file};
use serde_json::Value;

fn url(nats: &Broker) -> String {
    format!("nats://127.0.0.1:{}", nats.port)
}

/// Runs `enqueue` with a file. Returns its output.
fn enqueue(nats: &Broker, file: &Path) -> String {
    let mut command = bare();
    let done = command
        .arg("enqueue")
        .arg(file)
        .args(["--nats", &url(nats)])
        .output();
    let done = done.expect("it runs");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).expect("text")
}

/// A replica whose cameras others may take after three silent seconds.
fn replica(service: &Service, nats: &Broker, capacity: u32) -> Program {
    replica_with(service, nats, capacity, 3)
}

fn replica_with(service: &Service, nats: &Broker, capacity: u32, ack_wait: u32) -> Program {
    let mut replica: Command = command(service);
    let (capacity, ack_wait) = (capacity.to_string(), ack_wait.to_string());
    replica.args([
        "work",
        "--ack-wait-seconds",
        &ack_wait,
        "--capacity",
        &capacity,
    ]);
    // The environment, not the command line, because the URL may contain a login.
    Program::spawn(replica.env("NATS_URL", url(nats)))
}

/// The cameras of a replica's events, sorted.
fn cameras_of(events: &[Value]) -> Vec<String> {
    let mut names: Vec<_> = events
        .iter()
        .map(|event| event["camera"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn three(rtsp: &Camera) -> String {
    ["a", "b", "c"].map(|name| entry(name, &rtsp.url)).concat()
}

#[test]
fn a_replica_that_is_killed_loses_its_cameras_to_another() {
    let (service, nats, rtsp) = (Service::start(), Broker::nats(), Camera::serve(0, LIVE));
    let (_folder, list) = file(&three(&rtsp));
    assert_eq!(enqueue(&nats, &list), "a: added\nb: added\nc: added\n");
    assert_eq!(
        enqueue(&nats, &list),
        "a: unchanged\nb: unchanged\nc: unchanged\n"
    );
    // The first replica takes cameras up to its capacity, the second one the rest.
    let first = replica(&service, &nats, 2);
    first.wait("two cameras", |events| cameras_of(events).len() == 2);
    let second = replica(&service, &nats, 3);
    second.wait("the third", |events| !events.is_empty());
    let (before, rest) = (cameras_of(&first.events()), cameras_of(&second.events()));
    assert_eq!((before.len(), rest.len()), (2, 1));
    assert!(!before.contains(&rest[0]));

    let killed = Instant::now();
    first.signal("KILL");
    drop(first);
    second.wait("all of them", |events| cameras_of(events).len() == 3);
    println!(
        "taken over {:?} after the end of the other",
        killed.elapsed()
    );
    assert!(
        killed.elapsed() > Duration::from_secs(1),
        "the cameras were taken over too early"
    );

    assert!(second.stop().status.success());
    service.wait("no stream", |seen| active_streams(seen) == 0);
}

#[test]
fn a_replica_that_stops_gives_its_cameras_back() {
    let (service, nats, rtsp) = (Service::start(), Broker::nats(), Camera::serve(0, LIVE));
    let (_folder, list) = file(&entry("a", &rtsp.url));
    enqueue(&nats, &list);
    // Longer than the timeouts of this test.
    let first = replica_with(&service, &nats, 1, 600);
    first.wait("answers", |events| !events.is_empty());
    let second = replica_with(&service, &nats, 1, 600);
    let given = Instant::now();
    let finished = first.stop();
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.stderr.contains("a: given back"), "{finished:?}");
    second.wait("answers", |events| !events.is_empty());
    println!("given back and running again after {:?}", given.elapsed());
    assert!(second.stop().status.success());
    service.assert_all_deleted();
}

#[test]
fn the_queue_follows_its_file_while_replicas_run() {
    let (service, nats, rtsp) = (Service::start(), Broker::nats(), Camera::serve(0, LIVE));
    let (_folder, list) = file(&three(&rtsp));
    enqueue(&nats, &list);
    let replica = replica(&service, &nats, 5);
    replica.wait("all", |events| cameras_of(events).len() == 3);
    let changed = format!(
        "{}{}",
        entry("a", &rtsp.url),
        entry("b", &rtsp.url).replace("What do you see?", "What else?")
    );
    let (_folder, list) = file(&changed);
    assert_eq!(
        enqueue(&nats, &list),
        "a: unchanged\nb: changed\nc: removed\n"
    );
    replica.wait("the other prompt", |events| {
        answers_of(events, "b")
            .iter()
            .any(|answer| answer["prompt"] == "What else?")
    });
    replica.wait_for_log("c: changed or removed");
    service.wait("two streams", |seen| active_streams(seen) == 2);
    let finished = replica.stop();
    assert!(finished.status.success(), "{finished:?}");
    service.wait("no stream", |seen| active_streams(seen) == 0);
    service.assert_all_deleted();
}

#[test]
fn a_replica_that_loses_the_queue_stops_its_cameras() {
    let (service, nats, rtsp) = (Service::start(), Broker::nats(), Camera::serve(0, LIVE));
    let (_folder, list) = file(&entry("a", &rtsp.url));
    enqueue(&nats, &list);
    let replica = replica(&service, &nats, 1);
    replica.wait("answers", |events| events.len() >= 3);
    drop(nats);
    // It continues at first, because no other replica can have the camera yet.
    let before = replica.events().len();
    replica.wait("more answers", |events| events.len() > before + 2);
    replica.wait_for_log("a: not held any more");
    service.wait("no stream", |seen| active_streams(seen) == 0);
    let finished = replica.stop();
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.took < Duration::from_secs(15), "{finished:?}");
    service.assert_all_deleted();
}

#[test]
fn answers_of_replicas_go_to_nats() {
    use futures_util::StreamExt;
    let (service, nats, rtsp) = (Service::start(), Broker::nats(), Camera::serve(0, LIVE));
    let (_folder, list) = file(&entry("a", &rtsp.url));
    enqueue(&nats, &list);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = async_nats::connect(url(&nats)).await.expect("connects");
        let mut answers = client.subscribe("overshoot.>").await.expect("subscribes");
        client.flush().await.expect("flushed");
        let replica = replica(&service, &nats, 1);
        let answer = tokio::time::timeout(crate::support::program::WAIT, answers.next()).await;
        let answer = answer.expect("in time").expect("open");
        assert_eq!(answer.subject.as_str(), "overshoot.a");
        assert!(replica.stop().status.success());
    });
}

#[test]
fn an_unusable_server_is_reported() {
    let (_folder, list) = file(&entry("a", "rtsp://user:5ecret@127.0.0.1/"));
    for (nats, why) in [
        ("nats://user:5ecret@127.0.0.1:1", "NATS at 127.0.0.1"),
        ("http://user:5ecret@127.0.0.1", "nats:// or tls://"),
        ("nothing", "--nats"),
    ] {
        let done = bare()
            .arg("enqueue")
            .arg(&list)
            .env("NATS_URL", nats)
            .output()
            .expect("it runs");
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(
            !done.status.success() && stderr.contains(why) && !stderr.contains("5ecret"),
            "{stderr}"
        );
    }
}

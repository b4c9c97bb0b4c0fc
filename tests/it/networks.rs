// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Real networks: lost, late, too many or blocked packets, cut lines, changed addresses, TURN relays. The sender is a
//! `gst-launch-1.0` in its own network namespace, the emulator is in another one, and a router is between them.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::{Duration, Instant};

use crate::common::network::{ROUTER_ADDRESS, ROUTER_OUTSIDE_ADDRESS};
use crate::common::{Launch, Network, Service};
use overshoot_emulator::Snapshot;

/// Noise, so that a frame needs many packets.
const NOISE: &str = "videotestsrc is-live=true pattern=snow";
/// A simple picture, whose frames need few packets.
const CALM: &str = "videotestsrc is-live=true pattern=ball";
/// A second branch, which prints each frame that it gets, and the start of the element's branch.
const SIBLING: &str = "video/x-raw,width=320,height=240,framerate=30/1 ! tee name=t \
    ! queue ! fakesink name=sibling silent=false sync=false t. ! queue";
const FRAMES_PER_SECOND: f64 = 30.0;

fn line(source: &str, element: &str) -> String {
    format!("-v {source} ! {SIBLING} ! overshootsink prompt=Well? delay-seconds=0.2 {element}")
}

/// The numbers of the frames that the second branch got.
fn sibling_frames(launch: &Launch) -> Vec<u64> {
    let printed = launch.stdout();
    let frames = printed
        .lines()
        .filter(|line| line.contains("last-message = chain"));
    frames
        .map(|line| {
            let number = line.split_once("offset: ").map(|(_, rest)| rest);
            let number = number.and_then(|rest| rest.split(',').next()?.parse().ok());
            number.unwrap_or_else(|| panic!("no number in {line}"))
        })
        .collect()
}

/// Asserts that no frame was lost.
fn assert_complete(frames: &[u64]) {
    let expected: Vec<u64> = (0..frames.len() as u64).collect();
    assert_eq!(frames, expected, "frames in the second branch");
}

/// Asserts that the second branch has the source's full rate in each of these seconds. The rate is checked for each
/// second, because a live source that was blocked sends its frames later.
fn assert_full_rate(launch: &Launch, seconds: u32) {
    for _ in 0..seconds {
        let (before, start) = (sibling_frames(launch).len(), Instant::now());
        thread::sleep(Duration::from_secs(1));
        let (frames, time) = (sibling_frames(launch).len() - before, start.elapsed());
        let due = time.as_secs_f64() * FRAMES_PER_SECOND;
        assert!(
            (frames as f64 - due).abs() < 10.0,
            "{frames} frames in the second branch in {time:?}"
        );
    }
}

/// The number of answers that the element has received.
fn answer_count(launch: &Launch) -> usize {
    launch.stdout().matches("last-result = ").count()
}

/// Waits for this many more answers. Returns how long that took.
fn wait_for_answers(launch: &Launch, more: usize, timeout: Duration) -> Duration {
    let (start, before) = (Instant::now(), answer_count(launch));
    while answer_count(launch) < before + more {
        assert!(start.elapsed() < timeout, "{}", messages(launch));
        thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

/// The output without the lines about frames and caps.
fn messages(launch: &Launch) -> String {
    let printed = launch.printed();
    let ignored = ["(sibling:sink)", "caps ="];
    let lines = printed
        .lines()
        .filter(|line| !ignored.iter().any(|part| line.contains(part)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Sends Ctrl-C. Asserts that the process ends without an ERROR and that the last stream is deleted.
fn stop(launch: Launch, service: &Service) {
    assert_complete(&sibling_frames(&launch));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(5));
    assert!(!finished.stderr.contains("ERROR"), "{}", finished.stderr);
    let seen = service.control.snapshot();
    let last = seen.streams.last().expect("a stream");
    let end = last.ended.map(|(_, reason)| reason);
    let requested = Some(overshoot_emulator::EndReason::ClientRequested);
    assert_eq!(end, requested, "{finished:?}");
    let open = seen.streams.iter().filter(|s| s.ended.is_none()).count();
    assert_eq!(open, 0, "streams are left open");
}

#[test]
fn lost_packets_are_sent_again() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.start_service(|_| {});
    let launch = network.launch(&service, &line(NOISE, ""));
    let frames = |seen: &Snapshot| seen.streams.first().map_or(0, |s| s.frames.len());
    let before = frames(&service.wait("video", |seen| frames(seen) > 0));
    // Packets are lost in both directions, so requests for retransmission are lost, too. TCP is not affected, because
    // it repairs losses itself. The losses do not start at once: the emulator's DTLS (dimpl 0.9) does not finish
    // every handshake in which packets are lost, although they are sent again.
    network.add_forward_rule("meta l4proto udp numgen random mod 100 < 5 counter drop");
    service.wait("video with losses", |seen| frames(seen) >= before + 150);
    wait_for_answers(&launch, 5, Duration::from_secs(5));
    let (stream, lost) = (service.stream(), network.packets_counted());
    let elapsed = stream.frames[before + 149].at - stream.frames[before].at;
    println!(
        "{lost} packets lost, {} arrived; 150 frames decoded in {elapsed:?}, {} key frames requested",
        stream.packets, stream.keyframe_requests
    );
    assert!(lost > 20, "{lost} packets lost");
    // Without retransmission hardly any frame would be complete.
    assert!(elapsed < Duration::from_secs(7), "{elapsed:?}");
    assert!(stream.keyframe_requests < 8, "{}", stream.keyframe_requests);
    stop(launch, &service);
}

#[test]
fn a_long_delay_is_no_problem() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let helper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup/delay.py");
    if let Err(reason) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        return println!("skipped: /dev/net/tun, which delays the packets: {reason}");
    }
    let delay = network.spawn_on_router(&format!("python3 {helper} 0.1 inside outside"));
    delay.wait_for_output("delaying", Duration::from_secs(5));
    let service = network.start_service(|_| {});
    let launch = network.launch(&service, &line(CALM, ""));
    wait_for_answers(&launch, 15, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!(
        "connected {connected:?} after the offer, {} frames",
        stream.frames.len()
    );
    // A connectivity check and two flights of DTLS need three round trips.
    assert!(connected > Duration::from_millis(400), "{connected:?}");
    assert_full_rate(&launch, 1);
    stop(launch, &service);
}

#[test]
fn a_narrow_line_does_not_end_the_stream() {
    const LIMIT_BITS_PER_SECOND: u64 = 400_000;
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.start_service(|_| {});
    let launch = network.launch(&service, &line(NOISE, ""));
    wait_for_answers(&launch, 3, Duration::from_secs(10));
    let limit = format!(
        "tc qdisc add dev outside root tbf rate {LIMIT_BITS_PER_SECOND} burst 5kb latency 50ms"
    );
    if let Err(reason) = network.run_on_router(&limit) {
        return println!("skipped: {reason}");
    }
    // The packets that are on their way must arrive first.
    thread::sleep(Duration::from_millis(500));
    let bytes = || service.stream().bytes;
    let (before, start) = (bytes(), Instant::now());
    assert_full_rate(&launch, 4);
    let rate = (bytes() - before) as f64 * 8.0 / start.elapsed().as_secs_f64();
    println!("{rate:.0} bit/s of video through a line of {LIMIT_BITS_PER_SECOND} bit/s");
    assert!(rate < 1.1 * LIMIT_BITS_PER_SECOND as f64, "{rate}");
    network
        .run_on_router("tc qdisc del dev outside root")
        .expect("the limit can be lifted");
    let elapsed = wait_for_answers(&launch, 3, Duration::from_secs(10));
    println!("answers again {elapsed:?} after the limit was lifted");
    // It is the same stream all the time.
    assert_eq!(service.control.snapshot().streams.len(), 1);
    stop(launch, &service);
}

#[test]
fn streaming_continues_after_a_cut() {
    const CUT_SECONDS: u32 = 10;
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.start_service(|_| {});
    let launch = network.launch(&service, &line(CALM, ""));
    wait_for_answers(&launch, 10, Duration::from_secs(10));
    network.add_forward_rule("drop");
    assert_full_rate(&launch, CUT_SECONDS);
    network.remove_forward_rules();
    let elapsed = wait_for_answers(&launch, 5, Duration::from_secs(20));
    println!(
        "answers again {elapsed:?} after a cut of {CUT_SECONDS} s, {} streams",
        service.control.snapshot().streams.len()
    );
    stop(launch, &service);
}

#[test]
fn a_new_address_gets_a_new_stream() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    // With this long lease, no renewal shows in time that the service has given up the stream.
    let service = network.start_service(|config| config.lease_ttl = Duration::from_secs(60));
    let launch = network.launch(&service, &line(CALM, ""));
    // The service must send reports first: without them its silence means nothing.
    wait_for_answers(&launch, 25, Duration::from_secs(10));
    network.change_sender_address("10.77.1.3");
    let elapsed = wait_for_answers(&launch, 5, Duration::from_secs(16));
    println!("answers again {elapsed:?} after the address had changed");
    assert_eq!(service.control.snapshot().streams.len(), 2);
    stop(launch, &service);
}

/// Starts coturn on the router, for the user `someone` with the password `right`.
fn start_relay(network: &Network) -> Option<Launch> {
    if std::process::Command::new("turnserver")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: turnserver is not installed (package coturn)");
        return None;
    }
    let folder = env!("CARGO_TARGET_TMPDIR");
    let relay = network.spawn_on_router(&format!(
        "turnserver -n -v --no-cli --listening-ip {ROUTER_ADDRESS} --relay-ip {ROUTER_OUTSIDE_ADDRESS} \
         --lt-cred-mech --realm test --user someone:right --userdb {folder}/turn.db \
         --pidfile {folder}/turn.pid --log-file stdout --simple-log"
    ));
    for transport in ["TCP", "UDP"] {
        let ready = format!("{transport} listener opened");
        relay.wait_for_output(&ready, Duration::from_secs(10));
    }
    Some(relay)
}

/// The property `turn-servers` with this relay.
fn turn_servers(password: &str, transport: &str) -> String {
    format!(
        "turn-servers='<\"turn://someone:{password}@{ROUTER_ADDRESS}:3478?transport={transport}\">'"
    )
}

/// Streams through a relay while the direct path is blocked.
fn stream_over_relay(transport: &str) {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(_relay) = start_relay(&network) else {
        return;
    };
    network.add_forward_rule("meta l4proto udp counter drop");
    if transport == "tcp" {
        network
            .run_on_router("nft add rule inet test input iif inside meta l4proto udp drop")
            .expect("nftables takes the rule");
    }
    let service = network.start_service(|_| {});
    let element = turn_servers("right", transport);
    let launch = network.launch(&service, &line(CALM, &element));
    wait_for_answers(&launch, 5, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!(
        "by {transport}: connected {connected:?} after the offer, {} packets tried the direct path",
        network.packets_counted()
    );
    assert!(
        network.packets_counted() > 0,
        "the direct path was not tried"
    );
    stop(launch, &service);
}

#[test]
fn a_relay_is_used_if_the_direct_path_is_blocked() {
    stream_over_relay("udp");
}

#[test]
fn a_relay_is_reached_by_tcp_if_udp_is_blocked() {
    stream_over_relay("tcp");
}

#[test]
fn the_relay_policy_sends_nothing_directly() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(_relay) = start_relay(&network) else {
        return;
    };
    // The rule counts the packets and does not block them.
    network.add_forward_rule("meta l4proto udp counter");
    let service = network.start_service(|_| {});
    let element = format!(
        "ice-transport-policy=relay {}",
        turn_servers("right", "udp")
    );
    let launch = network.launch(&service, &line(CALM, &element));
    wait_for_answers(&launch, 5, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!("connected {connected:?} after the offer");
    assert_eq!(network.packets_counted(), 0, "packets were sent directly");
    stop(launch, &service);
}

#[test]
fn a_relay_that_rejects_the_password_causes_a_clear_error() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(relay) = start_relay(&network) else {
        return;
    };
    network.add_forward_rule("meta l4proto udp drop");
    let service = network.start_service(|_| {});
    for policy in ["all", "relay"] {
        let element = format!(
            "transport=webrtc ice-transport-policy={policy} timeout=4000000000 {}",
            turn_servers("wrong", "udp")
        );
        let start = Instant::now();
        let launch = network.launch(&service, &line(CALM, &element));
        let finished = launch.finish(Duration::from_secs(7));
        println!(
            "policy {policy}: after {:?}: {}",
            start.elapsed(),
            finished.stderr
        );
        assert!(!finished.status.success());
        assert!(
            finished
                .stderr
                .contains("turn-servers (with the right password)"),
            "{}",
            finished.stderr
        );
    }
    relay.wait_for_output("401", Duration::from_secs(1));
    let seen = service.control.snapshot();
    assert!(seen.streams.iter().all(|stream| stream.ended.is_some()));
}

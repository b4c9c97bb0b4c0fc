//! Real networks: packets that are lost, late, too many or blocked, lines that are cut, addresses
//! that change, relays. The sender is a `gst-launch-1.0` in a network namespace of its own, the
//! emulator sits in another, and between them is a router.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::{Duration, Instant};

use crate::common::network::{ROUTER, ROUTER_OUTSIDE};
use crate::common::{Launch, Network, Service};
use overshoot_emulator::Snapshot;

/// Noise, so that a frame takes many packets; beside the element another branch, which prints each
/// frame that it gets.
const NOISE: &str = "videotestsrc is-live=true pattern=snow";
const CALM: &str = "videotestsrc is-live=true pattern=ball";
const BESIDE: &str = "video/x-raw,width=320,height=240,framerate=30/1 ! tee name=t \
    ! queue ! fakesink name=beside silent=false sync=false t. ! queue";
const RATE: f64 = 30.0;

fn line(source: &str, element: &str) -> String {
    format!("-v {source} ! {BESIDE} ! overshootsink prompt=Well? delay-seconds=0.2 {element}")
}

/// The numbers of the frames that the branch beside the element got.
fn beside(launch: &Launch) -> Vec<u64> {
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

/// None was lost.
fn assert_whole(frames: &[u64]) {
    let expected: Vec<u64> = (0..frames.len() as u64).collect();
    assert_eq!(frames, expected, "frames beside the element");
}

/// Watches the branch beside the element for some seconds: it has the source's full rate in each,
/// as a live source that was held up would make up for it later.
fn assert_full_rate(launch: &Launch, seconds: u32) {
    for _ in 0..seconds {
        let (before, start) = (beside(launch).len(), Instant::now());
        thread::sleep(Duration::from_secs(1));
        let (frames, time) = (beside(launch).len() - before, start.elapsed());
        let due = time.as_secs_f64() * RATE;
        assert!(
            (frames as f64 - due).abs() < 10.0,
            "{frames} frames beside it in {time:?}"
        );
    }
}

/// Answers that the element took.
fn answers(launch: &Launch) -> usize {
    launch.stdout().matches("last-result = ").count()
}

/// Waits for so many more answers; how long that took.
fn wait_for_answers(launch: &Launch, more: usize, timeout: Duration) -> Duration {
    let (start, before) = (Instant::now(), answers(launch));
    while answers(launch) < before + more {
        assert!(start.elapsed() < timeout, "{}", told(launch));
        thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

/// What it printed, but for frames and caps.
fn told(launch: &Launch) -> String {
    let printed = launch.printed();
    let noise = ["(beside:sink)", "caps ="];
    let lines = printed
        .lines()
        .filter(|line| !noise.iter().any(|noise| line.contains(noise)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Ctrl-C: it ends in order, having posted no ERROR, and the stream that lived is deleted.
fn stop(launch: Launch, service: &Service) {
    assert_whole(&beside(&launch));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(5));
    assert!(!finished.stderr.contains("ERROR"), "{}", finished.stderr);
    let seen = service.control.snapshot();
    let last = seen.streams.last().expect("a stream");
    let end = last.ended.map(|(_, reason)| reason);
    assert_eq!(end, Some(overshoot_emulator::EndReason::ClientRequested));
    let open = seen.streams.iter().filter(|s| s.ended.is_none()).count();
    assert_eq!(open, 0, "streams that are left open");
}

#[test]
fn lost_packets_are_sent_again() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.serve(|_| {});
    let launch = network.launch(&service, &line(NOISE, ""));
    let frames = |seen: &Snapshot| seen.streams.first().map_or(0, |s| s.frames.len());
    let before = frames(&service.wait("video", |seen| frames(seen) > 0));
    // Both ways: the requests to send again are lost, too. TCP mends its losses by itself. Not from the
    // start: the emulator's DTLS (dimpl 0.9) does not finish each handshake that packets are lost of, though
    // they are sent again.
    network.forward("meta l4proto udp numgen random mod 100 < 5 counter drop");
    service.wait("video with losses", |seen| frames(seen) >= before + 150);
    wait_for_answers(&launch, 5, Duration::from_secs(5));
    let (stream, lost) = (service.stream(), network.counted());
    let took = stream.frames[before + 149].at - stream.frames[before].at;
    println!(
        "{lost} packets lost, {} arrived; 150 frames decoded in {took:?}, {} key frames asked for",
        stream.packets, stream.keyframe_requests
    );
    assert!(lost > 20, "{lost} packets lost");
    // Without retransmission hardly a frame would be whole.
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert!(stream.keyframe_requests < 8, "{}", stream.keyframe_requests);
    stop(launch, &service);
}

#[test]
fn a_long_way_is_gone() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let helper = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup/delay.py");
    if let Err(why) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        return println!("skipped: /dev/net/tun, to delay packets with: {why}");
    }
    let delay = network.spawn(&format!("python3 {helper} 0.1 inside outside"));
    delay.wait_for_output("delaying", Duration::from_secs(5));
    let service = network.serve(|_| {});
    let launch = network.launch(&service, &line(CALM, ""));
    wait_for_answers(&launch, 15, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!(
        "connected {connected:?} after the offer, {} frames",
        stream.frames.len()
    );
    // A check, and two flights of DTLS: three times both ways.
    assert!(connected > Duration::from_millis(400), "{connected:?}");
    assert_full_rate(&launch, 1);
    stop(launch, &service);
}

#[test]
fn a_narrow_line_harms_nobody() {
    const LIMIT: u64 = 400_000;
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.serve(|_| {});
    let launch = network.launch(&service, &line(NOISE, ""));
    wait_for_answers(&launch, 3, Duration::from_secs(10));
    let limit = format!("tc qdisc add dev outside root tbf rate {LIMIT} burst 5kb latency 50ms");
    if let Err(why) = network.route(&limit) {
        return println!("skipped: {why}");
    }
    // What was under way.
    thread::sleep(Duration::from_millis(500));
    let bytes = || service.stream().bytes;
    let (before, start) = (bytes(), Instant::now());
    assert_full_rate(&launch, 4);
    let rate = (bytes() - before) as f64 * 8.0 / start.elapsed().as_secs_f64();
    println!("{rate:.0} bit/s of video through a line of {LIMIT} bit/s");
    assert!(rate < 1.1 * LIMIT as f64, "{rate}");
    network
        .route("tc qdisc del dev outside root")
        .expect("the limit can be lifted");
    let took = wait_for_answers(&launch, 3, Duration::from_secs(10));
    println!("answers again {took:?} after the limit was lifted");
    // The same stream all along.
    assert_eq!(service.control.snapshot().streams.len(), 1);
    stop(launch, &service);
}

#[test]
fn a_cut_heals() {
    const SECONDS: u32 = 10;
    let Some(network) = Network::or_skip() else {
        return;
    };
    let service = network.serve(|_| {});
    let launch = network.launch(&service, &line(CALM, ""));
    wait_for_answers(&launch, 10, Duration::from_secs(10));
    network.forward("drop");
    assert_full_rate(&launch, SECONDS);
    network.forward_all();
    let took = wait_for_answers(&launch, 5, Duration::from_secs(20));
    println!(
        "answers again {took:?} after a cut of {SECONDS} s, {} streams",
        service.control.snapshot().streams.len()
    );
    stop(launch, &service);
}

#[test]
fn a_new_address_gets_a_new_stream() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    // The lease does not tell in time that the service has given the stream up.
    let service = network.serve(|config| config.lease_ttl = Duration::from_secs(60));
    let launch = network.launch(&service, &line(CALM, ""));
    // Until the service has reported, by which its silence is known.
    wait_for_answers(&launch, 25, Duration::from_secs(10));
    network.move_sender("10.77.1.3");
    let took = wait_for_answers(&launch, 5, Duration::from_secs(16));
    println!("answers again {took:?} after the address had changed");
    assert_eq!(service.control.snapshot().streams.len(), 2);
    stop(launch, &service);
}

/// A coturn on the router, for a user with the password `right`.
fn relay(network: &Network) -> Option<Launch> {
    if std::process::Command::new("turnserver")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no turnserver (package coturn)");
        return None;
    }
    let folder = env!("CARGO_TARGET_TMPDIR");
    let relay = network.spawn(&format!(
        "turnserver -n -v --no-cli --no-tls --no-dtls --listening-ip {ROUTER} --relay-ip {ROUTER_OUTSIDE} \
         --lt-cred-mech --realm test --user someone:right --userdb {folder}/turn.db \
         --pidfile {folder}/turn.pid --log-file stdout --simple-log"
    ));
    for transport in ["TCP", "UDP"] {
        let ready = format!("{transport} listener opened");
        relay.wait_for_output(&ready, Duration::from_secs(10));
    }
    Some(relay)
}

/// The property, with this relay in it.
fn through(password: &str, transport: &str) -> String {
    format!("turn-servers='<\"turn://someone:{password}@{ROUTER}:3478?transport={transport}\">'")
}

/// Video and answers through a relay, while the direct way is blocked.
fn over_a_relay(transport: &str) {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(_relay) = relay(&network) else {
        return;
    };
    network.forward("meta l4proto udp counter drop");
    if transport == "tcp" {
        network
            .route("nft add rule inet test input iif inside meta l4proto udp drop")
            .expect("nftables takes the rule");
    }
    let service = network.serve(|_| {});
    let element = through("right", transport);
    let launch = network.launch(&service, &line(CALM, &element));
    wait_for_answers(&launch, 5, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!(
        "by {transport}: connected {connected:?} after the offer, {} packets tried the direct way",
        network.counted()
    );
    assert!(network.counted() > 0, "the direct way was not tried");
    stop(launch, &service);
}

#[test]
fn where_the_direct_way_is_blocked_a_relay_is_taken() {
    over_a_relay("udp");
}

#[test]
fn where_udp_is_blocked_a_relay_is_reached_by_tcp() {
    over_a_relay("tcp");
}

#[test]
fn with_the_policy_relay_nothing_goes_directly() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(_relay) = relay(&network) else {
        return;
    };
    // Counted, not blocked.
    network.forward("meta l4proto udp counter");
    let service = network.serve(|_| {});
    let element = format!("ice-transport-policy=relay {}", through("right", "udp"));
    let launch = network.launch(&service, &line(CALM, &element));
    wait_for_answers(&launch, 5, Duration::from_secs(15));
    let stream = service.stream();
    let connected = stream.connected.expect("connected") - stream.created;
    println!("connected {connected:?} after the offer");
    assert_eq!(network.counted(), 0, "packets went directly");
    stop(launch, &service);
}

#[test]
fn a_relay_that_refuses_the_password_is_a_clear_error() {
    let Some(network) = Network::or_skip() else {
        return;
    };
    let Some(relay) = relay(&network) else {
        return;
    };
    network.forward("meta l4proto udp drop");
    let service = network.serve(|_| {});
    for policy in ["all", "relay"] {
        let element = format!(
            "transport=webrtc ice-transport-policy={policy} timeout=4000000000 {}",
            through("wrong", "udp")
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

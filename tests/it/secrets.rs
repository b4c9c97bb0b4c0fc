// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keys, tokens and passwords appear in no log at any level, no dot file and no message.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::common::launch::command;
use crate::common::{KEY, Launch, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times, TurnServer};

/// The password of a TURN server, which must stay secret.
const TURN_PASSWORD: &str = "turn-pass-8c2d";
/// The first line of a private key in PEM contains this.
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// A service with short leases and a TURN server.
fn service() -> Service {
    Service::with(|config| {
        config.lease_ttl = Duration::from_secs(2);
        config.turn_servers = vec![TurnServer {
            urls: vec!["turn:127.0.0.1:9".into()],
            username: "someone".into(),
            credential: TURN_PASSWORD.into(),
        }];
    })
}

#[test]
fn no_log_and_no_dot_file_contains_a_secret() {
    let service = service();
    run_and_search(&service, "dots", "");
    assert!(service.stream().keepalives > 0);
}

/// webrtcbin logs a TURN server's password as soon as it gets it, unless the element prevents that.
#[test]
fn no_log_contains_the_password_of_a_turn_server_that_is_used() {
    let service = service();
    // The first connection fails, so that the TURN servers of the response are used.
    let fault = Fault::DeafMedia;
    service.control.inject(Call::Create, fault, Times::Once);
    run_and_search(&service, "turn-dots", "on-error=warn timeout=1000000000");
    assert_eq!(service.control.snapshot().streams.len(), 2);
}

/// The beginnings of JSON Web Tokens: `{"typ":` and `{"alg":` in base64url. A shorter text may also be in a certificate.
const TOKENS: [&str; 2] = ["eyJ0eXAiO", "eyJhbGciO"];

#[test]
fn no_log_contains_a_token_of_api_v1() {
    let service = Service::of("v1", |config| config.lease_ttl = Duration::from_secs(4));
    run_and_search_for(&service, "v1-dots", "", &TOKENS);
    let renewed = service.control.snapshot().calls(Call::Keepalive).count();
    assert!(renewed > 2, "{renewed} renewals");
}

#[test]
fn no_log_contains_the_token_of_a_room() {
    run_and_search_for(&service(), "room-dots", "transport=livekit", &TOKENS);
}

#[test]
fn turn_servers_are_read_back_without_passwords() {
    crate::common::init();
    let sink = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("installed");
    let servers = [
        "turn://me:pass-1@turn.example:3478?transport=udp",
        "turn://turn.example",
        "me:pass-1@turn.example",
    ];
    sink.set_property("turn-servers", gst::Array::new(servers));
    let shown = format!("{:?}", sink.property::<gst::Array>("turn-servers"));
    assert!(!shown.contains("pass-1"), "{shown}");
    assert!(
        shown.contains("turn://me:") && shown.contains("@turn.example:3478?transport=udp"),
        "{shown}"
    );
}

/// Runs a pipeline with full logging, and searches all output for the secrets.
fn run_and_search(service: &Service, folder: &str, properties: &str) {
    run_and_search_for(service, folder, properties, &[]);
}

/// Like [`run_and_search`], and also searches for `more`.
fn run_and_search_for(service: &Service, folder: &str, properties: &str, more: &[&str]) {
    let dots = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&dots);
    fs::create_dir_all(&dots).expect("a folder");
    let log = dots.join("log");
    let launch = Launch::spawn(
        command(service)
            .env("GST_DEBUG", "*:6")
            .env("GST_DEBUG_FILE", &log)
            .env("GST_DEBUG_DUMP_DOT_DIR", &dots)
            .env("RUST_LOG", "trace")
            .arg("-c")
            // The run is long enough for the renewal of a lease.
            .arg(format!(
                "exec gst-launch-1.0 -v -m videotestsrc is-live=true num-buffers=70 \
                 ! video/x-raw,width=320,height=240,framerate=10/1 \
                 ! overshootsink prompt='What do you see?' interval-seconds=0.5 {properties}"
            )),
    );
    let finished = launch.finish(Duration::from_secs(60));
    assert!(finished.status.success(), "{}", finished.stderr);

    // The cookies name the gateway's route, by which somebody could find the stream.
    let seen = service.control.snapshot();
    let cookies = seen
        .requests
        .iter()
        .filter_map(|request| request.cookie.clone());
    let cookies: BTreeSet<String> = cookies.collect();
    // API v1 has no cookies.
    assert!(!cookies.is_empty() || service.url.ends_with("v1"));
    let mut secrets: Vec<&str> = cookies.iter().map(String::as_str).collect();
    secrets.extend([KEY, TURN_PASSWORD, PRIVATE_KEY]);
    secrets.extend(more);

    let mut places = vec![
        ("stdout".to_owned(), finished.stdout.into_bytes()),
        ("stderr".to_owned(), finished.stderr.into_bytes()),
    ];
    let mut dot_files = 0;
    for entry in fs::read_dir(&dots).expect("readable") {
        let path = entry.expect("readable").path();
        dot_files += usize::from(path.extension().is_some_and(|e| e == "dot"));
        places.push((
            path.display().to_string(),
            fs::read(&path).expect("readable"),
        ));
    }
    let size: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
    println!(
        "{} MB of log and {dot_files} dot files searched",
        size / 1_000_000
    );
    // Small output would mean that nothing was searched.
    assert!(
        size > 5_000_000 && dot_files > 2,
        "{size} bytes, {dot_files} dot files"
    );
    for (place, bytes) in &places {
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {place}");
        }
    }
}

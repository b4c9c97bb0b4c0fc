// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Why a camera brings no video is found out and reported, and no account is locked.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::program::{answers_of, status_of};
use crate::support::{Camera, LIVE, Program, Relay, Service, entry, file, with_password};

const PASSWORD: &str = "s3same-0pen";

/// Real video that is sound only.
const SOUND: &str =
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay0";

/// A TLS server that nobody trusts.
fn untrusted() -> Camera {
    use gst_rtsp_server::gio;
    use gst_rtsp_server::prelude::*;
    Camera::serve_with(0, LIVE, |server, _| {
        let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a key");
        let pem = format!("{}{}", pair.cert.pem(), pair.signing_key.serialize_pem());
        let certificate = gio::TlsCertificate::from_pem(&pem).expect("a certificate");
        let auth = gst_rtsp_server::RTSPAuth::new();
        auth.set_tls_certificate(Some(&certificate));
        server.set_auth(Some(&auth));
    })
}

#[test]
fn each_fault_has_its_reason_and_its_pace() {
    let service = Service::start();
    let (good, sound) = (Camera::serve(0, LIVE), Camera::serve(0, SOUND));
    let (locked, tls) = (with_password(LIVE, PASSWORD), untrusted());
    let relay = Relay::to(&locked);
    // It accepts connections, and answers nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
    let silent_port = port(&silent);
    // Nobody listens there any more.
    let closed_port = port(&TcpListener::bind("127.0.0.1:0").expect("a port"));
    let cases = [
        ("good", good.url.clone(), "", "", ""),
        (
            "wrong",
            format!("rtsp://admin:wr0ng@127.0.0.1:{}/camera", relay.port),
            "password",
            "refused the user or the password",
            "15 min",
        ),
        (
            "missing",
            locked.url.clone(),
            "password",
            "user:password@host",
            "15 min",
        ),
        (
            "path",
            good.url.replace("camera", "other"),
            "not-found",
            "no such path (404)",
            " s",
        ),
        (
            "closed",
            format!("rtsp://127.0.0.1:{closed_port}/"),
            "refused",
            &format!("port {closed_port}"),
            " s",
        ),
        // .invalid never exists (RFC 6761).
        (
            "name",
            "rtsp://camera.invalid/".to_owned(),
            "unknown-host",
            "name of the host",
            " s",
        ),
        // No TCP to the broadcast address: nothing is sent.
        (
            "far",
            "rtsp://255.255.255.255/".to_owned(),
            "unreachable",
            "unreachable",
            " s",
        ),
        (
            "silent",
            format!("rtsp://127.0.0.1:{silent_port}/"),
            "no-answer",
            "sent no frame for 1",
            " s",
        ),
        ("sound", sound.url.clone(), "no-video", "no video", " s"),
        (
            "tls",
            tls.url.replace("rtsp:", "rtsps:"),
            "certificate",
            "unknown ca",
            " s",
        ),
    ];
    let entries = cases.iter().map(|(name, url, ..)| entry(name, url));
    let keys = "keys = [\"KEY\", \"KEY\"]\n";
    let (_folder, list) = file(&format!("{keys}{}", entries.collect::<String>()));
    let mut command = crate::support::program::command(&service);
    command.env("KEY", crate::support::KEY).arg("run").arg(list);
    let program = Program::spawn(&mut command);
    let reported = |events: &[Value]| {
        let known = cases
            .iter()
            .filter(|case| status_of(events, case.0).is_some());
        known.count() == cases.len()
    };
    let events = program.wait("a status of each camera", reported);
    for (name, _, reason, text, pause) in &cases[1..] {
        let status = status_of(&events, name).expect("reported");
        assert_eq!(status["status"], "offline", "{status}");
        assert_eq!(status["reason"], *reason, "{status}");
        let sentence = status["text"].as_str().expect("text");
        assert!(sentence.contains(text), "{status}");
        let line = program.wait_for_log(&format!("{name}: no video from"));
        assert!(line.contains("next attempt in"), "{line}");
        if *pause == " s" {
            assert!(line.ends_with(pause), "{line}");
        }
    }
    let online = status_of(&events, "good").expect("reported");
    assert_eq!(online["status"], "online", "{online}");
    assert!(online.get("reason").is_none(), "{online}");
    // After two logins there is a long pause.
    for name in ["wrong", "missing"] {
        program.wait_for_logs(&format!("{name}: no video from"), 2);
        let log = program.log();
        let last = log
            .lines()
            .rfind(|line| line.contains(&format!("{name}: ")));
        assert!(last.is_some_and(|line| line.ends_with("15 min")), "{log}");
    }
    assert_eq!(relay.logins(), 2, "{}", program.log());
    program.wait("answers", |events| answers_of(events, "good").len() >= 3);
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    let last = status_of(&finished.events, "good").expect("reported");
    assert_eq!(
        (&last["status"], &last["reason"]),
        (&"offline".into(), &"stopped".into())
    );
    // A fault that goes on is one event.
    let closed = |event: &&Value| event["camera"] == "closed" && event["event"] == "status";
    assert_eq!(finished.events.iter().filter(closed).count(), 2);
    for secret in [PASSWORD, "wr0ng"] {
        assert!(!format!("{finished:?}").contains(secret));
    }
    // Cameras without video cost nothing.
    assert_eq!(service.control.snapshot().streams.len(), 1);
    service.assert_all_deleted();
}

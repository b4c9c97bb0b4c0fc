// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of the WebRTC connection and of its offer and answer.

use std::time::Duration;

use overshoot_emulator::{Call, Codec, Fault, Times};

use super::row::{Row, row};

/// The states if the stream is replaced once.
const RECONNECT_STATES: &str = "connecting streaming reconnecting streaming closed";

/// The network drops all media packets for this long.
fn cut(seconds: u64) -> Row {
    row(format!("media cut for {seconds} s")).then(move |test_bed| {
        // Without earlier reports from the service, silence means nothing to the element.
        test_bed.wait_for_reports();
        let control = &test_bed.service.control;
        let duration = Duration::from_secs(seconds);
        assert!(control.cut_media(&test_bed.stream_id(), duration));
        // A short cut must end before the row's result is checked.
        std::thread::sleep(duration.min(Duration::from_secs(11)));
    })
}

pub fn rows() -> Vec<Row> {
    let create = |what: &str, fault, times| row(what).fault(Call::Create, fault, times);
    let connects_again = |what: &str, fault| {
        create(what, fault, Times::Once)
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=2 delete=2")
    };
    let falls_back_to_room = |what: &str, fault| {
        create(what, fault, Times::Once)
            .posts("media connect | The video goes through a LiveKit room instead")
            .requests("create=2 socket=2 signal=1 delete=2")
    };
    let huge = format!(
        r#"{{"stream_id":"huge","webrtc":{{"type":"answer","sdp":"v=0\r\n{}"}}}}"#,
        r"a=x\r\n".repeat(100_000)
    );
    // If the SDP answer is unusable, the element may open the socket before it notices that.
    vec![
        create(
            "answer without video",
            Fault::AnswerWithoutVideo,
            Times::Always,
        )
        .posts("protocol connect | refuses the video")
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1"),
        create("inactive answer", Fault::InactiveAnswer, Times::Always)
            .posts("protocol connect | refuses the video (a=inactive)")
            .states("connecting closed")
            .requests("create=1 socket=0.. delete=1"),
        create("loose SDP", Fault::LooseAnswer, Times::Always),
        create("answer that is no SDP", Fault::GarbageSdp, Times::Always)
            .posts("protocol connect | no video")
            .states("connecting closed")
            .requests("create=1 socket=0.. delete=1"),
        create(
            "huge SDP",
            Fault::Body {
                body: huge,
                content_type: "application/json".to_owned(),
            },
            Times::Always,
        )
        .posts("protocol connect | no video")
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1 left=1"),
        create("answer larger than any", oversized_body(), Times::Always)
            .posts("protocol create | larger than")
            .states("connecting closed")
            .requests("create=1 left=1"),
        row("no common codec")
            .config(|config| config.codecs = vec![Codec::Vp9])
            .posts("invalid-settings create 422 | no common codec")
            .states("connecting closed")
            .requests("create=1 models=1"),
        // The element may notice it before it opens the socket.
        connects_again("wrong fingerprint", Fault::WrongFingerprint)
            .posts("media connect | DTLS fingerprint")
            .requests("create=2 socket=1.. delete=2"),
        // The element gives up the direct connection and uses a room, which works.
        falls_back_to_room("ICE never completes", Fault::DeafMedia),
        falls_back_to_room("DTLS never completes", Fault::DeafDtls),
        // If a room is not allowed, the element tries the direct connection again.
        connects_again("ICE never completes, without a room", Fault::DeafMedia)
            .properties("transport=webrtc")
            .posts("media connect | turn-servers"),
        // The element gives up a silent connection after 12 s, the service after 15 s.
        cut(2),
        cut(10),
        cut(60)
            .posts("media media | network is down")
            .states(RECONNECT_STATES)
            .requests("create=2 socket=2 keepalive=0.. delete=2"),
    ]
}

/// A body that is longer than the element accepts.
pub fn oversized_body() -> Fault {
    Fault::Body {
        body: " ".repeat(2 << 20),
        content_type: "application/json".to_owned(),
    }
}

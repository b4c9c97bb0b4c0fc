// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of the results socket: unexpected messages, and all ways in which it can end.

use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

use super::row::{Row, row};

fn close(code: u16, reason: &str) -> SocketMessage {
    SocketMessage::Close {
        code,
        reason: reason.to_owned(),
    }
}

/// A WebSocket frame of a server, shorter than 126 bytes (RFC 6455, section 5.2).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("it is short");
    assert!(length < 126);
    [&[first, length], payload].concat()
}

/// A text message in two fragments, with a ping between them.
fn fragmented_text() -> Vec<u8> {
    [
        frame(0x01, br#"{"id":"f1","result":"in "#),
        frame(0x89, b"ping"),
        frame(0x80, br#"pieces"}"#),
    ]
    .concat()
}

/// The element skips one message and keeps the socket.
fn skipped(what: &str, message: SocketMessage) -> Row {
    row(format!("socket {what}"))
        .then(move |test_bed| test_bed.send_on_socket(message.clone()))
        .posts("protocol socket | was skipped")
}

/// The element opens a new socket for the same stream.
fn reopened(what: &str, message: SocketMessage) -> Row {
    row(format!("socket {what}"))
        .then(move |test_bed| test_bed.send_on_socket(message.clone()))
        .requests("create=1 socket=2 delete=1")
}

/// The element takes these messages without a word.
fn silent(what: &str, messages: &'static [&'static str]) -> Row {
    row(format!("socket {what}")).then(move |test_bed| {
        for message in messages {
            test_bed.send_on_socket(SocketMessage::Text((*message).to_owned()));
        }
    })
}

pub fn rows() -> Vec<Row> {
    let text = |text: String| SocketMessage::Text(text);
    let mut rows = vec![
        reopened("1000", close(1000, "")).posts("network socket 1000 | Connecting again in"),
        reopened("1001", close(1001, "going away")).posts("network socket 1001"),
        reopened("1011", close(1011, "oops")).posts("network socket 1011"),
        reopened("1012", close(1012, "restart")).posts("network socket 1012"),
        reopened("reset after the key", SocketMessage::Reset).posts("network socket"),
        row("socket 1006")
            .then(|test_bed| test_bed.proxy.close_websocket())
            .posts("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket 1008")
            .then(|test_bed| test_bed.send_on_socket(close(1008, "revoked")))
            .posts(
                "not-authorized socket 1008 | (code 1008: revoked): set a valid key with api-key",
            )
            .gives_up(),
        row("socket 1008 before any answer")
            .fault(Call::Socket, Fault::RefuseKey, Times::Always)
            .posts("not-authorized socket 1008 | api-key")
            .states("connecting closed"),
        silent(
            "heartbeats",
            &[
                r#"{"type":"ping"}"#,
                "ping",
                r#"{"event":"heartbeat","ts":5}"#,
            ],
        ),
        silent(
            "odd side fields",
            &["\u{feff}{\"id\":7,\"result\":\"two\",\"total_latency_ms\":\"10.5\",\"ok\":1,\"error\":{}}"],
        )
        .receives("two"),
        row("socket text in a binary message")
            .then(|test_bed| {
                let answer = br#"{"id":"b1","result":"in bytes"}"#.to_vec();
                test_bed.send_on_socket(SocketMessage::Binary(answer));
            })
            .receives("in bytes"),
        silent(
            "error in a success",
            &[r#"{"id":"a","result":"","ok":true,"error":{"message":"engine overloaded"}}"#],
        )
        .fails_with("engine overloaded"),
        row("socket 1008 that is no refusal of the key")
            .then(|test_bed| test_bed.send_on_socket(close(1008, "rate limit exceeded")))
            .posts("busy socket 1008 | rate limit exceeded")
            .requests("create=1 socket=2 delete=1"),
        skipped("garbage", text("hello".to_owned())),
        skipped("empty text", text(String::new())),
        skipped("truncated JSON", text(r#"{"id":"a","resu"#.to_owned())),
        skipped("wrong types", text(r#"{"id":"a","result":3}"#.to_owned())),
        skipped("deep JSON", text("[".repeat(500_000))),
        skipped("binary", SocketMessage::Binary(vec![0; 64])),
        reopened("oversized", text("x".repeat(2 << 20))).posts("network socket | too long"),
        row("socket text that is not UTF-8")
            .then(|test_bed| test_bed.proxy.send_to_client(&frame(0x81, &[0xff, 0xfe])))
            .posts("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket reserved bits")
            .then(|test_bed| test_bed.proxy.send_to_client(&frame(0xf1, b"x")))
            .posts("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket fragmented")
            .then(|test_bed| test_bed.proxy.send_to_client(&fragmented_text()))
            .receives("in pieces"),
        // A service without answers looks the same as a service that hangs. The element warns about a missing first
        // answer after 10 s, which this row does not wait for.
        row("socket silent")
            .fault(Call::Socket, Fault::Silent, Times::Always)
            .without_answers(),
        row("socket frozen")
            .then(|test_bed| test_bed.proxy.freeze())
            .posts("network socket | does not answer any more")
            .requests("create=1 socket=2 keepalive=1.. delete=1"),
    ];
    for reason in [
        EndReason::ClientRequested,
        EndReason::WebrtcDisconnected,
        EndReason::LivekitDisconnected,
        EndReason::LeaseExpired,
    ] {
        rows.push(
            row(format!("socket 1001 {reason}"))
                .then(move |test_bed| {
                    let control = &test_bed.service.control;
                    assert!(control.end_stream(&test_bed.stream_id(), reason));
                })
                .posts(format!("stream-ended socket 1001 | {reason}"))
                .states("connecting streaming reconnecting streaming closed")
                .requests("create=2 socket=2 delete=1"),
        );
    }
    rows.push(
        row("socket 1001 insufficient_credits")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::InsufficientCredits));
            })
            .posts("out-of-credits socket 1001 | Top it up")
            .gives_up(),
    );
    rows
}

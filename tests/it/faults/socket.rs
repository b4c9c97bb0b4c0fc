//! What can come on the results socket, and how it can end.

use overshoot_emulator::{Call, EndReason, Fault, SocketMessage, Times};

use super::row::{Row, row};

fn close(code: u16, reason: &str) -> SocketMessage {
    SocketMessage::Close {
        code,
        reason: reason.to_owned(),
    }
}

/// A frame of a server, RFC 6455 section 5.2; of less than 126 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("it is short");
    assert!(length < 126);
    [&[first, length], payload].concat()
}

/// A text in two fragments, with a ping between them.
fn in_fragments() -> Vec<u8> {
    [
        frame(0x01, br#"{"id":"f1","result":"in "#),
        frame(0x89, b"ping"),
        frame(0x80, br#"pieces"}"#),
    ]
    .concat()
}

/// One message, then the socket goes on.
fn skipped(what: &str, message: SocketMessage) -> Row {
    row(format!("socket {what}"))
        .then(move |scene| scene.on_socket(message.clone()))
        .tells("protocol socket | was skipped")
}

/// A new socket within the same stream.
fn renewed(what: &str, message: SocketMessage) -> Row {
    row(format!("socket {what}"))
        .then(move |scene| scene.on_socket(message.clone()))
        .requests("create=1 socket=2 delete=1")
}

pub fn rows() -> Vec<Row> {
    let text = |text: String| SocketMessage::Text(text);
    let mut rows = vec![
        renewed("1000", close(1000, "")).tells("network socket 1000 | Connecting again in"),
        renewed("1001", close(1001, "going away")).tells("network socket 1001"),
        renewed("1011", close(1011, "oops")).tells("network socket 1011"),
        renewed("1012", close(1012, "restart")).tells("network socket 1012"),
        renewed("reset after the key", SocketMessage::Reset).tells("network socket"),
        row("socket 1006")
            .then(|scene| scene.proxy.end())
            .tells("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket 1008")
            .then(|scene| scene.on_socket(close(1008, "revoked")))
            .tells("not-authorized socket 1008 | api-key")
            .gives_up(),
        row("socket 1008 before any answer")
            .fault(Call::Socket, Fault::RefuseKey, Times::Always)
            .tells("not-authorized socket 1008 | api-key")
            .states("connecting closed"),
        skipped("garbage", text("hello".to_owned())),
        skipped("empty text", text(String::new())),
        skipped("truncated JSON", text(r#"{"id":"a","resu"#.to_owned())),
        skipped("wrong types", text(r#"{"id":"a","result":3}"#.to_owned())),
        skipped("deep JSON", text("[".repeat(500_000))),
        skipped("binary", SocketMessage::Binary(vec![0; 64])),
        renewed("oversized", text("x".repeat(2 << 20))).tells("network socket | too long"),
        row("socket text that is not UTF-8")
            .then(|scene| scene.proxy.say(&frame(0x81, &[0xff, 0xfe])))
            .tells("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket reserved bits")
            .then(|scene| scene.proxy.say(&frame(0xf1, b"x")))
            .tells("network socket | Connecting again in")
            .requests("create=1 socket=2 delete=1"),
        row("socket fragmented")
            .then(|scene| scene.proxy.say(&in_fragments()))
            .hears("in pieces"),
        // Nothing tells a service that has nothing to say from one that is stuck; the first answer is
        // missed after 10 s.
        row("socket silent")
            .fault(Call::Socket, Fault::Silent, Times::Always)
            .without_answers(),
        row("socket frozen")
            .then(|scene| scene.proxy.freeze())
            .tells("network socket | does not answer any more")
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
                .then(move |scene| {
                    let control = &scene.service.control;
                    assert!(control.end_stream(&scene.id(), reason));
                })
                .tells(format!("stream-ended socket 1001 | {reason}"))
                .states("connecting streaming reconnecting streaming closed")
                .requests("create=2 socket=2 delete=1"),
        );
    }
    rows.push(
        row("socket 1001 insufficient_credits")
            .then(|scene| {
                let control = &scene.service.control;
                assert!(control.end_stream(&scene.id(), EndReason::InsufficientCredits));
            })
            .tells("out-of-credits socket 1001 | Top it up")
            .gives_up(),
    );
    rows
}

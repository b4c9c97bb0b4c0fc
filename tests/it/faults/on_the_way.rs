// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Something between the element and the service answers in its place, with a page or without a body: a load
//! balancer, a firewall, a challenge page. At no call does that end the stream for good. Beside it, what the same
//! statuses mean if the service says them in its own form.

use overshoot_emulator::{Call, EndReason, Fault, SignalMessage, Times};

use super::fault::{change_prompt, short_lease, submit_feedback};
use super::room::send_on_signal;
use super::row::{Row, row, row_v1};
use super::v1::{LOST_STATES, SECOND_ATTEMPT_STATES, TWO_STREAM_REQUESTS, refusal};

const WAY: &str = "Something between";

/// The faults happen one after the other, each once.
fn all(mut row: Row, call: Call, faults: impl IntoIterator<Item = Fault>) -> Row {
    for fault in faults {
        row = row.fault(call, fault, Times::Once);
    }
    row
}

fn at(call: Call, what: &str, faults: impl IntoIterator<Item = Fault>) -> Row {
    all(row(format!("{call} {what}")), call, faults)
}

fn at_v1(call: Call, what: &str, faults: impl IntoIterator<Item = Fault>) -> Row {
    all(row_v1(format!("{call} {what}")), call, faults)
}

/// What a load balancer sends while the service restarts, and what a firewall sends.
fn way() -> [Fault; 3] {
    [Fault::page(403), Fault::empty(404), Fault::page(410)]
}

pub fn rows() -> Vec<Row> {
    [
        creation(),
        streaming(),
        creation_v1(),
        streaming_v1(),
        room(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn creation() -> Vec<Row> {
    let call = Call::Create;
    let mut rows = vec![
        row("create pages after a loss")
            .then(move |test_bed| {
                let control = &test_bed.service.control;
                // The service itself says the last one. The same call worked before.
                for fault in [Fault::page(403), Fault::status(404)] {
                    control.inject(call, fault, Times::Once);
                }
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
            })
            .posts("stream-ended socket 1001")
            .posts("network create 403 | worked before")
            .posts("not-found create 404 | worked before")
            .states(LOST_STATES)
            .requests("create=4 socket=2 delete=1"),
    ];
    for (what, fault, message) in [
        ("page 403", Fault::page(403), "network create 403"),
        ("empty 404", Fault::empty(404), "not-found create 404"),
        ("page 409", Fault::page(409), "network create 409"),
        ("page 521", Fault::page(521), "server create 521"),
    ] {
        rows.push(
            at(call, what, [fault])
                .posts(format!("{message} | {WAY}"))
                .states(SECOND_ATTEMPT_STATES)
                .requests("create=2 socket=1 delete=1"),
        );
    }
    // Without a body it is not known who says it. The key has not worked yet.
    rows.push(
        at(call, "empty 401", [Fault::empty(401)])
            .posts("not-authorized create 401 | api-key")
            .states("connecting closed")
            .requests("create=1"),
    );
    rows
}

fn streaming() -> Vec<Row> {
    let two = || [Fault::page(403), Fault::empty(404)];
    vec![
        at(Call::Keepalive, "pages", two())
            .config(short_lease)
            .requests("create=1 socket=1 keepalive=3.. delete=1"),
        at(
            Call::Keepalive,
            "409 and 425",
            [409, 425].map(Fault::status),
        )
        .config(short_lease)
        .requests("create=1 socket=1 keepalive=3.. delete=1"),
        at(Call::Keepalive, "410", [Fault::status(410)])
            .config(short_lease)
            .posts("not-found keepalive 410")
            .states(LOST_STATES)
            .requests("create=2 socket=2 keepalive=1.. delete=2"),
        at(Call::Prompt, "pages", two())
            .then(change_prompt)
            .posts("prompt taken")
            .requests("create=1 socket=1 prompt=3 delete=1"),
        at(Call::Feedback, "page", [Fault::page(404)])
            .then(submit_feedback)
            .posts(format!("network feedback 404 | {WAY}"))
            .requests("create=1 socket=1 feedback=1 delete=1"),
        at(Call::Delete, "page", [Fault::page(404)]).requests("create=1 socket=1 delete=2"),
        at(Call::Socket, "pages", two())
            .posts("network socket 403 | Connecting again in")
            .posts("network socket 404 | Connecting again in")
            .requests("create=1 socket=3 delete=1"),
        at(Call::Socket, "410", [Fault::status(410)])
            .posts("not-found socket 410")
            .states(SECOND_ATTEMPT_STATES)
            .requests("create=2 socket=2 delete=2"),
    ]
}

fn creation_v1() -> Vec<Row> {
    vec![
        at_v1(Call::Models, "page 403", [Fault::page(403)])
            .posts(format!("network models 403 | {WAY}"))
            .states(SECOND_ATTEMPT_STATES)
            .requests("models=2 create=1 signal=1 delete=1"),
        at_v1(Call::Create, "page 404", [Fault::page(404)])
            .properties("timeout=20000000000")
            .requests("models=1 create=2 signal=1 delete=1"),
        row_v1("models pages after a loss")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                for fault in [Fault::page(403), Fault::detail(404, "gone")] {
                    control.inject(Call::Models, fault, Times::Once);
                }
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
            })
            .posts("stream-ended room")
            .posts("network models 403 | worked before")
            .posts("not-found models 404 | worked before")
            .states(LOST_STATES)
            .requests("models=4 create=2 signal=2 keepalive=0.. delete=2"),
    ]
}

fn streaming_v1() -> Vec<Row> {
    let asked_again = [
        Fault::chat(409, "conflict"),
        Fault::chat(425, "too_early"),
        Fault::chat(408, "timeout"),
    ];
    vec![
        // One message for failures in a row.
        at_v1(Call::Get, "pages", way()).posts("network status 403 | Looking again in"),
        at_v1(Call::Chat, "pages", way()).posts("network ask 403 | Asking again in"),
        at_v1(Call::Chat, "409, 425 and 408", asked_again).posts("busy ask 409 | Asking again in"),
        at_v1(Call::Chat, "410", [Fault::chat(410, "stream_ended")])
            .posts("not-found ask 410")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
        at_v1(Call::Keepalive, "pages", way())
            .config(short_lease)
            .requests("models=1 create=1 signal=1 keepalive=4.. delete=1"),
        at_v1(Call::Keepalive, "410", [refusal(410)])
            .config(short_lease)
            .posts("not-found keepalive 410")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
        at_v1(Call::Delete, "page", [Fault::page(404)])
            .requests("models=1 create=1 signal=1 delete=2"),
    ]
}

fn room() -> Vec<Row> {
    vec![
        at_v1(Call::Signal, "page 403", [Fault::page(403)])
            .posts(format!("network room 403 | {WAY}"))
            .states(SECOND_ATTEMPT_STATES)
            .requests(TWO_STREAM_REQUESTS),
        row_v1("signal page while the room is resumed")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Signal, Fault::page(404), Times::Once);
                send_on_signal(test_bed, SignalMessage::Close);
            })
            .requests("models=1 create=1 signal=3 delete=1"),
    ]
}

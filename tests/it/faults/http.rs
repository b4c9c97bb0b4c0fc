// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of every HTTP call of API v0.2.

use overshoot_emulator::{Call, EndReason, Fault, Times};

use super::fault::{
    FINAL_STATUS_CODES, SLOW_RESPONSE, TEMPORARY_STATUS_CODES, change_prompt, html_page,
    invalid_bodies, redirect, retry_after, short_lease, submit_feedback,
};
use super::row::{Row, row};

/// A row that makes this call.
pub fn at(call: Call, what: &str) -> Row {
    let row = row(format!("{call} {what}"));
    match call {
        Call::Prompt => row.then(change_prompt),
        Call::Feedback => row.then(submit_feedback),
        Call::Keepalive => row.config(short_lease),
        _ => row,
    }
}

pub fn rows() -> Vec<Row> {
    [
        create(),
        keepalive(),
        super::prompt::rows(),
        feedback(),
        delete(),
        socket(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn create() -> Vec<Row> {
    let call = Call::Create;
    let mut rows = Vec::new();
    for (code, kind) in FINAL_STATUS_CODES.into_iter().chain([(404, "not-found")]) {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .posts(format!("{kind} create {code}"))
                .states("connecting closed")
                .requests(match code {
                    // The element asks for the models, because the model may be the reason.
                    400 | 422 => "create=1 models=1",
                    _ => "create=1",
                }),
        );
    }
    for (what, fault) in invalid_bodies() {
        // The stream exists. The element deletes it if its identifier can be found.
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Always)
                .posts("protocol create | api-url")
                .states("connecting closed")
                .requests(match what {
                    "truncated" => "create=1 delete=1",
                    _ => "create=1 left=1",
                }),
        );
    }
    // With `on-error=warn` the element tries again by itself.
    let again = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=1 delete=1")
    };
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            again(&code.to_string(), Fault::status(code))
                .posts(format!("{kind} create {code}"))
                .requests(match code {
                    503 => "create=2 models=1 socket=1 delete=1",
                    _ => "create=2 socket=1 delete=1",
                }),
        );
    }
    rows.push(
        again("429", retry_after(2))
            .posts("busy create 429 | try again later")
            .requests("create=2 models=1 socket=1 delete=1"),
    );
    rows.push(again("hang", Fault::Hang).posts("timeout create"));
    rows.push(again("reset", Fault::Reset).posts("network create | api-url"));
    rows.push(
        again("drip", SLOW_RESPONSE)
            .posts("timeout create")
            .requests("create=2 socket=1 delete=1 left=1"),
    );
    // A web page in response to the creation of the next stream comes from some proxy on the way.
    for (what, fault) in [
        ("HTML", html_page("<html>Please sign in.</html>")),
        ("redirect", redirect()),
    ] {
        let code = match &fault {
            Fault::Status { code: 302, .. } => " 302",
            _ => "",
        };
        rows.push(
            row(format!("create {what} after a loss"))
                .then(move |test_bed| {
                    let control = &test_bed.service.control;
                    control.inject(call, fault.clone(), Times::N(2));
                    assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
                })
                .posts("stream-ended socket 1001")
                .posts(format!("protocol create{code}"))
                .states("connecting streaming reconnecting streaming closed")
                .requests("create=4 socket=2 delete=1"),
        );
    }
    rows.push(
        at(call, "without TLS")
            .without_tls()
            .properties("max-reconnects=1")
            .posts("network create | can't be reached")
            .posts("network create | can't be reached")
            .states("connecting reconnecting closed")
            .requests(""),
    );
    rows.push(
        at(call, "untrusted certificate")
            .untrusted()
            .properties("max-reconnects=0")
            .posts("network create | certificate")
            .states("connecting closed")
            .requests(""),
    );
    // The service does not get the request at which TLS breaks.
    rows.push(
        at(call, "TLS failure")
            .tls("POST /v0.2/streams ", 1)
            .posts("network create | can't be reached")
            .states("connecting reconnecting connecting streaming closed"),
    );
    rows
}

fn keepalive() -> Vec<Row> {
    let call = Call::Keepalive;
    let mut rows = Vec::new();
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .posts(format!("{kind} keepalive {code}"))
                .gives_up()
                .requests("create=1 socket=1 keepalive=1 delete=1"),
        );
    }
    rows.push(
        at(call, "404")
            .fault(call, Fault::status(404), Times::Once)
            .posts("not-found keepalive 404")
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=1.. delete=2"),
    );
    // A renewal that succeeds in time causes no message.
    let recovers = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .requests("create=1 socket=1 keepalive=3.. delete=1")
    };
    for (what, fault) in invalid_bodies() {
        rows.push(recovers(what, fault));
    }
    // A captive portal that requires a click.
    rows.push(recovers("redirect", redirect()));
    rows.push(recovers("429", retry_after(1)));
    rows.push(recovers("hang", Fault::Hang));
    rows.push(recovers("drip", SLOW_RESPONSE));
    rows.push(recovers("503 once", Fault::status(503)));
    // Otherwise the stream is lost.
    let lost = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::N(3))
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=3.. delete=2")
    };
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            lost(&code.to_string(), Fault::status(code)).posts(format!("{kind} keepalive {code}")),
        );
    }
    rows.push(lost("reset", Fault::Reset).posts("network keepalive"));
    let tls = |what: &str, times| at(call, what).tls("/keepalive ", times);
    rows.push(tls("TLS failure once", 1).requests("create=1 socket=1 keepalive=2.. delete=1"));
    rows.push(
        tls("TLS failure", 3)
            .posts("network keepalive")
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=0.. delete=2"),
    );
    rows
}

fn feedback() -> Vec<Row> {
    let call = Call::Feedback;
    let mut rows = Vec::new();
    let fails = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Always)
            .requests("create=1 socket=1 feedback=1 delete=1")
    };
    for (code, kind) in FINAL_STATUS_CODES
        .into_iter()
        .chain(TEMPORARY_STATUS_CODES)
        .chain([(404, "not-found"), (429, "busy")])
    {
        rows.push(
            fails(&code.to_string(), Fault::status(code)).posts(format!("{kind} feedback {code}")),
        );
    }
    rows.push(fails("hang", Fault::Hang).posts("timeout feedback"));
    rows.push(fails("drip", SLOW_RESPONSE).posts("timeout feedback"));
    rows.push(fails("reset", Fault::Reset).posts("network feedback"));
    for (what, fault) in invalid_bodies() {
        rows.push(fails(what, fault));
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/feedback ", 1)
            .posts("network feedback"),
    );
    rows
}

/// The element deletes the stream within the time of a stop, and tries twice if a second try can help.
fn delete() -> Vec<Row> {
    let call = Call::Delete;
    let mut rows = Vec::new();
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .posts(format!("{kind} delete {code} | ends with its lease"))
                .requests("create=1 socket=1 delete=1 left=1"),
        );
    }
    rows.push(
        at(call, "404")
            .fault(call, Fault::status(404), Times::Always)
            .requests("create=1 socket=1 delete=1 left=1"),
    );
    let twice = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Always)
            .requests("create=1 socket=1 delete=2 left=1")
    };
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            twice(&code.to_string(), Fault::status(code)).posts(format!("{kind} delete {code}")),
        );
    }
    rows.push(twice("429", retry_after(1)).posts("busy delete 429"));
    rows.push(twice("hang", Fault::Hang).posts("timeout delete"));
    // The service has deleted the stream although its response was slow. The second request finds nothing to delete.
    rows.push(
        at(call, "drip")
            .fault(call, SLOW_RESPONSE, Times::Always)
            .requests("create=1 socket=1 delete=2"),
    );
    rows.push(twice("reset", Fault::Reset).posts("network delete"));
    rows.push(
        at(call, "503 once")
            .fault(call, Fault::status(503), Times::Once)
            .requests("create=1 socket=1 delete=2"),
    );
    for (what, fault) in invalid_bodies() {
        rows.push(at(call, what).fault(call, fault, Times::Always));
    }
    rows.push(at(call, "TLS failure once").tls("DELETE ", 1));
    rows.push(
        at(call, "TLS failure")
            .tls("DELETE ", 2)
            .posts("network delete | ends with its lease")
            .requests("create=1 socket=1 left=1"),
    );
    rows
}

/// The WebSocket's handshake.
fn socket() -> Vec<Row> {
    let call = Call::Socket;
    let mut rows = Vec::new();
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .posts(format!("{kind} socket {code}"))
                .states("connecting closed"),
        );
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/ws/streams/", 1)
            .posts("network socket | Connecting again in"),
    );
    rows.push(
        at(call, "404")
            .fault(call, Fault::status(404), Times::Once)
            .posts("not-found socket 404")
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=2 delete=2"),
    );
    // The element tries again within the same stream.
    let again = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .requests("create=1 socket=2 delete=1")
    };
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            again(&code.to_string(), Fault::status(code))
                .posts(format!("{kind} socket {code} | Connecting again in")),
        );
    }
    // The creation has just worked, so a page or an empty answer comes from some proxy on the way.
    for (what, body) in [
        ("HTML", "<html>Please sign in.</html>"),
        ("empty", ""),
        ("truncated", r#"{"stream_i"#),
        ("wrong types", r#"{"stream_id": 7}"#),
    ] {
        rows.push(again(what, html_page(body)).posts("protocol socket 200 | Connecting again in"));
    }
    rows.push(again("429", retry_after(1)).posts("busy socket 429 | Connecting again in 1."));
    rows.push(again("hang", Fault::Hang).posts("timeout socket | Connecting again in"));
    rows.push(again("reset", Fault::Reset).posts("network socket | Connecting again in"));
    rows
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of API v1's calls, except for the questions.

use overshoot_emulator::{Call, EndReason, Fault, Times};

use super::fault::{
    FINAL_STATUS_CODES, SLOW_RESPONSE, TEMPORARY_STATUS_CODES, change_prompt, html_page,
    invalid_bodies, other_region, retry_after, short_lease, submit_feedback, without_a_room,
};
use super::row::{Row, row_v1};

/// The states if a stream is lost and replaced.
pub const LOST_STATES: &str = "connecting streaming reconnecting streaming closed";
/// The states if the first attempt fails and the second one connects.
pub const SECOND_ATTEMPT_STATES: &str = "connecting reconnecting connecting streaming closed";
/// The requests if there are two streams.
pub const TWO_STREAM_REQUESTS: &str = "models=2 create=2 signal=2 keepalive=0.. delete=2";

/// An error response with this status code.
pub fn refusal(code: u16) -> Fault {
    Fault::detail(code, "injected")
}

fn at(call: Call, what: &str) -> Row {
    row_v1(format!("{call} {what}"))
}

fn always(call: Call, what: &str, fault: Fault) -> Row {
    at(call, what).fault(call, fault, Times::Always)
}

fn once(call: Call, what: &str, fault: Fault) -> Row {
    at(call, what).fault(call, fault, Times::Once)
}

pub fn rows() -> Vec<Row> {
    [
        create(),
        models(),
        get(),
        keepalive(),
        balance(),
        pricing(),
        delete(),
        ends(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The create request is repeated only if no stream can exist yet. With `on-error=warn` the element starts a new
/// attempt.
fn create() -> Vec<Row> {
    let call = Call::Create;
    let one_attempt = "timeout=20000000000 max-reconnects=0 model=Qwen/Qwen3-VL-8B-Instruct";
    let mut rows = vec![
        always(call, "503", refusal(503))
            .pauses(call, &[1.0, 2.0, 4.0])
            .properties(one_attempt)
            .posts("server create 503 | injected")
            .states("connecting closed")
            .requests("models=1 create=4"),
        at(call, "without TLS")
            .without_tls()
            .properties(one_attempt)
            .posts("network create | can't be reached")
            .states("connecting closed")
            .requests(""),
        once(call, "503 once", refusal(503))
            .properties(one_attempt)
            .requests("models=1 create=2 signal=1 delete=1"),
        // The service does not get the request, but the element cannot know that.
        at(call, "TLS failure")
            .tls("POST /v1/streams ", 1)
            .posts("network create | can't be reached")
            .states(SECOND_ATTEMPT_STATES)
            .requests("models=2 create=1 signal=1 delete=1"),
        at(call, "in another region")
            .config(|config| config.region = Some("eu".to_owned()))
            .requests("models=1 create=1 signal=1 delete=1"),
        once(call, "sent to another region", other_region())
            .requests("models=1 create=2 signal=1 delete=1"),
        always(call, "sent from region to region", other_region())
            .posts("invalid-settings create 409")
            .states("connecting closed")
            .requests("models=1 create=3"),
        // The element knows the stream's identifier and can delete the stream.
        always(call, "without a room", without_a_room())
            .posts("protocol create | no LiveKit room")
            .states("connecting closed")
            .requests("models=1 create=1 delete=1 left=1"),
        once(call, "expired token", Fault::ExpiredToken)
            .posts("not-authorized room 401 | refused the token")
            .states("connecting closed")
            .requests("models=1 create=1 signal=1 delete=1"),
    ];
    for (code, kind) in FINAL_STATUS_CODES.into_iter().chain([(404, "not-found")]) {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .posts(format!("{kind} create {code}"))
                .states("connecting closed")
                .requests("models=1 create=1"),
        );
    }
    for (what, fault) in invalid_bodies() {
        // The stream exists. The element deletes it if its identifier can be found.
        rows.push(
            always(call, what, fault)
                .posts("protocol create | api-url")
                .states("connecting closed")
                .requests(match what {
                    "truncated" => "models=1 create=1 delete=1",
                    _ => "models=1 create=1 left=1",
                }),
        );
    }
    for (what, fault, message, left) in [
        ("429", retry_after(1), "busy create 429", 0),
        ("500", refusal(500), "server create 500", 0),
        ("hang", Fault::Hang, "timeout create", 0),
        ("reset", Fault::Reset, "network create | api-url", 0),
        ("drip", SLOW_RESPONSE, "timeout create", 1),
    ] {
        let requests = match left {
            0 => "models=2 create=2 signal=1 delete=1",
            _ => "models=2 create=2 signal=1 delete=1 left=1",
        };
        rows.push(
            once(call, what, fault)
                .posts(message)
                .states(SECOND_ATTEMPT_STATES)
                .requests(requests),
        );
    }
    rows
}

/// The list of models is requested first, because a ready model is needed. If `model` is set, the list is optional.
fn models() -> Vec<Row> {
    let call = Call::Models;
    let mut rows = vec![
        always(call, "hang, one is named", Fault::Hang)
            .properties("model=Qwen/Qwen3-VL-8B-Instruct timeout=6000000000"),
        always(call, "500, one is named", refusal(500))
            .properties("model=Qwen/Qwen3-VL-8B-Instruct"),
        at(call, "untrusted certificate")
            .untrusted()
            .properties("max-reconnects=0")
            .posts("network models | certificate")
            .states("connecting closed")
            .requests(""),
    ];
    for (code, kind) in FINAL_STATUS_CODES.into_iter().chain([(404, "not-found")]) {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .posts(format!("{kind} models {code}"))
                .states("connecting closed")
                .requests("models=1"),
        );
    }
    for (what, fault) in invalid_bodies() {
        rows.push(
            always(call, what, fault)
                .posts("protocol models | api-url")
                .states("connecting closed")
                .requests("models=1"),
        );
    }
    for (what, fault, message) in [
        ("429", retry_after(1), "busy models 429"),
        ("503", refusal(503), "server models 503"),
        ("hang", Fault::Hang, "timeout models"),
        ("reset", Fault::Reset, "network models"),
    ] {
        rows.push(
            once(call, what, fault)
                .posts(message)
                .states(SECOND_ATTEMPT_STATES)
                .requests("models=2 create=1 signal=1 delete=1"),
        );
    }
    rows
}

/// The status of the stream, which the element polls until the first frame has arrived.
fn get() -> Vec<Row> {
    let call = Call::Get;
    let ended = Fault::Body {
        body: r#"{"state":"ended","end_reason":"expired"}"#.to_owned(),
        content_type: "application/json".to_owned(),
    };
    let again = |what: &str, fault, message: &str| once(call, what, fault).posts(message);
    let mut rows = vec![
        once(call, "404", refusal(404))
            .posts("not-found status 404")
            .states(SECOND_ATTEMPT_STATES)
            .requests("models=2 create=2 signal=1.. delete=2"),
        once(call, "ended", ended)
            .posts("stream-ended status | expired")
            .states(SECOND_ATTEMPT_STATES)
            .requests("models=2 create=2 signal=1.. delete=1 left=1"),
        again("429", retry_after(1), "busy status 429 | Looking again in"),
        again("500", refusal(500), "server status 500 | Looking again in"),
        at(call, "503 for long")
            .fault(call, refusal(503), Times::N(3))
            .posts("server status 503 | Looking again in"),
        again("hang", Fault::Hang, "timeout status | Looking again in"),
        again("reset", Fault::Reset, "network status | Looking again in"),
        again("drip", SLOW_RESPONSE, "timeout status | Looking again in"),
        at(call, "TLS failure")
            .tls("GET /v1/streams/", 1)
            .posts("network status | Looking again in"),
    ];
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .posts(format!("{kind} status {code}"))
                .states("connecting closed")
                .requests("models=1 create=1 signal=0.. get=1 delete=1"),
        );
    }
    for (what, fault) in invalid_bodies() {
        rows.push(match what {
            // An unknown state does not mean the end of the stream.
            "wrong types" => once(call, what, fault),
            _ => again(what, fault, "protocol status | Looking again in"),
        });
    }
    rows
}

fn keepalive() -> Vec<Row> {
    let call = Call::Keepalive;
    let mut rows = Vec::new();
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .posts(format!("{kind} keepalive {code}"))
                .gives_up()
                .requests("models=1 create=1 signal=1 keepalive=1 delete=1"),
        );
    }
    rows.push(
        once(call, "404", refusal(404))
            .posts("not-found keepalive 404")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
    );
    // A renewal that succeeds in time causes no message.
    let recovered_requests = "models=1 create=1 signal=1 keepalive=3.. delete=1";
    let recovered = invalid_bodies().into_iter().chain([
        ("429", retry_after(1)),
        ("500 once", refusal(500)),
        ("hang", Fault::Hang),
        ("reset once", Fault::Reset),
        ("drip", SLOW_RESPONSE),
        ("expired token", Fault::ExpiredToken),
    ]);
    for (what, fault) in recovered {
        rows.push(once(call, what, fault).requests(recovered_requests));
    }
    rows.push(
        at(call, "TLS failure once")
            .tls("/keepalive ", 1)
            .requests("models=1 create=1 signal=1 keepalive=1.. delete=1"),
    );
    // Otherwise the stream is lost.
    for (what, fault, message) in [
        ("500", refusal(500), "server keepalive 500"),
        ("503", refusal(503), "server keepalive 503"),
        ("reset", Fault::Reset, "network keepalive"),
    ] {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::N(3))
                .posts(message)
                .states(LOST_STATES)
                .requests("models=2 create=2 signal=2 keepalive=3.. delete=2"),
        );
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/keepalive ", 3)
            .posts("network keepalive")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
    );
    rows.into_iter()
        .map(|row| row.config(short_lease))
        .collect()
}

/// The balance is optional: its faults cause no message.
fn balance() -> Vec<Row> {
    let call = Call::Balance;
    let failures = [401, 402, 404, 500]
        .into_iter()
        .map(|code| (code.to_string(), refusal(code)));
    let bodies = invalid_bodies()
        .into_iter()
        .map(|(what, fault)| (what.to_owned(), fault));
    failures
        .chain(bodies)
        .chain([
            ("429".to_owned(), retry_after(1)),
            ("hang".to_owned(), Fault::Hang),
            ("reset".to_owned(), Fault::Reset),
        ])
        .map(|(what, fault)| {
            always(call, &what, fault)
                .config(short_lease)
                .requests("models=1 create=1 signal=1 keepalive=2.. balance=1 delete=1")
        })
        .collect()
}

/// So are the prices: nothing waits for them.
fn pricing() -> Vec<Row> {
    let faults = [refusal(500), refusal(404), Fault::Hang, html_page("<html>")];
    Vec::from(faults.map(|fault| always(Call::Pricing, "no prices", fault)))
}

fn delete() -> Vec<Row> {
    let call = Call::Delete;
    let mut rows = vec![
        always(call, "404", refusal(404)).requests("models=1 create=1 signal=1 delete=1 left=1"),
        once(call, "503 once", refusal(503)).requests("models=1 create=1 signal=1 delete=2"),
        // The service has deleted the stream although its response was slow.
        once(call, "drip", SLOW_RESPONSE).requests("models=1 create=1 signal=1 delete=2"),
        at(call, "TLS failure once").tls("DELETE ", 1),
        at(call, "TLS failure")
            .tls("DELETE ", 2)
            .posts("network delete | ends with its lease")
            .requests("models=1 create=1 signal=1 left=1"),
    ];
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .posts(format!("{kind} delete {code} | ends with its lease"))
                .requests("models=1 create=1 signal=1 delete=1 left=1"),
        );
    }
    let passing =
        TEMPORARY_STATUS_CODES.map(|(code, kind)| (format!("{kind} delete {code}"), refusal(code)));
    for (message, fault) in passing.into_iter().chain([
        ("busy delete 429".to_owned(), retry_after(1)),
        ("timeout delete".to_owned(), Fault::Hang),
        ("network delete".to_owned(), Fault::Reset),
    ]) {
        rows.push(
            always(call, &message, fault)
                .posts(format!("{message} | ends with its lease"))
                .requests("models=1 create=1 signal=1 delete=2 left=1"),
        );
    }
    for (what, fault) in invalid_bodies() {
        rows.push(always(call, what, fault));
    }
    rows
}

/// Streams that the service ends, and what API v1 does not support.
fn ends() -> Vec<Row> {
    let ended = |what: &str, reason| {
        row_v1(what)
            .then(move |test_bed| {
                let control = &test_bed.service.control;
                assert!(control.end_stream(&test_bed.stream_id(), reason));
            })
            .posts("stream-ended room | the room is gone")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS)
    };
    vec![
        ended("deleted by someone else", EndReason::ClientRequested),
        ended("expired", EndReason::LeaseExpired),
        // A web page in response to the next stream's first request comes from some proxy on the way.
        row_v1("models HTML after a loss")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(
                    Call::Models,
                    html_page("<html>Please sign in.</html>"),
                    Times::Once,
                );
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
            })
            .posts("stream-ended room")
            .posts("protocol models | api-url")
            .states(LOST_STATES)
            .requests("models=3 create=2 signal=2 delete=2"),
        row_v1("prompt").then(change_prompt).posts("prompt taken"),
        row_v1("feedback")
            .then(submit_feedback)
            .posts("invalid-settings feedback | takes no feedback"),
    ]
}

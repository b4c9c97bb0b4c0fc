//! The calls of API v1 on a stream, and what can become of each.

use overshoot_emulator::{Call, EndReason, Fault, Times};

use super::fault::{
    DRIP, FINAL, PASSING, bodies, change_prompt, give_feedback, page, retry_after, short_lease,
};
use super::row::{Row, row_v1};

/// A stream that was lost, and the next one.
pub const LOST: &str = "connecting streaming reconnecting streaming closed";
/// The same before there was a connection.
pub const LATE: &str = "connecting reconnecting connecting streaming closed";
/// The requests of both.
pub const TWO_STREAMS: &str = "models=2 create=2 signal=2 keepalive=0.. delete=2";

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
        delete(),
        ends(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn without_a_room() -> Fault {
    Fault::Body {
        body: r#"{"id": "x", "publish": 3, "ttl_seconds": 30}"#.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

/// Tried again by itself only where no stream can have been made; `on-error=warn` has the element
/// start over.
fn create() -> Vec<Row> {
    let call = Call::Create;
    let not_taken = "timeout=20000000000 max-reconnects=0 model=Qwen/Qwen3-VL-8B-Instruct";
    let mut rows = vec![
        always(call, "503", refusal(503))
            .pauses(call, &[1.0, 2.0, 4.0])
            .properties(not_taken)
            .tells("server create 503 | injected")
            .states("connecting closed")
            .requests("models=1 create=4"),
        at(call, "without TLS")
            .without_tls()
            .properties(not_taken)
            .tells("network create | can't be reached")
            .states("connecting closed")
            .requests(""),
        once(call, "503 once", refusal(503))
            .properties(not_taken)
            .requests("models=1 create=2 signal=1 delete=1"),
        // The service never hears of it, but might have.
        at(call, "TLS failure")
            .tls("POST /v1/streams ", 1)
            .tells("network create | can't be reached")
            .states(LATE)
            .requests("models=2 create=1 signal=1 delete=1"),
        at(call, "in another region")
            .config(|config| config.region = Some("eu".to_owned()))
            .requests("models=1 create=2 signal=1 delete=1"),
        always(call, "sent from region to region", other_region())
            .tells("invalid-settings create 409")
            .states("connecting closed")
            .requests("models=1 create=3"),
        // By its name it can be deleted.
        always(call, "without a room", without_a_room())
            .tells("protocol create | no LiveKit room")
            .states("connecting closed")
            .requests("models=1 create=1 delete=1 left=1"),
        once(call, "expired token", Fault::ExpiredToken)
            .tells("not-authorized room 401 | refused the token")
            .states("connecting closed")
            .requests("models=1 create=1 signal=1 delete=1"),
    ];
    for (code, kind) in FINAL.into_iter().chain([(404, "not-found")]) {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .tells(format!("{kind} create {code}"))
                .states("connecting closed")
                .requests("models=1 create=1"),
        );
    }
    for (what, fault) in bodies() {
        // The stream was made, but nobody knows its name.
        rows.push(
            always(call, what, fault)
                .tells("protocol create | api-url")
                .states("connecting closed")
                .requests("models=1 create=1 left=1"),
        );
    }
    for (what, fault, told, left) in [
        ("429", retry_after(1), "busy create 429", 0),
        ("500", refusal(500), "server create 500", 0),
        ("hang", Fault::Hang, "timeout create", 0),
        ("reset", Fault::Reset, "network create | api-url", 0),
        ("drip", DRIP, "timeout create", 1),
    ] {
        let requests = match left {
            0 => "models=2 create=2 signal=1 delete=1",
            _ => "models=2 create=2 signal=1 delete=1 left=1",
        };
        rows.push(
            once(call, what, fault)
                .tells(told)
                .states(LATE)
                .requests(requests),
        );
    }
    rows
}

fn other_region() -> Fault {
    Fault::Status {
        code: 409,
        headers: Vec::new(),
        body:
            r#"{"detail":{"error":"region_error","expected_region":"eu","requested_region":"us"}}"#
                .to_owned(),
        content_type: "application/json".to_owned(),
    }
}

/// Asked for first, as one that is ready is needed; where one was named, it is only good to know.
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
            .tells("network models | certificate")
            .states("connecting closed")
            .requests(""),
    ];
    for (code, kind) in FINAL.into_iter().chain([(404, "not-found")]) {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .tells(format!("{kind} models {code}"))
                .states("connecting closed")
                .requests("models=1"),
        );
    }
    for (what, fault) in bodies() {
        rows.push(
            always(call, what, fault)
                .tells("protocol models | api-url")
                .states("connecting closed")
                .requests("models=1"),
        );
    }
    for (what, fault, told) in [
        ("429", retry_after(1), "busy models 429"),
        ("503", refusal(503), "server models 503"),
        ("hang", Fault::Hang, "timeout models"),
        ("reset", Fault::Reset, "network models"),
    ] {
        rows.push(
            once(call, what, fault)
                .tells(told)
                .states(LATE)
                .requests("models=2 create=1 signal=1 delete=1"),
        );
    }
    rows
}

/// Up to the first frame.
fn get() -> Vec<Row> {
    let call = Call::Get;
    let ended = Fault::Body {
        body: r#"{"state":"ended","end_reason":"expired"}"#.to_owned(),
        content_type: "application/json".to_owned(),
    };
    let again = |what: &str, fault, told: &str| once(call, what, fault).tells(told);
    let mut rows = vec![
        once(call, "404", refusal(404))
            .tells("not-found status 404")
            .states(LATE)
            .requests("models=2 create=2 signal=1.. delete=2"),
        once(call, "ended", ended)
            .tells("stream-ended status | expired")
            .states(LATE)
            .requests("models=2 create=2 signal=1.. delete=1 left=1"),
        again("429", retry_after(1), "busy status 429 | Looking again in"),
        again("500", refusal(500), "server status 500 | Looking again in"),
        at(call, "503 for long")
            .fault(call, refusal(503), Times::N(3))
            .tells("server status 503 | Looking again in"),
        again("hang", Fault::Hang, "timeout status | Looking again in"),
        again("reset", Fault::Reset, "network status | Looking again in"),
        again("drip", DRIP, "timeout status | Looking again in"),
        at(call, "TLS failure")
            .tls("GET /v1/streams/", 1)
            .tells("network status | Looking again in"),
    ];
    for (code, kind) in FINAL {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .tells(format!("{kind} status {code}"))
                .states("connecting closed")
                .requests("models=1 create=1 signal=0.. get=1 delete=1"),
        );
    }
    for (what, fault) in bodies() {
        rows.push(again(what, fault, "protocol status | Looking again in"));
    }
    rows
}

fn keepalive() -> Vec<Row> {
    let call = Call::Keepalive;
    let mut rows = Vec::new();
    for (code, kind) in FINAL {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .tells(format!("{kind} keepalive {code}"))
                .gives_up()
                .requests("models=1 create=1 signal=1 keepalive=1 delete=1"),
        );
    }
    rows.push(
        once(call, "404", refusal(404))
            .tells("not-found keepalive 404")
            .states(LOST)
            .requests(TWO_STREAMS),
    );
    // What is mended in time is nobody's trouble.
    let goes_on = "models=1 create=1 signal=1 keepalive=3.. delete=1";
    let mended = bodies().into_iter().chain([
        ("429", retry_after(1)),
        ("500 once", refusal(500)),
        ("hang", Fault::Hang),
        ("reset once", Fault::Reset),
        ("drip", DRIP),
        ("expired token", Fault::ExpiredToken),
    ]);
    for (what, fault) in mended {
        rows.push(once(call, what, fault).requests(goes_on));
    }
    rows.push(
        at(call, "TLS failure once")
            .tls("/keepalive ", 1)
            .requests("models=1 create=1 signal=1 keepalive=1.. delete=1"),
    );
    // What is not, costs the stream.
    for (what, fault, told) in [
        ("500", refusal(500), "server keepalive 500"),
        ("503", refusal(503), "server keepalive 503"),
        ("reset", Fault::Reset, "network keepalive"),
    ] {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::N(3))
                .tells(told)
                .states(LOST)
                .requests("models=2 create=2 signal=2 keepalive=3.. delete=2"),
        );
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/keepalive ", 3)
            .tells("network keepalive")
            .states(LOST)
            .requests(TWO_STREAMS),
    );
    rows.into_iter()
        .map(|row| row.config(short_lease))
        .collect()
}

/// Good to know, and no more.
fn balance() -> Vec<Row> {
    let call = Call::Balance;
    let failures = [401, 402, 404, 500]
        .into_iter()
        .map(|code| (code.to_string(), refusal(code)));
    let bodies = bodies()
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

fn delete() -> Vec<Row> {
    let call = Call::Delete;
    let mut rows = vec![
        always(call, "404", refusal(404)).requests("models=1 create=1 signal=1 delete=1 left=1"),
        once(call, "503 once", refusal(503)).requests("models=1 create=1 signal=1 delete=2"),
        // Served, for all that.
        once(call, "drip", DRIP).requests("models=1 create=1 signal=1 delete=2"),
        at(call, "TLS failure once").tls("DELETE ", 1),
        at(call, "TLS failure")
            .tls("DELETE ", 2)
            .tells("network delete | ends with its lease")
            .requests("models=1 create=1 signal=1 left=1"),
    ];
    for (code, kind) in FINAL {
        rows.push(
            always(call, &code.to_string(), refusal(code))
                .tells(format!("{kind} delete {code} | ends with its lease"))
                .requests("models=1 create=1 signal=1 delete=1 left=1"),
        );
    }
    let passing = PASSING.map(|(code, kind)| (format!("{kind} delete {code}"), refusal(code)));
    for (told, fault) in passing.into_iter().chain([
        ("busy delete 429".to_owned(), retry_after(1)),
        ("timeout delete".to_owned(), Fault::Hang),
        ("network delete".to_owned(), Fault::Reset),
    ]) {
        rows.push(
            always(call, &told, fault)
                .tells(format!("{told} | ends with its lease"))
                .requests("models=1 create=1 signal=1 delete=2 left=1"),
        );
    }
    for (what, fault) in bodies() {
        rows.push(always(call, what, fault));
    }
    rows
}

/// Streams that the service ends, and what API v1 does not have.
fn ends() -> Vec<Row> {
    let ended = |what: &str, reason| {
        row_v1(what)
            .then(move |scene| {
                let control = &scene.service.control;
                assert!(control.end_stream(&scene.id(), reason));
            })
            .tells("stream-ended room | the room is gone")
            .states(LOST)
            .requests(TWO_STREAMS)
    };
    vec![
        ended("deleted by someone else", EndReason::ClientRequested),
        ended("expired", EndReason::LeaseExpired),
        // In place of the next stream's first answer, a page is some proxy's on the way.
        row_v1("models HTML after a loss")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(
                    Call::Models,
                    page("<html>Please sign in.</html>"),
                    Times::Once,
                );
                assert!(control.end_stream(&scene.id(), EndReason::LeaseExpired));
            })
            .tells("stream-ended room")
            .tells("protocol models | api-url")
            .states(LOST)
            .requests("models=3 create=2 signal=2 delete=2"),
        row_v1("prompt").then(change_prompt).tells("prompt taken"),
        row_v1("feedback")
            .then(give_feedback)
            .tells("invalid-settings feedback | takes no feedback"),
    ]
}

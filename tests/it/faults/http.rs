//! Every HTTP call of API v0.2, and what can become of it.

use overshoot_emulator::{Call, EndReason, Fault, Times};

use super::fault::{
    DRIP, FINAL, PASSING, bodies, change_prompt, give_feedback, page, portal, retry_after,
    short_lease,
};
use super::row::{Row, row};

/// A row of this call, up to where the call is made.
fn at(call: Call, what: &str) -> Row {
    let row = row(format!("{call} {what}"));
    match call {
        Call::Prompt => row.then(change_prompt),
        Call::Feedback => row.then(give_feedback),
        Call::Keepalive => row.config(short_lease),
        _ => row,
    }
}

pub fn rows() -> Vec<Row> {
    [
        create(),
        keepalive(),
        prompt(),
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
    for (code, kind) in FINAL.into_iter().chain([(404, "not-found")]) {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .tells(format!("{kind} create {code}"))
                .states("connecting closed")
                .requests(match code {
                    // The model may be the reason.
                    400 | 422 => "create=1 models=1",
                    _ => "create=1",
                }),
        );
    }
    for (what, fault) in bodies() {
        // The stream was made, but nobody knows its name.
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Always)
                .tells("protocol create | api-url")
                .states("connecting closed")
                .requests("create=1 left=1"),
        );
    }
    // Tried again, as nobody is there to start it again.
    let again = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=1 delete=1")
    };
    for (code, kind) in PASSING {
        rows.push(
            again(&code.to_string(), Fault::status(code))
                .tells(format!("{kind} create {code}"))
                .requests(match code {
                    503 => "create=2 models=1 socket=1 delete=1",
                    _ => "create=2 socket=1 delete=1",
                }),
        );
    }
    rows.push(
        again("429", retry_after(2))
            .tells("busy create 429 | try again later")
            .requests("create=2 models=1 socket=1 delete=1"),
    );
    rows.push(again("hang", Fault::Hang).tells("timeout create"));
    rows.push(again("reset", Fault::Reset).tells("network create | api-url"));
    rows.push(
        again("drip", DRIP)
            .tells("timeout create")
            .requests("create=2 socket=1 delete=1 left=1"),
    );
    // In place of a stream that was lost, a page is some proxy's on the way.
    for (what, fault) in [
        ("HTML", page("<html>Please sign in.</html>")),
        ("redirect", portal()),
    ] {
        let code = match &fault {
            Fault::Status { code: 302, .. } => " 302",
            _ => "",
        };
        rows.push(
            row(format!("create {what} after a loss"))
                .then(move |scene| {
                    let control = &scene.service.control;
                    control.inject(call, fault.clone(), Times::N(2));
                    assert!(control.end_stream(&scene.id(), EndReason::LeaseExpired));
                })
                .tells("stream-ended socket 1001")
                .tells(format!("protocol create{code}"))
                .tells(format!("protocol create{code}"))
                .states("connecting streaming reconnecting streaming closed")
                .requests("create=4 socket=2 delete=1"),
        );
    }
    rows.push(
        at(call, "without TLS")
            .without_tls()
            .properties("max-reconnects=1")
            .tells("network create | can't be reached")
            .tells("network create | can't be reached")
            .states("connecting reconnecting closed")
            .requests(""),
    );
    rows.push(
        at(call, "untrusted certificate")
            .untrusted()
            .properties("max-reconnects=0")
            .tells("network create | certificate")
            .states("connecting closed")
            .requests(""),
    );
    // The service never hears of a request that TLS breaks at.
    rows.push(
        at(call, "TLS failure")
            .tls("POST /v0.2/streams ", 1)
            .tells("network create | can't be reached")
            .states("connecting reconnecting connecting streaming closed"),
    );
    rows
}

fn keepalive() -> Vec<Row> {
    let call = Call::Keepalive;
    let mut rows = Vec::new();
    for (code, kind) in FINAL {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .tells(format!("{kind} keepalive {code}"))
                .gives_up()
                .requests("create=1 socket=1 keepalive=1 delete=1"),
        );
    }
    // A portal that wants a click.
    rows.push(
        at(call, "redirect")
            .fault(call, portal(), Times::Once)
            .tells("protocol keepalive 302 | redirects")
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=1.. delete=2"),
    );
    rows.push(
        at(call, "404")
            .fault(call, Fault::status(404), Times::Once)
            .tells("not-found keepalive 404")
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=1.. delete=2"),
    );
    // What is mended in time is nobody's trouble.
    let mended = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .requests("create=1 socket=1 keepalive=3.. delete=1")
    };
    for (what, fault) in bodies() {
        rows.push(mended(what, fault));
    }
    rows.push(mended("429", retry_after(1)));
    rows.push(mended("hang", Fault::Hang));
    rows.push(mended("drip", DRIP));
    rows.push(mended("503 once", Fault::status(503)));
    // What is not, costs the stream.
    let lost = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::N(3))
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=3.. delete=2")
    };
    for (code, kind) in PASSING {
        rows.push(
            lost(&code.to_string(), Fault::status(code)).tells(format!("{kind} keepalive {code}")),
        );
    }
    rows.push(lost("reset", Fault::Reset).tells("network keepalive"));
    let tls = |what: &str, times| at(call, what).tls("/keepalive ", times);
    rows.push(tls("TLS failure once", 1).requests("create=1 socket=1 keepalive=2.. delete=1"));
    rows.push(
        tls("TLS failure", 3)
            .tells("network keepalive")
            .states("connecting streaming reconnecting streaming closed")
            .requests("create=2 socket=2 keepalive=0.. delete=2"),
    );
    rows
}

fn prompt() -> Vec<Row> {
    let call = Call::Prompt;
    let mut rows = Vec::new();
    // The old prompt goes on.
    for (code, kind) in FINAL.into_iter().chain([(404, "not-found")]) {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .tells(format!("{kind} prompt {code} | the old one stays in use"))
                .requests("create=1 socket=1 prompt=1 delete=1"),
        );
    }
    for (code, kind) in PASSING {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::N(3))
                .tells(format!("{kind} prompt {code} | the old one stays in use"))
                .requests("create=1 socket=1 prompt=3 delete=1"),
        );
    }
    for (what, fault) in [
        ("429", retry_after(1)),
        ("hang", Fault::Hang),
        ("reset", Fault::Reset),
        ("drip", DRIP),
    ] {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Once)
                .tells("prompt taken")
                .requests("create=1 socket=1 prompt=2 delete=1"),
        );
    }
    for (what, fault) in bodies() {
        rows.push(
            at(call, what)
                .fault(call, fault, Times::Once)
                .tells("prompt taken")
                .requests("create=1 socket=1 prompt=1 delete=1"),
        );
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/config/prompt ", 1)
            .tells("prompt taken")
            .requests("create=1 socket=1 prompt=1 delete=1"),
    );
    rows
}

fn feedback() -> Vec<Row> {
    let call = Call::Feedback;
    let mut rows = Vec::new();
    let refused = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Always)
            .requests("create=1 socket=1 feedback=1 delete=1")
    };
    for (code, kind) in FINAL
        .into_iter()
        .chain(PASSING)
        .chain([(404, "not-found"), (429, "busy")])
    {
        rows.push(
            refused(&code.to_string(), Fault::status(code))
                .tells(format!("{kind} feedback {code}")),
        );
    }
    rows.push(refused("hang", Fault::Hang).tells("timeout feedback"));
    rows.push(refused("drip", DRIP).tells("timeout feedback"));
    rows.push(refused("reset", Fault::Reset).tells("network feedback"));
    for (what, fault) in bodies() {
        rows.push(refused(what, fault));
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/feedback ", 1)
            .tells("network feedback"),
    );
    rows
}

/// Within the bound of a stop, twice where that can help.
fn delete() -> Vec<Row> {
    let call = Call::Delete;
    let mut rows = Vec::new();
    for (code, kind) in FINAL {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .tells(format!("{kind} delete {code} | ends with its lease"))
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
    for (code, kind) in PASSING {
        rows.push(
            twice(&code.to_string(), Fault::status(code)).tells(format!("{kind} delete {code}")),
        );
    }
    rows.push(twice("429", retry_after(1)).tells("busy delete 429"));
    rows.push(twice("hang", Fault::Hang).tells("timeout delete"));
    // Served, for all that: the second time there is nothing to delete.
    rows.push(
        at(call, "drip")
            .fault(call, DRIP, Times::Always)
            .requests("create=1 socket=1 delete=2"),
    );
    rows.push(twice("reset", Fault::Reset).tells("network delete"));
    rows.push(
        at(call, "503 once")
            .fault(call, Fault::status(503), Times::Once)
            .requests("create=1 socket=1 delete=2"),
    );
    for (what, fault) in bodies() {
        rows.push(at(call, what).fault(call, fault, Times::Always));
    }
    rows.push(at(call, "TLS failure once").tls("DELETE ", 1));
    rows.push(
        at(call, "TLS failure")
            .tls("DELETE ", 2)
            .tells("network delete | ends with its lease")
            .requests("create=1 socket=1 left=1"),
    );
    rows
}

/// The WebSocket's handshake.
fn socket() -> Vec<Row> {
    let call = Call::Socket;
    let mut rows = Vec::new();
    for (code, kind) in FINAL {
        rows.push(
            at(call, &code.to_string())
                .fault(call, Fault::status(code), Times::Always)
                .tells(format!("{kind} socket {code}"))
                .states("connecting closed"),
        );
    }
    for (what, body) in [
        ("HTML", "<html>Please sign in.</html>"),
        ("empty", ""),
        ("truncated", r#"{"stream_i"#),
        ("wrong types", r#"{"stream_id": 7}"#),
    ] {
        rows.push(
            at(call, what)
                .fault(call, page(body), Times::Always)
                .tells("protocol socket 200 | api-url")
                .states("connecting closed"),
        );
    }
    rows.push(
        at(call, "TLS failure")
            .tls("/ws/streams/", 1)
            .tells("network socket | Connecting again in"),
    );
    rows.push(
        at(call, "404")
            .fault(call, Fault::status(404), Times::Once)
            .tells("not-found socket 404")
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=2 delete=2"),
    );
    // Tried again within the stream.
    let again = |what: &str, fault| {
        at(call, what)
            .fault(call, fault, Times::Once)
            .requests("create=1 socket=2 delete=1")
    };
    for (code, kind) in PASSING {
        rows.push(
            again(&code.to_string(), Fault::status(code))
                .tells(format!("{kind} socket {code} | Connecting again in")),
        );
    }
    rows.push(again("429", retry_after(1)).tells("busy socket 429 | Connecting again in 1.0 s"));
    rows.push(again("hang", Fault::Hang).tells("timeout socket | Connecting again in"));
    rows.push(again("reset", Fault::Reset).tells("network socket | Connecting again in"));
    rows
}

//! The questions of API v1, and what can become of them and of their answers.

use overshoot_emulator::{Call, Fault, Times};

use super::fault::{DRIP, FINAL, PASSING, bodies, portal, retry_after};
use super::media::larger_than_any;
use super::row::{Row, row_v1};
use super::v1::{LOST, TWO_STREAMS};

const CALL: Call = Call::Chat;
const AGAIN: &str = "Asking again in";
/// One that is ready, and another.
const TWO_MODELS: &str = "model=\"Qwen/Qwen3-VL-8B-Instruct,Qwen/Qwen3-VL-30B-A3B-Instruct\"";

fn at(what: &str, fault: Fault, times: Times) -> Row {
    row_v1(format!("chat {what}")).fault(CALL, fault, times)
}

fn once(what: &str, fault: Fault) -> Row {
    at(what, fault, Times::Once)
}

/// An answer that makes no sense.
fn body(body: &str) -> Fault {
    Fault::Body {
        body: body.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        // Pauses of 0.5, 1, 2, 4 and 8 s; there may be no picture yet, so the first ones are not told.
        at(
            "no frame for long",
            Fault::chat(409, "frame_not_yet_produced"),
            Times::N(5),
        )
        .tells(format!("invalid-settings ask 409 | {AGAIN}"))
        .tells("timeout ask | No answer has come")
        .pauses(CALL, &[0.5, 1.0, 2.0, 4.0, 8.0])
        .requests("models=1 create=1 signal=1 keepalive=0.. delete=1"),
        once("no frame yet", Fault::chat(409, "frame_not_yet_produced")),
        once("no segment yet", Fault::chat(404, "segment_empty")),
        once("evicted", Fault::chat(410, "frame_evicted")),
        once("redirect", portal())
            .tells("protocol ask 302 | redirects")
            .states(LOST)
            .requests(TWO_STREAMS),
        once("404", Fault::chat(404, "stream_not_found"))
            .tells("not-found ask 404")
            .states(LOST)
            .requests(TWO_STREAMS),
        // An answer of its kind.
        at(
            "blocked",
            Fault::chat(400, "provider_safety_block"),
            Times::Always,
        ),
        once(
            "model unavailable, another is named",
            Fault::chat(503, "model_unavailable"),
        )
        .properties(TWO_MODELS),
        at(
            "model unavailable",
            Fault::chat(503, "model_unavailable"),
            Times::N(2),
        )
        .tells(format!("server ask 503 | {AGAIN}")),
        at(
            "500 thrice",
            Fault::chat(500, "upstream_request_failed"),
            Times::N(3),
        )
        .tells(format!("server ask 500 | {AGAIN}")),
        once("429", retry_after(2))
            .pauses(CALL, &[2.0])
            .tells(format!("busy ask 429 | {AGAIN} 2.")),
        once("hang", Fault::Hang).tells(format!("timeout ask | {AGAIN}")),
        once("reset", Fault::Reset).tells(format!("network ask | {AGAIN}")),
        once("drip", DRIP).tells(format!("timeout ask | {AGAIN}")),
        row_v1("chat TLS failure")
            .tls("POST /v1/chat/completions", 1)
            .tells(format!("network ask | {AGAIN}")),
        once(
            "answer without a choice",
            body(r#"{"id":"c","choices":[]}"#),
        )
        .tells(format!("server ask | {AGAIN}")),
        once("answer larger than any", larger_than_any()).tells(format!("server ask | {AGAIN}")),
        row_v1("chat in parts").properties("stream-partial=true"),
        once("that breaks off", Fault::BreaksOff)
            .properties("stream-partial=true")
            .tells(format!("network ask | {AGAIN}")),
        once("that stalls", Fault::Stalls)
            .properties("stream-partial=true")
            .tells(format!("timeout ask | {AGAIN}")),
        once("truncated in parts", Fault::Truncated)
            .properties("stream-partial=true")
            .tells(format!("server ask | {AGAIN}")),
    ];
    for (code, kind) in FINAL {
        rows.push(
            at(
                &code.to_string(),
                Fault::chat(code, "injected"),
                Times::Always,
            )
            .tells(format!("{kind} ask {code}"))
            .gives_up()
            .requests("models=1 create=1 signal=1 chat=1 delete=1"),
        );
    }
    for (code, kind) in PASSING {
        rows.push(
            once(
                &code.to_string(),
                Fault::chat(code, "upstream_request_failed"),
            )
            .tells(format!("{kind} ask {code} | {AGAIN}")),
        );
    }
    for (what, fault) in bodies() {
        rows.push(once(what, fault).tells(format!("server ask | {AGAIN}")));
    }
    rows
}

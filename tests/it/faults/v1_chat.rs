// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of API v1's questions and of their answers.

use overshoot_emulator::{Call, Fault, Times};

use super::fault::{
    FINAL_STATUS_CODES, SLOW_RESPONSE, TEMPORARY_STATUS_CODES, invalid_bodies, redirect,
    retry_after,
};
use super::media::oversized_body;
use super::row::{Row, row_v1};
use super::v1::{LOST_STATES, TWO_STREAM_REQUESTS};

const CALL: Call = Call::Chat;
const RETRY_TEXT: &str = "Asking again in";
/// Two models, of which the first is ready.
const TWO_MODELS: &str = "model=\"Qwen/Qwen3-VL-8B-Instruct,Qwen/Qwen3-VL-30B-A3B-Instruct\"";

/// One model is named, so that no other one answers in its place.
fn at(what: &str, fault: Fault, times: Times) -> Row {
    let row = row_v1(format!("chat {what}")).fault(CALL, fault, times);
    row.properties("model=Qwen/Qwen3-VL-8B-Instruct")
}

fn once(what: &str, fault: Fault) -> Row {
    at(what, fault, Times::Once)
}

/// A successful response with this body.
fn body(body: &str) -> Fault {
    Fault::Body {
        body: body.to_owned(),
        content_type: "application/json".to_owned(),
    }
}

/// A successful response of events, with the content type and the ends of lines of some services.
fn events(events: &[&str], content_type: &str, end: &str) -> Fault {
    let body = events
        .iter()
        .map(|event| format!("data: {event}{end}{end}"));
    Fault::Body {
        body: body.collect(),
        content_type: content_type.to_owned(),
    }
}

/// Successes that are none, and answers in odd envelopes. `completion_tests.rs` has all forms.
fn odd_bodies() -> Vec<Row> {
    const TWO: &str =
        r#"{"id":7,"choices":[{"delta":{"content":[{"type":"text","text":"two "}]}}]}"#;
    const PEOPLE: &str = r#"{"choices":[{"delta":{"content":"people"},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"choices":null,"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    const ERROR: &str = r#"{"error":{"message":"engine overloaded","code":503}}"#;
    let whole = |choice: &str| body(&format!(r#"{{"choices":[{choice}]}}"#));
    let plain = "text/event-stream";
    vec![
        once(
            "error in a chunk",
            events(&[TWO, ERROR, "[DONE]"], plain, "\n"),
        )
        .fails_with("engine overloaded"),
        once("error as the whole body", body(ERROR)).fails_with("engine overloaded"),
        once(
            "error, another model is named",
            events(&[TWO, ERROR], plain, "\n"),
        )
        .properties(TWO_MODELS),
        once(
            "finish reason error",
            whole(r#"{"message":{"content":"two"},"finish_reason":"error"}"#),
        )
        .fails_with("finish_reason: error"),
        once(
            "refusal",
            whole(r#"{"message":{"content":null,"refusal":"I can't help with that."}}"#),
        )
        .fails_with("I can't help with that."),
        once(
            "no end mark, ends of lines CR",
            events(&[TWO, PEOPLE, USAGE], "Text/Event-Stream", "\r"),
        )
        .receives("two people"),
        once(
            "half a surrogate, byte order mark",
            body("\u{feff}{\"choices\":[{\"message\":{\"content\":\"two \\ud83d people\"}}]}"),
        )
        .receives("two \u{fffd} people"),
    ]
}

pub fn rows() -> Vec<Row> {
    let mut rows = odd_bodies();
    rows.extend([
        // Pauses of 0.5, 1, 2, 4 and 8 s. The first failures cause no message, because there may be no picture yet.
        at(
            "no frame for long",
            Fault::chat(409, "frame_not_yet_produced"),
            Times::N(5),
        )
        .posts(format!("busy ask 409 | {RETRY_TEXT}"))
        .posts("timeout ask | No answer has come")
        .pauses(CALL, &[0.5, 1.0, 2.0, 4.0, 8.0])
        .requests("models=1 create=1 signal=1 keepalive=0.. delete=1"),
        once("no frame yet", Fault::chat(409, "frame_not_yet_produced")),
        once("no segment yet", Fault::chat(404, "segment_empty")),
        once("evicted", Fault::chat(410, "frame_evicted")),
        once("redirect", redirect()).posts(format!("protocol ask 302 | {RETRY_TEXT}")),
        once("404", Fault::chat(404, "stream_not_found"))
            .posts("not-found ask 404")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
        // A blocked answer counts as an answer.
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
            "model unavailable, none is named",
            Fault::chat(503, "model_unavailable"),
            Times::N(2),
        )
        .properties(""),
        at(
            "all models unavailable",
            Fault::chat(503, "model_unavailable"),
            Times::N(3),
        )
        .properties("")
        .posts(format!("server ask 503 | {RETRY_TEXT}")),
        once(
            "model takes no video, another is named",
            Fault::chat(400, "model_video_unsupported"),
        )
        .properties(TWO_MODELS),
        once(
            "upstream refuses, another is named",
            Fault::chat(400, "upstream_http_400"),
        )
        .properties(TWO_MODELS),
        at(
            "model unavailable",
            Fault::chat(503, "model_unavailable"),
            Times::N(2),
        )
        .posts(format!("server ask 503 | {RETRY_TEXT}")),
        at(
            "500 thrice",
            Fault::chat(500, "upstream_request_failed"),
            Times::N(3),
        )
        .posts(format!("server ask 500 | {RETRY_TEXT}")),
        once("429", retry_after(2))
            .pauses(CALL, &[2.0])
            .posts(format!("busy ask 429 | {RETRY_TEXT} 2.")),
        once("hang", Fault::Hang).posts(format!("timeout ask | {RETRY_TEXT}")),
        once("reset", Fault::Reset).posts(format!("network ask | {RETRY_TEXT}")),
        once("drip", SLOW_RESPONSE).posts(format!("timeout ask | {RETRY_TEXT}")),
        row_v1("chat TLS failure")
            .tls("POST /v1/chat/completions", 1)
            .posts(format!("network ask | {RETRY_TEXT}")),
        once(
            "answer without a choice",
            body(r#"{"id":"c","choices":[]}"#),
        )
        .posts(format!("server ask | {RETRY_TEXT}")),
        once("answer larger than any", oversized_body())
            .posts(format!("server ask | {RETRY_TEXT}")),
        row_v1("chat in parts").properties("stream-partial=true"),
        once("that breaks off", Fault::BreaksOff)
            .properties("stream-partial=true model=Qwen/Qwen3-VL-8B-Instruct")
            .posts(format!("network ask | {RETRY_TEXT}")),
        once("that stalls", Fault::Stalls)
            .properties("stream-partial=true model=Qwen/Qwen3-VL-8B-Instruct")
            .posts(format!("timeout ask | {RETRY_TEXT}")),
        once("truncated in parts", Fault::Truncated)
            .properties("stream-partial=true model=Qwen/Qwen3-VL-8B-Instruct")
            .posts(format!("server ask | {RETRY_TEXT}")),
    ]);
    for (code, kind) in FINAL_STATUS_CODES {
        rows.push(
            at(
                &code.to_string(),
                Fault::chat(code, "injected"),
                Times::Always,
            )
            .posts(format!("{kind} ask {code}"))
            .gives_up()
            .requests("models=1 create=1 signal=1 chat=1 delete=1"),
        );
    }
    for (code, kind) in TEMPORARY_STATUS_CODES {
        rows.push(
            once(
                &code.to_string(),
                Fault::chat(code, "upstream_request_failed"),
            )
            .posts(format!("{kind} ask {code} | {RETRY_TEXT}")),
        );
    }
    for (what, fault) in invalid_bodies() {
        rows.push(once(what, fault).posts(format!("server ask | {RETRY_TEXT}")));
    }
    rows
}

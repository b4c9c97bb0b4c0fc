// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Bodies of answers, as services of all sorts send them.

use super::*;

const HELLO: &str = r#"data: {"id":"c1","model":"m","choices":[{"delta":{"role":"assistant"}}]}"#;
const TWO: &str = r#"data: {"choices":[{"delta":{"content":"two "}}]}"#;
const PEOPLE: &str = r#"data: {"choices":[{"delta":{"content":"people"},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
const DONE: &str = "data: [DONE]";

/// What the body holds, however it is cut.
fn read(body: &str) -> Result<CompletionBuilder, Error> {
    let in_pieces = |size| {
        let mut reader = BodyReader::default();
        for piece in body.as_bytes().chunks(size) {
            reader.push(piece)?;
            if reader.answer.is_complete {
                return reader.answer.finish();
            }
        }
        reader.end()
    };
    let whole = in_pieces(usize::MAX);
    for size in [1, 2, 7] {
        assert_eq!(
            format!("{:?}", in_pieces(size)),
            format!("{whole:?}"),
            "{body:?} in pieces of {size}"
        );
    }
    whole
}

fn answer(body: &str) -> CompletionBuilder {
    read(body).unwrap_or_else(|error| panic!("{body:?}: {error}"))
}

fn events(events: &[&str]) -> String {
    events.join("\n\n") + "\n\n"
}

#[test]
fn chunks_make_a_whole() {
    let answer = answer(&events(&[HELLO, TWO, PEOPLE, USAGE, DONE]));
    assert_eq!(answer.text, "two people");
    assert_eq!(answer.id.as_deref(), Some("c1"));
    assert_eq!(answer.finish_reason.as_deref(), Some("stop"));
    let usage = answer.usage.expect("the last chunk has it");
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (5, 2));
}

#[test]
fn an_answer_is_read_whatever_surrounds_it() {
    let chunks = [HELLO, TWO, PEOPLE, USAGE, DONE];
    let whole = |content: &str| {
        format!(r#"{{"choices":[{{"message":{{"content":{content}}},"finish_reason":"stop"}}]}}"#)
    };
    let with = |extra: &str| {
        let mut chunks = chunks.to_vec();
        chunks.insert(2, extra);
        events(&chunks)
    };
    for body in [
        // No end mark; no empty line after it; half a chunk after the answer.
        events(&[HELLO, TWO, PEOPLE]),
        events(&[HELLO, TWO, PEOPLE, "data: {\"cho"]),
        events(&chunks).trim_end().to_owned(),
        events(&chunks).trim_end().to_owned() + "\n",
        // Other ends of lines, a byte order mark, no empty lines between events.
        events(&chunks).replace('\n', "\r"),
        events(&chunks).replace('\n', "\r\n"),
        format!("\u{feff}{}", events(&chunks)),
        // Heartbeats.
        with(": ping"),
        with(r#"data: {"type":"ping"}"#),
        with("data: ping"),
        with("event: ping\ndata: {}"),
        with("data:"),
        with("data: null"),
        // Odd parts of chunks.
        with(r#"data: {"id":7,"model":[],"choices":null,"usage":"none"}"#),
        with(
            r#"data: {"choices":[null,{"delta":{"content":""},"finish_reason":""}],"error":null}"#,
        ),
        with(r#"data: {"choices":[{"delta":null,"message":3,"finish_reason":null,"error":null}]}"#),
        events(&[
            r#"data: {"choices":[{"delta":{"content":[{"type":"text","text":"two "}]}}]}"#,
            PEOPLE,
            DONE,
        ]),
        // One object, as such or in an event.
        whole(r#""two people""#),
        format!("data: {}", whole(r#""two people""#)),
        format!("\u{feff}{}\r\n", whole(r#""two people""#)),
        whole(r#"[{"type":"text","text":"two people"}]"#),
        whole(r#"[{"type":"thinking","thinking":"hm"},{"type":"text","text":"two "},"people"]"#),
        format!(
            r#"{{"id":7,"created":NaN,"model":3,"usage":[],"choices":[null,"x",{}]}}"#,
            r#"{"message":{"content":"two people","refusal":null,"tool_calls":[]},"finish_reason":null}"#
        ),
    ] {
        let answer = answer(&body);
        assert_eq!(answer.text, "two people", "{body}");
        assert_eq!(answer.failure, None, "{body}");
    }
    let emoji = answer(&whole(r#""half \ud83d of it""#));
    assert_eq!(emoji.text, "half \u{fffd} of it");
    assert_eq!(answer(&whole(r#""""#)).failure, None);
}

#[test]
fn an_error_or_a_refusal_is_no_answer() {
    let failed = |why: &str| Failure::Failed(why.to_owned());
    let refused = |why: &str| Failure::Refused(why.to_owned());
    let choice = |choice: &str| format!(r#"{{"choices":[{choice}]}}"#);
    for (body, failure) in [
        (
            events(&[
                TWO,
                r#"data: {"error":{"message":"engine overloaded","code":503}}"#,
                DONE,
            ]),
            failed("engine overloaded"),
        ),
        (
            events(&[
                TWO,
                "event: error\ndata: {\"message\":\"engine overloaded\"}",
            ]),
            failed("engine overloaded"),
        ),
        (
            events(&[TWO, "event: error\ndata: engine overloaded", DONE]),
            failed("engine overloaded"),
        ),
        (
            events(&[
                TWO,
                r#"data: {"type":"error","message":"engine overloaded"}"#,
            ]),
            failed("engine overloaded"),
        ),
        (
            events(&[
                TWO,
                r#"data: {"choices":[{"delta":{"content":"people"},"finish_reason":"error","error":{"message":"engine overloaded"}}]}"#,
                DONE,
            ]),
            failed("engine overloaded"),
        ),
        (
            events(&[
                TWO,
                r#"data: {"choices":[{"delta":{},"finish_reason":"error"}]}"#,
                DONE,
            ]),
            failed("The model's answer failed (finish_reason: error)."),
        ),
        (
            choice(r#"{"message":{"content":"two"},"finish_reason":"error"}"#),
            failed("The model's answer failed (finish_reason: error)."),
        ),
        (
            r#"{"error":{"message":"engine overloaded","code":503}}"#.to_owned(),
            failed("engine overloaded"),
        ),
        (
            r#"{"object":"error","message":"engine overloaded","code":503}"#.to_owned(),
            failed("engine overloaded"),
        ),
        (
            r#"{"detail":{"error":{"message":"engine overloaded"}}}"#.to_owned(),
            failed("engine overloaded"),
        ),
        (
            r#"data: {"error":"engine overloaded"}"#.to_owned(),
            failed("engine overloaded"),
        ),
        (
            choice(r#"{"message":{"content":null,"refusal":"I can't help with that."}}"#),
            refused("I can't help with that."),
        ),
        (
            choice(
                r#"{"message":{"content":[{"type":"refusal","refusal":"No."}]},"finish_reason":"stop"}"#,
            ),
            refused("No."),
        ),
        (
            events(&[
                r#"data: {"choices":[{"delta":{"content":null,"refusal":"I can't "}}]}"#,
                r#"data: {"choices":[{"delta":{"refusal":"help."},"finish_reason":"stop"}]}"#,
                DONE,
            ]),
            refused("I can't help."),
        ),
        (
            choice(r#"{"message":{"content":null},"finish_reason":"length"}"#),
            refused("The model gave no text (finish_reason: length)."),
        ),
        (
            choice(r#"{"message":{"content":""},"finish_reason":"content_filter"}"#),
            refused("The model gave no text (finish_reason: content_filter)."),
        ),
    ] {
        assert_eq!(answer(&body).failure, Some(failure), "{body}");
    }
}

#[test]
fn half_an_answer_is_none() {
    for (body, why) in [
        (events(&[HELLO, TWO]), "broke off"),
        (events(&[HELLO, TWO, "data: {\"cho"]), "can't be parsed"),
        (r#"{"id":"c","choices":[]}"#.to_owned(), "no choice"),
        (r#"{"choices":"two"}"#.to_owned(), "no choice"),
        (events(&[DONE]), "no choice"),
        ("<html>Please sign in.</html>".to_owned(), "can't be parsed"),
        (String::new(), "can't be parsed"),
    ] {
        let error = read(&body).expect_err(&body);
        assert!(error.message.contains(why), "{body}: {error}");
        assert!(error.retryable());
    }
}

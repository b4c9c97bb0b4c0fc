// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Bodies of the model: what is a success in the content reaches the application as one, and nothing else does.

use super::endpoint::{Behaviour, Endpoint};
use super::{is_ok, line, service, vlm, wait_for_result};
use crate::common::Pipeline;

/// The body, and the text of the answer or of the error that must come of it.
type Case = (&'static str, String, Result<&'static str, &'static str>);

const JSON: &str = "application/json";

fn run(api: &str, properties: &str, cases: Vec<Case>) {
    let endpoint = Endpoint::start();
    let (service, _log) = service(api, vlm(&endpoint));
    let properties = format!("interval-seconds=0.3 {properties}");
    let pipeline = Pipeline::new(&service, &line((320, 240), &properties));
    pipeline.play();
    wait_for_result(&pipeline, is_ok);
    for (kind, body, expected) in cases {
        println!("{api}: {body:?}");
        endpoint.set_behaviour(Behaviour::Body(kind, body));
        wait_for_result(&pipeline, |posted| {
            let field = |name| posted.structure.get::<String>(name).unwrap_or_default();
            match expected {
                Ok(text) => is_ok(posted) && field("result") == text,
                Err(error) => !is_ok(posted) && field("error").contains(error),
            }
        });
    }
    pipeline.stop();
    // No success is about a failure.
    for posted in pipeline.results().iter().filter(|posted| is_ok(posted)) {
        let text = posted.text();
        assert!(!text.is_empty() && !text.starts_with("half"), "{text}");
    }
    endpoint.assert_no_problems();
}

fn whole(choice: &str) -> String {
    format!(r#"{{"id":7,"choices":[{choice}],"usage":null}}"#)
}

#[test]
fn whole_bodies() {
    let answer = |content: &str| whole(&format!(r#"{{"message":{{"content":{content}}}}}"#));
    run(
        "v0.2",
        "",
        vec![
            (
                JSON,
                r#"{"error":{"message":"overloaded 1","code":503}}"#.to_owned(),
                Err("overloaded 1"),
            ),
            (
                JSON,
                answer(r#"[{"type":"text","text":"two people"}]"#),
                Ok("two people"),
            ),
            (
                JSON,
                whole(r#"{"message":{"content":"half"},"finish_reason":"error"}"#),
                Err("finish_reason: error"),
            ),
            (
                JSON,
                format!("\u{feff}{}", answer(r#""three""#)),
                Ok("three"),
            ),
            (
                JSON,
                whole(r#"{"message":{"content":null,"refusal":"I can't help."}}"#),
                Err("I can't help."),
            ),
            (JSON, answer(r#""four \ud83d""#), Ok("four \u{fffd}")),
            (
                JSON,
                whole(r#"{"message":{"content":"half"},"error":{"message":"overloaded 2"}}"#),
                Err("overloaded 2"),
            ),
        ],
    );
}

#[test]
fn streamed_bodies() {
    const HALF: &str = r#"data: {"id":7,"choices":[{"delta":{"content":"half"}}]}"#;
    let answer = |text: &str| {
        format!(r#"data: {{"choices":[{{"delta":{{"content":{text}}},"finish_reason":"stop"}}]}}"#)
    };
    let events = |events: &[&str]| events.join("\n\n") + "\n\n";
    let stream = "text/event-stream";
    run(
        "v1",
        "stream-partial=true",
        vec![
            (
                stream,
                events(&[
                    HALF,
                    r#"data: {"error":{"message":"overloaded 1"}}"#,
                    "data: [DONE]",
                ]),
                Err("overloaded 1"),
            ),
            // No end mark, and other ends of lines.
            (
                "Text/Event-Stream",
                events(&[&answer(r#""one""#)]).replace('\n', "\r"),
                Ok("one"),
            ),
            (
                stream,
                events(&[HALF, "event: error\ndata: overloaded 2"]),
                Err("overloaded 2"),
            ),
            (
                stream,
                events(&[": ping", &answer(r#"[{"type":"text","text":"two"}]"#)]) + "data: [DONE]",
                Ok("two"),
            ),
            (
                stream,
                events(&[
                    HALF,
                    r#"data: {"choices":[{"delta":{},"finish_reason":"error"}]}"#,
                ]),
                Err("finish_reason: error"),
            ),
            // In one piece, although chunks were requested.
            (
                JSON,
                whole(r#"{"message":{"content":"three"}}"#),
                Ok("three"),
            ),
            (
                stream,
                events(&[
                    r#"data: {"choices":[{"delta":{"content":null,"refusal":"I can't help."},"finish_reason":"stop"}]}"#,
                    "data: [DONE]",
                ]),
                Err("I can't help."),
            ),
        ],
    );
}

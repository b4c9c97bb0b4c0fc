// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use serde_json::json;

use super::*;

const URL: &str = "ovs://streams/s?frame_index=-1";

fn ask(body: Value) -> Result<ChatRequest, V1Error> {
    read(body.to_string().as_bytes())
}

fn with(field: &str, value: Value) -> Result<ChatRequest, V1Error> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    body[field] = value;
    ask(body)
}

fn messages(messages: Value) -> Result<ChatRequest, V1Error> {
    with("messages", messages)
}

#[test]
fn messages_are_text_and_media_in_order() {
    let asked = messages(json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Always."}]},
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": null},
        {"role": "user", "name": "who", "content": [
            {"type": "text", "text": "What"},
            {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
            {"type": "video_url", "video_url": {"url": "ovs://streams/t?start_offset_ms=-5"}},
            {"type": "text", "text": "is it?"},
        ]},
    ]))
    .expect("read");
    assert_eq!(asked.system.as_deref(), Some("Be brief.\nAlways."));
    assert_eq!(asked.prompt, "What\nis it?");
    assert_eq!(
        asked.characters(),
        "Be brief.Always.beforeWhat\nis it?".len()
    );
    let media: Vec<(Kind, &str)> = asked.media.iter().map(|m| (m.kind, &*m.url)).collect();
    assert_eq!(
        media,
        [
            (Kind::Image, URL),
            (Kind::Video, "ovs://streams/t?start_offset_ms=-5")
        ]
    );
}

#[test]
fn the_rest_has_defaults_and_unknown_fields_are_ignored() {
    let asked = with("no_such_field", json!([1])).expect("read");
    assert!(!asked.chunks && !asked.usage_chunk && asked.media.is_empty());
    assert_eq!(
        (asked.max_tokens, asked.schema, asked.thread_id),
        (None, None, None)
    );
    for field in [
        "max_tokens",
        "stream",
        "temperature",
        "thread_id",
        "response_format",
    ] {
        assert!(with(field, Value::Null).is_ok(), "{field}");
    }
    let tokens = |body: Value| ask(body).expect("read").max_tokens;
    let hello = json!([{"role": "user", "content": "hello"}]);
    assert_eq!(
        tokens(json!({"model": "m", "messages": hello, "max_tokens": 7})),
        Some(7)
    );
    assert_eq!(
        tokens(
            json!({"model": "m", "messages": hello, "max_completion_tokens": 9, "max_tokens": 7})
        ),
        Some(9)
    );
    let chunks = with("stream", json!(true)).expect("read");
    assert!(chunks.chunks && !chunks.usage_chunk);
    let usage = with("stream_options", json!({"include_usage": true})).expect("read");
    assert!(usage.usage_chunk);
    let schema = json!({"type": "object", "properties": {"width": {"type": "integer"}}});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema.clone()}});
    let asked = with("response_format", format).expect("read");
    assert_eq!(asked.schema, Some(schema));
    let object = with("response_format", json!({"type": "json_object"})).expect("read");
    assert_eq!(object.schema.expect("a schema")["type"], "object");
    let text = with("response_format", json!({"type": "text"})).expect("read");
    assert_eq!(text.schema, None);
}

#[test]
fn errors_name_the_wrong_field() {
    let part = |part: Value| messages(json!([{"role": "user", "content": [part]}]));
    for (result, place) in [
        (read(b"{nope"), "body"),
        (read(b""), "body"),
        (ask(json!([])), "body"),
        (ask(json!({"messages": [1]})), "model"),
        (ask(json!({"model": "m"})), "messages"),
        (with("model", json!(3)), "model"),
        (messages(json!([])), "messages"),
        (messages(json!("hello")), "messages"),
        (messages(json!(["hello"])), "role"),
        (messages(json!([{"content": "hello"}])), "role"),
        (messages(json!([{"role": "boss", "content": "x"}])), "role"),
        (messages(json!([{"role": "user"}])), "content"),
        (
            messages(json!([{"role": "user", "content": null}])),
            "content",
        ),
        (messages(json!([{"role": "user", "content": 3}])), "content"),
        (part(json!({"text": "x"})), "content"),
        (part(json!({"type": "text"})), "content"),
        (part(json!({"type": "audio_url"})), "content"),
        (part(json!({"type": "image_url"})), "content"),
        (
            part(json!({"type": "image_url", "image_url": URL})),
            "content",
        ),
        (
            part(json!({"type": "image_url", "video_url": {"url": URL}})),
            "content",
        ),
        (with("max_tokens", json!(0)), "max_tokens"),
        (
            with("max_completion_tokens", json!(1.5)),
            "max_completion_tokens",
        ),
        (with("max_tokens", json!("7")), "max_tokens"),
        (with("temperature", json!(2.1)), "temperature"),
        (with("temperature", json!("hot")), "temperature"),
        (with("stream", json!("yes")), "stream"),
        (with("stream_options", json!(true)), "stream_options"),
        (with("thread_id", json!(7)), "thread_id"),
        (with("response_format", json!("json")), "response_format"),
        (
            with("response_format", json!({"type": "json_schema"})),
            "json_schema",
        ),
        (
            with(
                "response_format",
                json!({"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}),
            ),
            "name",
        ),
        (
            with(
                "response_format",
                json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "x"}}}),
            ),
            "schema",
        ),
    ] {
        let refusal = result.expect_err(place);
        assert_eq!(refusal.status.as_u16(), 422, "{place}");
        assert!(
            refusal.message.contains(place),
            "{place}: {}",
            refusal.message
        );
        assert!(format!("{refusal:?}").contains("validation_error"));
    }
}

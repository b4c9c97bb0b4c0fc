// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions with pictures of their own, in `data:` URLs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use overshoot_emulator::Call;
use serde_json::{Value, json};

use super::emulator::{Emulator, content, image, ok, question, text};
use super::pictures::{self, Still, number};

fn url(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

fn part(name: &str, url: &str) -> Value {
    json!({"type": name, name: {"url": url}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sent_pictures_are_seen_beside_streams() {
    let (frames, stills) = tokio::task::spawn_blocking(|| {
        let stills = [
            Still::Red.encoded("jpegenc"),
            Still::Blue.encoded("pngenc"),
            Still::Numbered.encoded("jpegenc"),
            Still::Noise.encoded("pngenc"),
        ];
        (pictures::numbered(3), stills)
    })
    .await
    .expect("pictures");
    let [red, blue, coded, noise] = stills;
    let emulator = Emulator::start(|_| {}).await;
    let one = emulator.stream(&frames, 100).await;
    let other = emulator.stream(&frames[..1], 100).await;
    let red = part("image_url", &url("image/jpeg", &red));
    let blue = url("image/png", &blue);
    let answer = emulator.ask(&[
        text("Which is the one of the reference?"),
        red.clone(),
        image(&one, "frame_index=-1"),
        part("video_url", &blue),
        image(&other, "frame_index=-1"),
        part("image_url", &url("image/jpg", &coded)),
    ]);
    let answer = ok(answer, 200).await;
    let lines: Vec<&str> = content(&answer).lines().collect();
    let expected = [
        "1. 64x48, mostly red (#",
        "2. 640x360 at 10.0 fps",
        "3. 64x48, mostly blue (#0",
        "4. 640x360",
        "5. 640x360",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{start}: {line}");
    }
    let prompt = answer["usage"]["prompt_tokens"].as_u64();
    assert_eq!(prompt, Some(9 + 5 * 256), "34 characters, and five frames");
    // Only streams have a place in time.
    let media = answer["overshoot"]["media"].as_array().expect("a list");
    let streams: Vec<&Value> = media.iter().map(|media| &media["stream_id"]).collect();
    assert_eq!(streams, [&json!(one), &json!(other)]);
    let seen = emulator.control.snapshot();
    let asked = seen.questions.last().expect("on record");
    let named: Vec<&str> = asked.media.iter().map(|m| m.stream_id.as_str()).collect();
    assert_eq!(named, ["", &one, "", &other, ""]);
    let code = |n: usize| asked.media[n].frames[0].code.as_deref().map(number);
    assert_eq!(
        [code(0), code(1), code(2), code(4)],
        [None, Some(2), None, Some(0)]
    );
    // The record holds no picture.
    let recorded = seen.calls(Call::Chat).last().expect("a request");
    let recorded = recorded.body.as_ref().expect("JSON").to_string();
    assert!(recorded.len() < 4_000 && recorded.contains("data:image/png;base64,"));
    assert!(asked.media[2].url.len() < 300);

    // A large one: 20 MiB are allowed.
    let large = url("image/png", &noise);
    assert!(large.len() > 256 * 1024, "{}", large.len());
    let answer = ok(emulator.ask(&[part("image_url", &large)]), 200).await;
    assert!(content(&answer).starts_with("512x512, mostly "), "{answer}");

    // A schema is filled from the picture, too.
    let mut body = question(&[text("Which colour?"), red]);
    let schema = json!({"type": "array", "items": {"enum": ["blue", "red"]}});
    body["response_format"] =
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let answer = ok(emulator.post("/chat/completions").json(&body), 200).await;
    assert_eq!(content(&answer), r#"["red"]"#);

    for (url, why) in [
        ("data:image/png;base64,AAAA".to_owned(), "neither"),
        ("data:image/png;base64,A*AA".to_owned(), "base64"),
        ("data:image/webp;base64,AAAA".to_owned(), "image/webp"),
        ("data:image/png".to_owned(), "comma"),
        (blue[..blue.len() / 2].to_owned(), ""),
        ("https://example.org/a.png".to_owned(), "https:"),
    ] {
        for name in ["image_url", "video_url"] {
            let body = ok(emulator.ask(&[part(name, &url)]), 400).await;
            let error = &body["detail"]["error"];
            assert_eq!(error["code"], "upstream_http_400", "{body}");
            assert_eq!(error["type"], "upstream_error", "{body}");
            assert_eq!(error["upstream"]["status"], 400, "{body}");
            let said = error["upstream"]["body"]["error"]["message"].as_str();
            assert!(said.is_some_and(|said| said.contains(why)), "{why}: {body}");
        }
    }
    emulator.stop().await;
}

/// As the service's template for agents asks: `json_object`, with the schema in the prompt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_in_the_prompt_and_a_thread() {
    let red = tokio::task::spawn_blocking(|| Still::Red.encoded("jpegenc"))
        .await
        .expect("a picture");
    let emulator = Emulator::start(|_| {}).await;
    let red = part("image_url", &url("image/jpeg", &red));
    let schema = json!({
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "objects": {"type": "array", "items": {"type": "string"}},
            "color": {"enum": ["blue", "red"]},
            "alert": {"type": ["string", "null"]},
        },
        "required": ["summary", "objects", "color", "alert"],
        "additionalProperties": false,
    });
    let prompt =
        format!("What do you see?\nAnswer with JSON that matches this JSON schema:\n{schema}");
    let ask = async |system: &str, thread_id: Value| {
        let mut body = question(&[text(&prompt), red.clone()]);
        body["response_format"] = json!({"type": "json_object"});
        body["thread_id"] = thread_id;
        let messages = body["messages"].as_array_mut().expect("messages");
        messages.insert(0, json!({"role": "system", "content": system}));
        ok(emulator.post("/chat/completions").json(&body), 200).await
    };
    let cached = |answer: &Value| {
        let cache = &answer["overshoot"]["cache"];
        let tokens = answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64();
        assert_eq!(cache["cached_input_tokens"].as_u64(), tokens, "{answer}");
        assert_eq!(
            cache["cache_hit"].as_bool(),
            tokens.map(|tokens| tokens > 0)
        );
        tokens.expect("tokens")
    };
    let first = ask("Be brief.", json!("camera-1")).await;
    let said: Value = serde_json::from_str(content(&first)).expect("JSON");
    assert_eq!(said["color"], "red");
    assert!(
        said["summary"]
            .as_str()
            .is_some_and(|text| text.contains("64x48"))
    );
    assert_eq!(
        (&said["objects"], &said["alert"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(cached(&first), 0);
    let prompt_tokens = prompt.len().div_ceil(4) as u64;
    assert_eq!(
        cached(&ask("Be brief.", json!("camera-1")).await),
        prompt_tokens + 3
    );
    assert_eq!(
        cached(&ask("Be exact.", json!("camera-1")).await),
        prompt_tokens
    );
    assert_eq!(cached(&ask("Be exact.", json!("camera-2")).await), 0);
    assert_eq!(cached(&ask("Be exact.", Value::Null).await), 0);

    // Without a schema: an object of the emulator's.
    let mut body = question(&[text("What do you see?"), red]);
    body["response_format"] = json!({"type": "json_object"});
    let answer = ok(emulator.post("/chat/completions").json(&body), 200).await;
    let said: Value = serde_json::from_str(content(&answer)).expect("JSON");
    assert!(said["description"].is_string(), "{said}");
    emulator.stop().await;
}

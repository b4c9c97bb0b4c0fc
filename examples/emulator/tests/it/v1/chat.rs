// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions and answers (src/v1/mod.rs).

use std::time::{Duration, Instant};

use overshoot_emulator::{Model, ModelStatus};
use reqwest::Method;
use serde_json::{Value, json};

use super::emulator::{
    Emulator, MODEL, OTHER_KEY, blamed, code, content, image, ok, question, text, video,
};
use super::pictures::{self, number};

async fn numbered(count: u32) -> Vec<Vec<u8>> {
    tokio::task::spawn_blocking(move || pictures::numbered(count))
        .await
        .expect("pictures")
}

/// Each row asks about a stream of 30 frames, a tenth of a second apart. The numbers in the pictures show
/// which frames were named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_select_the_documented_frames() {
    let pictures = numbered(30).await;
    let emulator = Emulator::start(|_| {}).await;
    let id = emulator.stream(&pictures, 100).await;
    let refused = |status: u16, code: &'static str| Err((status, code));
    let all: Vec<u64> = (0..30).collect();
    for (part, expected) in [
        (image(&id, "frame_index=-1"), Ok(vec![29])),
        (image(&id, "frame_index=0"), Ok(vec![0])),
        (image(&id, "frame_index=-30"), Ok(vec![0])),
        (image(&id, "timestamp_ms=1240"), Ok(vec![12])),
        (
            image(&id, "timestamp_ms=1240&direction=forward"),
            Ok(vec![13]),
        ),
        (
            image(&id, "timestamp_ms=1260&direction=backward"),
            Ok(vec![12]),
        ),
        (image(&id, "offset_ms=-1000"), Ok(vec![19])),
        (image(&id, "offset_ms=0"), Ok(vec![0])),
        (
            image(&id, "frame_index=30"),
            refused(409, "frame_not_yet_produced"),
        ),
        (image(&id, "frame_index=-31"), refused(404, "segment_empty")),
        (
            image(&id, "timestamp_ms=3050&tolerance_ms=100"),
            refused(404, "segment_empty"),
        ),
        (
            image(&id, "timestamp_ms=3050&tolerance_ms=200"),
            Ok(vec![29]),
        ),
        (image(&id, ""), refused(400, "query_param_invalid")),
        (
            image(&id, "frame_index=1&frame_index=1"),
            refused(400, "query_param_invalid"),
        ),
        (
            image(&id, "start_offset_ms=-5"),
            refused(400, "query_param_invalid"),
        ),
        (video(&id, "start_offset_ms=-5000&max_fps=30"), Ok(all)),
        (video(&id, "start_offset_ms=-2900"), Ok(vec![0, 10, 20])),
        (
            video(&id, "start_offset_ms=-500&max_fps=5"),
            Ok(vec![24, 26, 28]),
        ),
        (
            video(&id, "start_offset_ms=-500&end_offset_ms=-300&max_fps=10"),
            Ok(vec![24, 25]),
        ),
        (
            video(&id, "start_frame_index=3&end_frame_index=5&max_fps=10"),
            Ok(vec![3, 4]),
        ),
        (
            video(&id, "start_timestamp_ms=500&end_frame_index=7&max_fps=10"),
            Ok(vec![5, 6]),
        ),
        (
            video(&id, "start_frame_index=5&end_frame_index=5"),
            refused(400, "segment_invalid"),
        ),
        (
            video(&id, "start_timestamp_ms=2901"),
            refused(404, "segment_empty"),
        ),
        (
            video(&id, "start_frame_index=30"),
            refused(409, "frame_not_yet_produced"),
        ),
        (
            video(&id, "frame_index=-1"),
            refused(400, "query_param_invalid"),
        ),
        (
            video(&id, "start_offset_ms=-5&max_fps=0"),
            refused(400, "query_param_invalid"),
        ),
        (
            image("nobody", "frame_index=-1"),
            refused(404, "stream_not_found"),
        ),
        (
            image("a/b", "frame_index=-1"),
            refused(400, "stream_url_invalid"),
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "ovs://rooms/x"}}),
            refused(400, "stream_url_invalid"),
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
            refused(400, "upstream_http_400"),
        ),
        (
            json!({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}),
            refused(400, "upstream_http_400"),
        ),
    ] {
        let ask = emulator.ask(&[text("What?"), part.clone()]);
        let indices = match expected {
            Ok(indices) => indices,
            Err((status, expected)) => {
                assert_eq!(code(ask, status).await, expected, "{part}");
                continue;
            }
        };
        let answer = ok(ask, 200).await;
        let seen = emulator.control.snapshot();
        let asked = seen.questions.last().expect("on record");
        let frames = &asked.media[0].frames;
        assert_eq!(asked.media[0].stream_id, id);
        let found: Vec<u64> = frames.iter().map(|frame| frame.index).collect();
        assert_eq!(found, indices, "{part}");
        for frame in frames {
            assert_eq!(frame.stream_time_ms, frame.index * 100, "{part}");
            assert_eq!(frame.rtp_time, frame.index * 9_000, "{part}");
            // The picture itself shows its number.
            let code = frame.code.as_deref().expect("a code");
            assert_eq!(number(code), frame.index, "{part}");
            assert!(content(&answer).contains(code), "{part}");
        }
        assert_eq!(asked.answer, content(&answer));
        let (first, last) = (indices[0], indices[indices.len() - 1]);
        let told = json!([{
            "stream_id": id,
            "frame_count": indices.len(),
            "first": {"frame_index": first, "timestamp_ms": first * 100},
            "last": {"frame_index": last, "timestamp_ms": last * 100},
        }]);
        assert_eq!(answer["overshoot"]["media"], told, "{part}");
    }
    // The type of each code.
    for (part, status, kind) in [
        (image(&id, "frame_index=30"), 409, "stream_error"),
        (image("nobody", "frame_index=-1"), 404, "stream_error"),
        (image(&id, "timestamp_ms=9999"), 404, "validation_error"),
        (image(&id, ""), 400, "validation_error"),
        (
            video(&id, "start_frame_index=5&end_frame_index=5"),
            400,
            "validation_error",
        ),
    ] {
        let error = ok(emulator.ask(&[part]), status).await;
        assert_eq!(error["detail"]["error"]["type"], kind, "{error}");
    }
    // Another key may not ask, and gets an error that says so.
    let stolen = emulator.without_key(Method::POST, "/v1beta/chat/completions");
    let stolen = stolen.json(&question(&[image(&id, "frame_index=-1")]));
    assert_eq!(
        code(stolen.bearer_auth(OTHER_KEY), 403).await,
        "stream_unauthorized"
    );
    // There is no frame yet.
    let empty = emulator.create().await;
    assert_eq!(
        code(emulator.ask(&[image(&empty, "frame_index=-1")]), 404).await,
        "segment_empty"
    );
    assert_eq!(
        code(emulator.ask(&[video(&empty, "start_offset_ms=-5000")]), 404).await,
        "segment_empty"
    );
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_models_take_pictures_only() {
    let pictures = numbered(2).await;
    let emulator = Emulator::start(|config| {
        config.models = ["claude-haiku-4-5", "gpt-5.4-mini", "gemini-3-flash"]
            .map(|name| Model {
                name: name.to_owned(),
                status: ModelStatus::Ready,
            })
            .into();
    })
    .await;
    let id = emulator.stream(&pictures, 100).await;
    for (model, takes_video) in [
        ("claude-haiku-4-5", false),
        ("gpt-5.4-mini", false),
        ("gemini-3-flash", true),
    ] {
        let ask = |part| {
            let mut body = question(&[text("What?"), part]);
            body["model"] = json!(model);
            emulator.post("/chat/completions").json(&body)
        };
        ok(ask(image(&id, "frame_index=-1")), 200).await;
        let clip = ask(video(&id, "start_offset_ms=-5000"));
        if takes_video {
            ok(clip, 200).await;
        } else {
            assert_eq!(code(clip, 400).await, "model_video_unsupported");
        }
    }
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_have_openais_format_and_describe_the_named_frames() {
    let pictures = numbered(6).await;
    let latency = Duration::from_millis(120);
    let emulator = Emulator::start(|config| config.inference_latency = latency).await;
    let one = emulator.stream(&pictures[..3], 100).await;
    let other = emulator.stream(&pictures[3..], 50).await;
    let before = Instant::now();
    let mut body = question(&[
        text("What is it?"),
        video(&one, "start_offset_ms=-5000&max_fps=10"),
        image(&other, "frame_index=-1"),
    ]);
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.insert(0, json!({"role": "system", "content": "Be brief."}));
    body["thread_id"] = json!("thread-7");
    body["no_such_field"] = json!({"ignored": true});
    let answer = ok(emulator.post("/chat/completions").json(&body), 200).await;
    assert!(before.elapsed() >= latency);
    assert!(
        answer["id"]
            .as_str()
            .expect("an id")
            .starts_with("chatcmpl-")
    );
    assert_eq!(answer["object"], "chat.completion");
    assert!(answer["created"].as_u64() > Some(1_700_000_000));
    assert_eq!(answer["model"], MODEL);
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["index"], &choice["finish_reason"]),
        (&json!(0), &json!("stop"))
    );
    assert_eq!(choice["message"]["role"], "assistant");
    let lines: Vec<&str> = content(&answer).lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("1. 640x360 at 10.0 fps"), "{lines:?}");
    assert!(lines[1].starts_with("2. 640x360 at 20.0 fps"), "{lines:?}");
    let usage = |field: &str| answer["usage"][field].as_u64().expect(field);
    // 20 characters and four frames.
    assert_eq!(usage("prompt_tokens"), 5 + 4 * 256);
    assert_eq!(
        usage("completion_tokens"),
        content(&answer).len().div_ceil(4) as u64
    );
    assert_eq!(
        usage("total_tokens"),
        usage("prompt_tokens") + usage("completion_tokens")
    );
    let cache = json!({"thread_id": "thread-7", "cache_hit": false, "cached_input_tokens": 0});
    assert_eq!(answer["overshoot"]["cache"], cache);
    let seen = emulator.control.snapshot();
    let asked = seen.questions.last().expect("on record");
    assert_eq!(
        (asked.prompt.as_str(), asked.system.as_deref()),
        ("What is it?", Some("Be brief."))
    );
    assert_eq!(
        (asked.model.as_str(), asked.thread_id.as_deref()),
        (MODEL, Some("thread-7"))
    );
    assert!(asked.at >= before && !asked.chunks);
    let numbers: Vec<Vec<u64>> = asked
        .media
        .iter()
        .map(|named| {
            named
                .frames
                .iter()
                .filter_map(|frame| frame.code.as_deref())
                .map(number)
                .collect()
        })
        .collect();
    assert_eq!(numbers, [vec![0, 1, 2], vec![5]]);

    // One rejected part rejects the whole question.
    let mixed = emulator.ask(&[
        image(&one, "frame_index=-1"),
        image(&other, "frame_index=99"),
    ]);
    assert_eq!(code(mixed, 409).await, "frame_not_yet_produced");
    // A question may have only text. The answer invents nothing.
    let answer = ok(emulator.ask(&[text("What do you see?")]), 200).await;
    assert!(
        content(&answer).contains("nothing else to describe"),
        "{answer}"
    );

    let with = |field: &str, value: Value| {
        let mut body = question(&[text("?"), image(&one, "frame_index=-1")]);
        body[field] = value;
        emulator.post("/chat/completions").json(&body)
    };
    let cut = ok(with("max_completion_tokens", json!(2)), 200).await;
    assert_eq!(
        (content(&cut), &cut["choices"][0]["finish_reason"]),
        ("640x360 ", &json!("length"))
    );
    assert_eq!(cut["usage"]["completion_tokens"], 2);
    let schema = json!({
        "type": "object",
        "properties": {
            "width": {"type": "integer"},
            "qr": {"type": "string"},
            "mood": {"type": ["string", "null"]},
        },
        "required": ["width", "qr", "mood"],
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "sight", "schema": schema, "strict": true}});
    let answer = ok(with("response_format", format.clone()), 200).await;
    let sight: Value = serde_json::from_str(content(&answer)).expect("JSON");
    assert!(sight["qr"].is_string(), "{sight}");
    assert_eq!(
        (&sight["width"], &sight["mood"]),
        (&json!(640), &Value::Null)
    );
    assert_eq!(number(sight["qr"].as_str().expect("a code")), 2);
    // Without pictures: the smallest JSON that fits.
    let mut nothing = question(&[text("?")]);
    nothing["response_format"] = format;
    let answer = ok(emulator.post("/chat/completions").json(&nothing), 200).await;
    let sight: Value = serde_json::from_str(content(&answer)).expect("JSON");
    assert_eq!(sight, json!({"width": 0, "qr": "", "mood": null}));

    for (field, value) in [
        ("messages", json!([])),
        ("model", json!(null)),
        ("max_tokens", json!(0)),
        ("stream", json!("yes")),
        ("response_format", json!({"type": "xml"})),
    ] {
        assert_eq!(blamed(with(field, value)).await, field);
    }
    for model in [
        "nobody/knows",
        "OpenGVLab/InternVL3_5-8B",
        "Qwen/Qwen3-VL-32B-Instruct-FP8",
    ] {
        assert_eq!(
            code(with("model", json!(model)), 503).await,
            "model_unavailable"
        );
    }
    emulator.stop().await;
}

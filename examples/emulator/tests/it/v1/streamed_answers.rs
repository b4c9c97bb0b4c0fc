// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Streamed answers (src/v1/mod.rs).

use std::time::{Duration, Instant};

use overshoot_emulator::{Call, Fault, Times};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::emulator::{Emulator, question, send, text};

const LATENCY: Duration = Duration::from_millis(600);

/// A question with a known answer.
fn ask(emulator: &Emulator, usage: bool) -> RequestBuilder {
    let mut body = question(&[text("?")]);
    body["stream"] = json!(true);
    if usage {
        body["stream_options"] = json!({"include_usage": true});
    }
    emulator.post("/chat/completions").json(&body)
}

/// The events before the end, when each arrived, and whether the response was complete.
async fn events(mut response: Response) -> (Vec<(Instant, String)>, bool) {
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().expect("text");
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let (mut events, mut pending) = (Vec::new(), String::new());
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                assert_eq!(pending, "");
                return (events, true);
            }
            Err(_) => return (events, false),
        };
        pending += std::str::from_utf8(&chunk).expect("UTF-8");
        while let Some((event, rest)) = pending.split_once("\n\n") {
            let data = event.strip_prefix("data: ").expect("data").to_owned();
            events.push((Instant::now(), data));
            pending = rest.to_owned();
        }
    }
}

#[tokio::test]
async fn the_text_comes_in_pieces_spread_over_the_latency() {
    let emulator = Emulator::start(|config| config.inference_latency = LATENCY).await;
    for usage in [false, true] {
        let before = Instant::now();
        let (events, whole) = events(send(ask(&emulator, usage)).await).await;
        assert!(whole);
        let (first, last) = (events[0].0 - before, events[events.len() - 1].0 - before);
        assert!(last >= LATENCY, "{last:?}");
        assert!(first < LATENCY / 2, "{first:?}");
        let (done, chunks) = events.split_last().expect("events");
        assert_eq!(done.1, "[DONE]");
        let chunks: Vec<Value> = chunks
            .iter()
            .map(|(_, data)| serde_json::from_str(data).expect("JSON"))
            .collect();
        for chunk in &chunks {
            assert_eq!(chunk["object"], "chat.completion.chunk");
            for field in ["id", "created", "model"] {
                assert_eq!(chunk[field], chunks[0][field], "{field}");
            }
        }
        let delta = |chunk: &Value| chunk["choices"][0]["delta"].clone();
        assert_eq!(
            delta(&chunks[0]),
            json!({"role": "assistant", "content": ""})
        );
        let pieces: Vec<String> = chunks[1..]
            .iter()
            .filter_map(|chunk| delta(chunk)["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(pieces.len(), 8);
        let seen = emulator.control.snapshot();
        let asked = seen.questions.last().expect("on record");
        assert!(asked.chunks);
        assert_eq!(pieces.concat(), asked.answer);
        let reasons: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["finish_reason"])
            .filter(|reason| !reason.is_null())
            .collect();
        assert_eq!(reasons, ["stop"]);
        let told: Vec<&Value> = chunks
            .iter()
            .filter_map(|chunk| chunk.get("usage"))
            .collect();
        assert_eq!(told.len(), usize::from(usage));
        if usage {
            assert_eq!(chunks[chunks.len() - 1]["choices"], json!([]));
            assert!(told[0]["total_tokens"].as_u64() > Some(0));
        }
    }
    emulator.stop().await;
}

#[tokio::test]
async fn it_breaks_off_or_stalls_half_way() {
    let emulator = Emulator::start(|config| config.inference_latency = LATENCY).await;
    let control = emulator.control.clone();
    control.inject(Call::Chat, Fault::BreaksOff, Times::Once);
    let (half, whole) = events(send(ask(&emulator, false)).await).await;
    // Eleven events: the role, eight pieces, the finish reason, the end.
    assert_eq!((half.len(), whole), (6, false));

    control.inject(Call::Chat, Fault::Stalls, Times::Once);
    let stalled = ask(&emulator, false).timeout(2 * LATENCY);
    let before = Instant::now();
    let (half, whole) = events(send(stalled).await).await;
    assert_eq!((half.len(), whole), (6, false));
    assert!(before.elapsed() >= 2 * LATENCY);

    control.inject(Call::Chat, Fault::Truncated, Times::Once);
    let cut = send(ask(&emulator, false))
        .await
        .text()
        .await
        .expect("text");
    assert!(
        cut.starts_with("data: ") && !cut.contains("[DONE]"),
        "{cut}"
    );

    // An answer that stalls does not delay the emulator's stop.
    control.inject(Call::Chat, Fault::Stalls, Times::Once);
    let stalled = send(ask(&emulator, false)).await;
    emulator.stop().await;
    assert!(!events(stalled).await.1);
}

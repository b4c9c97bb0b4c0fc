// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! OpenAI's own client for Python works unchanged.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::emulator::{Emulator, KEY, MODEL, code, image};
use super::pictures::{self, number};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openais_client_lists_models_asks_and_streams() {
    let python = std::env::var("OVERSHOOT_TEST_PYTHON")
        .expect("OVERSHOOT_TEST_PYTHON: run the tests by `bash tests/run.sh`, which sets it up");
    let pictures = tokio::task::spawn_blocking(|| pictures::numbered(5))
        .await
        .expect("pictures");
    let emulator =
        Emulator::start(|config| config.inference_latency = Duration::from_millis(80)).await;
    let id = emulator.stream(&pictures, 100).await;
    let output = tokio::task::spawn_blocking({
        let base = format!("http://{}/v1", emulator.address);
        let id = id.clone();
        move || {
            std::process::Command::new(python)
                .arg(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/openai_client.py"
                ))
                .args([&base, MODEL, &id])
                .env("OPENAI_API_KEY", KEY)
                .env("NO_PROXY", "127.0.0.1")
                .stderr(Stdio::inherit())
                .output()
        }
    })
    .await
    .expect("joined")
    .expect("Python starts");
    assert!(output.status.success(), "{:?}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let models = told["models"].as_array().expect("models");
    assert!(models.contains(&json!(MODEL)), "{told}");
    let seen = emulator.control.snapshot();
    let [asked, streamed] = seen.questions.as_slice() else {
        panic!("{:?}", seen.questions)
    };
    assert_eq!(told["content"], asked.answer);
    assert_eq!(
        (&told["finish_reason"], &told["role"]),
        (&json!("stop"), &json!("assistant"))
    );
    assert!(told["total_tokens"].as_u64() > Some(256), "{told}");
    let pieces = told["pieces"].as_array().expect("pieces");
    let joined: String = pieces.iter().filter_map(Value::as_str).collect();
    assert_eq!((pieces.len(), joined), (8, streamed.answer.clone()));
    assert_eq!(told["streamed_total_tokens"], told["total_tokens"]);
    for question in [asked, streamed] {
        let frame = &question.media[0].frames[0];
        assert_eq!(frame.code.as_deref().map(number), Some(4));
    }
    // How the client reports an error.
    assert_eq!(told["refused"], 409);
    assert_eq!(
        code(emulator.ask(&[image(&id, "frame_index=99")]), 409).await,
        told["refused_code"].as_str().expect("a code")
    );
    emulator.stop().await;
}

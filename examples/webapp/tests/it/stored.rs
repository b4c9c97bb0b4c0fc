// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the server keeps: answers on disk, the uploaded file, the frames that are sent.

use crate::support::{Service, Watcher, WebApp, check_error, make_video, play, video};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Color bars for two seconds, then white for two seconds.
const BARS_THEN_WHITE: &str = "concat name=c \
    videotestsrc num-buffers=50 pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! c. \
    c. ! vp8enc deadline=1 ! webmmux";

fn frames(prompt: &str) -> Value {
    json!({"prompt": prompt, "mode": "frame", "interval_seconds": 0.2})
}

async fn export(app: &WebApp, id: &str, query: &str) -> (StatusCode, String) {
    let url = format!("{}/sessions/{id}/answers{query}", app.url);
    let response = app.http.get(url).send().await.expect("it answers");
    (response.status(), response.text().await.expect("text"))
}

async fn answers(app: &WebApp, id: &str) -> Vec<Value> {
    let (status, text) = export(app, id, "").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    all["answers"].as_array().expect("a list").clone()
}

/// Plays the whole video.
async fn play_to_end(app: &WebApp, id: &str, watcher: &mut Watcher, prompt: &str) {
    app.start_stream(id, frames(prompt)).await;
    watcher.states("ended").await;
}

#[test]
fn answers_survive_another_start_and_a_restart() {
    let service = Service::start();
    let (folder, videos) = (
        TempDir::new().expect("a folder"),
        TempDir::new().expect("a folder"),
    );
    let short = make_video(videos.path(), "bars, white.webm", BARS_THEN_WHITE);
    let start = || {
        WebApp::with(&service, |config| {
            config.answers_folder = Some(folder.path().join("new/answers"));
        })
    };
    let app = start();
    let (id, all) = play(async {
        let id = app.upload(&short).await;
        let mut watcher = Watcher::of(&app, &id).await;
        watcher.next_of("session").await;
        play_to_end(&app, &id, &mut watcher, "What is it?").await;
        let first = answers(&app, &id).await;
        // The place in the video fits what the answer says.
        let (mut bars, mut white) = (0, 0);
        for answer in &first {
            let seconds = answer["video_seconds"].as_f64().expect("a place");
            let text = answer["result"].as_str().expect("text");
            if text.contains("white (#F") {
                white += 1;
                assert!((1.99..=4.0).contains(&seconds), "{answer}");
            } else {
                bars += 1;
                assert!((0.0..2.0).contains(&seconds), "{answer}");
            }
        }
        assert!(bars >= 4 && white >= 4, "{first:?}");
        play_to_end(&app, &id, &mut watcher, "And now?").await;
        let all = answers(&app, &id).await;
        assert!(all.len() > first.len() && all.starts_with(&first));
        let now = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(
            (&now["answers"], &now["prompt"]),
            (&all.len().into(), &"And now?".into())
        );
        // Both streams together lasted 8 s.
        let seconds = now["usage"]["billed_seconds"].as_f64().expect("a number");
        assert!((7.0..30.0).contains(&seconds), "{now}");
        (id, all)
    });
    drop(app);
    let app = start();
    play(async {
        assert_eq!(answers(&app, &id).await, all);
        for (index, answer) in all.iter().enumerate() {
            assert_eq!(answer["id"], index + 1);
        }
        let last = all.len() - 1;
        let (_, text) = export(&app, &id, &format!("?format=jsonl&after={last}")).await;
        assert_eq!(text, format!("{}\n", all[last]));
        let (_, text) = export(&app, &id, "?format=csv").await;
        assert_eq!(text.lines().count(), all.len() + 1);
        let (_, text) = export(&app, &id, "?format=srt").await;
        assert_eq!(text.matches(" --> ").count(), all.len());
        let (_, text) = export(&app, &id, "?format=vtt").await;
        assert!(text.starts_with("WEBVTT\n\n00:00:0"), "{text}");
        let listed = app.get("/sessions").await;
        assert_eq!(listed["sessions"], json!([]));
        let listed = &listed["earlier"][0];
        assert_eq!(
            (
                &listed["session_id"],
                &listed["filename"],
                &listed["answers"]
            ),
            (&json!(id), &json!("bars, white.webm"), &json!(all.len()))
        );
        for (path, error) in [
            ("/sessions/0123/answers", (404, "no-answers")),
            ("/sessions/..%2F..%2Fsecret/answers", (404, "no-answers")),
            (
                &format!("/sessions/{id}/answers?format=doc"),
                (422, "invalid-settings"),
            ),
            (
                &format!("/sessions/{id}/answers?after=x"),
                (422, "invalid-settings"),
            ),
        ] {
            let (status, body) = app.call(Method::GET, path, None).await;
            check_error(status, &body, error);
        }
    });
}

#[test]
fn a_folder_that_takes_nothing_is_a_warning_and_the_stream_goes_on() {
    let service = Service::start();
    let folder = TempDir::new().expect("a folder");
    let blocked = folder.path().join("answers");
    std::fs::write(&blocked, "a file, not a folder").expect("space");
    let app = WebApp::with(&service, |config| {
        config.answers_folder = Some(blocked.clone())
    });
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        let mut watcher = Watcher::of(&app, &id).await;
        app.start_stream(&id, frames("What is it?")).await;
        let warning = watcher.next_of("warning").await;
        assert_eq!(warning["about"], "answers-store");
        let text = warning["message"].as_str().expect("a sentence");
        assert!(
            text.starts_with("Answers are not stored: ") && text.ends_with("The stream goes on."),
            "{text}"
        );
        let now = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(
            (&now["store_warning"], &now["state"]),
            (&warning["message"], &"streaming".into())
        );
        watcher.next_of("result").await;
        std::fs::remove_file(&blocked).expect("it is there");
        assert_eq!(watcher.next_of("over").await["about"], "answers-store");
        assert!(app.get(&format!("/sessions/{id}")).await["store_warning"].is_null());
        assert!(!answers(&app, &id).await.is_empty());
    });
}

#[test]
fn the_file_and_the_sent_frames_can_be_seen() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.max_streams = 1);
    play(async {
        let file = video("bikes.mp4");
        let bytes = std::fs::read(&file).expect("a video");
        let id = app.upload(&file).await;
        let seen = app.get(&format!("/sessions/{id}")).await;
        assert_eq!(
            seen["video"],
            json!({"width": 640, "height": 272, "duration_seconds": 10.0, "has_audio": false})
        );
        check_parts(&app, &id, &bytes).await;
        app.start_stream(&id, frames("What is it?")).await;
        let url = format!("{}/sessions/{id}/frames", app.url);
        let response = app.http.get(url).send().await.expect("it answers");
        let kind = response.headers()[header::CONTENT_TYPE]
            .to_str()
            .expect("text");
        assert!(
            kind.starts_with("multipart/x-mixed-replace; boundary="),
            "{kind}"
        );
        let (mut seen, mut parts) = (Vec::new(), response.bytes_stream());
        while seen
            .windows(3)
            .filter(|bytes| bytes == b"\xff\xd8\xff")
            .count()
            < 3
        {
            seen.extend_from_slice(&parts.next().await.expect("more").expect("bytes"));
        }
        // The header of a frame in a JPEG has the height and the width.
        let size = seen
            .windows(9)
            .find(|bytes| bytes.starts_with(b"\xff\xc0"))
            .expect("a frame");
        assert_eq!(
            size[5..9],
            [272_u16.to_be_bytes(), 640_u16.to_be_bytes()].concat()
        );
        // While one stream runs, no other can, and the error names it.
        let other = app.upload(&file).await;
        let path = format!("/start-stream/{other}");
        let (status, body) = app.call(Method::POST, &path, Some(frames("?"))).await;
        check_error(status, &body, (429, "busy"));
        let running = &body["sessions"][0];
        assert_eq!(
            (
                &running["session_id"],
                &running["filename"],
                &running["prompt"],
                &running["state"]
            ),
            (
                &json!(id),
                &json!("bikes.mp4"),
                &json!("What is it?"),
                &json!("streaming")
            )
        );
        let listed = app.get("/sessions").await;
        assert_eq!(
            listed["sessions"].as_array().map(Vec::len),
            Some(2),
            "{listed}"
        );
        app.call(Method::DELETE, &format!("/sessions/{id}"), None)
            .await;
        // The pictures end with the session.
        while parts.next().await.is_some_and(|part| part.is_ok()) {}
    });
}

async fn check_parts(app: &WebApp, id: &str, bytes: &[u8]) {
    let url = format!("{}/sessions/{id}/video", app.url);
    let all = app.http.get(&url).send().await.expect("it answers");
    assert_eq!(all.headers()[header::CONTENT_TYPE], "video/mp4");
    assert_eq!(all.headers()[header::ACCEPT_RANGES], "bytes");
    assert!(all.bytes().await.expect("bytes") == bytes);
    let part = app
        .http
        .get(&url)
        .header(header::RANGE, "bytes=1000-300999");
    let part = part.send().await.expect("it answers");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let range = format!("bytes 1000-300999/{}", bytes.len());
    assert_eq!(part.headers()[header::CONTENT_RANGE], range.as_str());
    assert!(part.bytes().await.expect("bytes") == bytes[1000..301_000]);
    let outside = app.http.get(&url).header(header::RANGE, "bytes=9999999-");
    let outside = outside.send().await.expect("it answers");
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(
        outside.headers()[header::CONTENT_RANGE],
        format!("bytes */{}", bytes.len()).as_str()
    );
}

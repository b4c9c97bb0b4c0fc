// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Uploads: which are accepted, which are refused, and that all files are deleted.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::support::{Service, WebApp, make_any_video, make_video, play, video, wait_until};
use futures_util::stream;
use overshoot_webapp::Config;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const LIMIT: u64 = 1024 * 1024;

/// An application whose upload folder the test can read.
fn with_folder(service: &Service, change: impl FnOnce(&mut Config)) -> (WebApp, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let app = WebApp::with(service, |config| {
        config.folder = folder.path().to_owned();
        config.max_upload_bytes = LIMIT;
        change(config);
    });
    (app, folder)
}

/// The number of files in the upload folder.
fn files(folder: &TempDir) -> usize {
    let inner = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it can be read").path();
    let folders = std::fs::read_dir(folder.path()).expect("it is there");
    let files = folders
        .map(inner)
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    files.count()
}

fn check(response: (StatusCode, Value), status: u16, error: &str) {
    let (given, body) = response;
    assert_eq!(
        (given.as_u16(), body["error"].as_str()),
        (status, Some(error)),
        "{body}"
    );
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|text| text.ends_with('.')),
        "{body}"
    );
}

#[test]
fn an_upload_is_deleted_with_its_session() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |_| {});
    play(async {
        let bytes = std::fs::read(video("bikes.mp4")).expect("it is there");
        let size = bytes.len();
        // Folders are removed from the name.
        let (status, body) = app.send("..\\films/my bikes.MP4", bytes).await;
        assert_eq!(status, StatusCode::CREATED);
        let id = body["session_id"].as_str().expect("an id").to_owned();
        let expected = json!({"session_id": id, "filename": "my bikes.MP4", "status": "uploaded", "file_size": size});
        assert_eq!(body, expected);
        assert_eq!(files(&folder), 1);
        let (status, _) = app
            .call(Method::DELETE, &format!("/sessions/{id}"), None)
            .await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(files(&folder), 0);
    });
}

/// Red for a second, then blue for a second.
fn make_red_then_blue(folder: &Path, end: &str) -> std::path::PathBuf {
    let half = |pattern: &str| {
        format!(
            "videotestsrc num-buffers=25 pattern={pattern} ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! c."
        )
    };
    make_any_video(
        folder,
        "two.bin",
        &format!("{} {} concat name=c ! {end}", half("red"), half("blue")),
    )
}

#[test]
fn a_file_is_repeated_from_any_place_on_both_apis() {
    let folder = TempDir::new().expect("a folder");
    for (api, name, end) in [
        ("v0.2", "two.mp4", "x264enc tune=zerolatency ! mp4mux"),
        ("v1", "two.webm", "vp8enc deadline=1 ! webmmux"),
    ] {
        let service = Service::of(api, |_| {});
        let app = WebApp::start(&service);
        let file = make_red_then_blue(folder.path(), end);
        let renamed = folder.path().join(name);
        std::fs::rename(file, &renamed).expect("renamed");
        play(async {
            let id = app.upload(&renamed).await;
            let settings =
                json!({"prompt": "What?", "interval_seconds": 0.1, "loop": true, "start_at": 1.2});
            app.start_stream(&id, settings).await;
            let is_red =
                |frame: &overshoot_emulator::Frame| frame.rgb[0] > 150 && frame.rgb[2] < 90;
            let rounds = |frames: &[overshoot_emulator::Frame]| {
                frames
                    .windows(2)
                    .filter(|two| is_red(&two[0]) != is_red(&two[1]))
                    .count()
            };
            let seen = service.wait("three rounds", |seen| {
                seen.streams
                    .iter()
                    .any(|stream| rounds(&stream.frames) >= 5)
            });
            let frames = &seen.streams[0].frames;
            assert!(
                !is_red(&frames[0]),
                "it begins with blue: {:?}",
                frames[0].rgb
            );
            assert_eq!(
                app.get(&format!("/sessions/{id}")).await["state"],
                "streaming"
            );
            app.call(Method::POST, &format!("/stop-stream/{id}"), None)
                .await;
            let late = json!({"prompt": "What?", "start_at": 90});
            let path = format!("/start-stream/{id}");
            let (status, body) = app.call(Method::POST, &path, Some(late)).await;
            assert_eq!(status, 422, "{body}");
            let message = body["message"].as_str().expect("a sentence");
            assert!(
                message.contains("start_at is 90 s, but the video has only 2.0 s"),
                "{message}"
            );
        });
    }
}

#[test]
fn every_documented_format_is_accepted() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |_| {});
    play(async {
        for (name, line) in [
            ("it.avi", "jpegenc ! avimux"),
            ("it.mov", "x264enc tune=zerolatency ! qtmux"),
            (
                "it.mkv",
                "x264enc tune=zerolatency ! h264parse ! matroskamux",
            ),
            (
                "sound.mp4",
                "x264enc tune=zerolatency ! m. audiotestsrc num-buffers=80 ! lamemp3enc ! m. mp4mux name=m",
            ),
            ("it.webm", "vp8enc deadline=1 ! webmmux"),
        ] {
            let id = app.upload(&make_video(folder.path(), name, line)).await;
            app.start_stream(&id, json!({"prompt": "What?", "interval_seconds": 0.1}))
                .await;
        }
    });
    service.wait("answers about all", |seen| {
        seen.streams.len() == 5 && seen.streams.iter().all(|stream| !stream.answers.is_empty())
    });
    drop(app);
    service.assert_all_deleted();
}

#[test]
fn files_that_are_not_videos_are_refused() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |_| {});
    let elsewhere = TempDir::new().expect("a folder");
    let sound = make_video(elsewhere.path(), "sound.mp4", "SOUND");
    let sound = std::fs::read(sound).expect("it was made");
    // If the playlist were opened, this machine would fetch the address in it.
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stranger.local_addr().expect("bound");
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://{address}/1.ts\n#EXT-X-ENDLIST\n"
    );
    let half = std::fs::read(video("bikes.mp4")).expect("it is there");
    let half = half[..half.len() / 2].to_vec();
    play(async {
        for name in ["notes.txt", "film.mp4.exe", "mp4", ""] {
            check(app.send(name, vec![0; 100]).await, 415, "unsupported-file");
        }
        for (name, bytes) in [
            ("empty.mp4", Vec::new()),
            ("zeros.mp4", vec![0; 50_000]),
            (
                "text.mkv",
                b"These are words, and no video at all.\n".repeat(100),
            ),
            ("sound.mp4", sound),
            ("list.mp4", playlist.into_bytes()),
            // The index of this file is at its end.
            ("half.mp4", half),
        ] {
            let response = app.send(name, bytes).await;
            let message = response.1["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(message.starts_with(name), "{message}");
            check(response, 422, "no-video");
        }
        let form = Form::new().text("other", "x");
        let none = app
            .http
            .post(format!("{}/upload-video", app.url))
            .multipart(form);
        let none = none.send().await.expect("it answers");
        check(
            (none.status(), none.json().await.expect("JSON")),
            422,
            "no-file",
        );
        let response = app
            .call(Method::POST, "/upload-video", Some(json!({})))
            .await;
        check(response, 400, "bad-form");
    });
    assert_eq!(files(&folder), 0);
    stranger.set_nonblocking(true).expect("a socket can");
    let fetched = stranger.accept().map(|(_, address)| address);
    assert!(fetched.is_err(), "{fetched:?}");
}

#[test]
fn the_size_limit_holds_with_and_without_content_length() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |_| {});
    play(async {
        let large = vec![0; 2 * LIMIT as usize];
        check(app.send("large.mp4", large.clone()).await, 413, "too-large");
        // In chunks, without a Content-Length.
        let pieces = large
            .chunks(64 * 1024)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let pieces: Vec<_> = pieces.collect();
        let part = Part::stream(Body::wrap_stream(stream::iter(pieces))).file_name("large.mp4");
        let form = Form::new().part("file", part);
        let sent = app
            .http
            .post(format!("{}/upload-video", app.url))
            .multipart(form)
            .send()
            .await;
        let sent = sent.expect("it answers before it hangs up");
        check(
            (sent.status(), sent.json().await.expect("JSON")),
            413,
            "too-large",
        );
        // A file of exactly the limit is not refused for its size.
        check(
            app.send("fits.mp4", vec![0; LIMIT as usize]).await,
            422,
            "no-video",
        );
    });
    assert_eq!(files(&folder), 0);
}

#[test]
fn an_interrupted_upload_is_deleted() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |config| config.max_sessions = 1);
    play(async {
        let mut sender = TcpStream::connect(app.address()).await.expect("it listens");
        let head = "POST /upload-video HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\
            Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\nhalf";
        sender.write_all(head.as_bytes()).await.expect("it listens");
        wait_until("the file", || files(&folder) == 1).await;
        // The unfinished upload occupies the only slot.
        check(app.send("b.mp4", vec![0; 100]).await, 429, "busy");
        drop(sender);
        wait_until("it to be deleted", || files(&folder) == 0).await;
        check(app.send("b.mp4", vec![0; 100]).await, 422, "no-video");
    });
}

#[test]
fn an_unused_session_is_deleted_after_a_time() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |config| {
        config.idle_timeout = Duration::from_secs(1)
    });
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        assert_eq!(files(&folder), 1);
        app.wait("the end of the session", |health| health["sessions"] == 0)
            .await;
        assert_eq!(files(&folder), 0);
        let response = app
            .call(
                Method::POST,
                &format!("/start-stream/{id}"),
                Some(json!({"prompt": "?"})),
            )
            .await;
        check(response, 404, "no-such-session");
    });
}

#[test]
fn the_end_of_the_application_deletes_everything() {
    let service = Service::start();
    let (app, folder) = with_folder(&service, |_| {});
    let entries = |path: &Path| std::fs::read_dir(path).expect("it is there").count();
    play(async {
        let id = app.upload(&video("bikes.mp4")).await;
        app.start_stream(&id, json!({"prompt": "What?"})).await;
    });
    assert_eq!(entries(folder.path()), 1);
    drop(app);
    assert_eq!(entries(folder.path()), 0);
    service.assert_all_deleted();
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Calls to a server on loopback: what the client asks for, and how it takes unusual responses.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use super::*;
use crate::session::create_and_delete;
use crate::session::v02::protocol::StreamCreated;

const JSON: &str = r#"{"stream_id":"a-1","lease":{"ttl_seconds":30}}"#;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The bytes of [`JSON`], as gzip, zlib and brotli write them.
const GZIP: &str =
    "H4sIAAAAAAACA6tWKi4pSk3Mjc9MUbJSStQ1VNJRyklNLE5VsqpWKinJiS9OTc7PSylWsjI2qK0FAISmxEQuAAAA";
const DEFLATE: &str = "eJyrViouKUpNzI3PTFGyUkrUNVTSUcpJTSxOVbKqViopyYkvTk3Oz0spVrIyNqitBQBmKA9h";
const BROTLI: &str = "Gy0A+AVkc6kv//DzZisi3HCw3SY2IJSIUpEUYBFfLPL1XQSbm0G4fUeKzNAfndUN";

fn bytes(base64: &str) -> Vec<u8> {
    use base64::Engine;
    let decoded = base64::engine::general_purpose::STANDARD.decode(base64);
    decoded.expect("base64")
}

/// A server that gives these responses (headers and body) in this order, each on a connection of its own.
/// Returns a client of it, and the heads of the requests.
fn serve(responses: Vec<(&'static str, Vec<u8>)>) -> (HttpClient, Receiver<String>) {
    serve_api(Api::V02, responses)
}

fn serve_api(api: Api, responses: Vec<(&'static str, Vec<u8>)>) -> (HttpClient, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (sender, requests) = channel();
    thread::spawn(move || {
        for (head, body) in responses {
            let (mut client, _) = listener.accept().expect("a client");
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).to_lowercase();
            let rest = request
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let rest = rest.map_or(0, |length| length.parse().expect("a length"));
            client.read_exact(&mut vec![0; rest]).expect("a body");
            sender.send(request).expect("the test waits");
            let length = body.len();
            write!(
                client,
                "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            )
            .and_then(|()| client.write_all(&body))
            .expect("the client reads");
        }
    });
    let base = Url::parse(&format!("http://{address}/v0.2")).expect("a URL");
    let http = HttpClient::new(base, &Secret::new("key"), api).expect("a client");
    (http, requests)
}

async fn get(http: &HttpClient, path: &[&str]) -> Result<Value, Error> {
    http.call(Stage::Models, Method::GET, path, None::<&()>, TIMEOUT)
        .await
}

#[tokio::test]
async fn compressed_answers_are_read() {
    for (head, body) in [
        ("200 OK", JSON.as_bytes().to_vec()),
        (
            "200 OK\r\nContent-Encoding: identity",
            JSON.as_bytes().to_vec(),
        ),
        ("200 OK\r\nContent-Encoding: gzip", bytes(GZIP)),
        ("200 OK\r\nContent-Encoding: deflate", bytes(DEFLATE)),
        ("200 OK\r\nContent-Encoding: br", bytes(BROTLI)),
    ] {
        let (http, requests) = serve(vec![(head, body)]);
        let parsed = get(&http, &["models"]).await.expect(head);
        assert_eq!(parsed["stream_id"], "a-1", "{head}");
        let request = requests.recv_timeout(TIMEOUT).expect("a request");
        let accepted = request
            .lines()
            .find(|line| line.starts_with("accept-encoding:"));
        let accepted = accepted.expect("it says what it accepts");
        for encoding in ["gzip", "deflate", "br"] {
            assert!(accepted.contains(encoding), "{accepted}");
        }
    }
}

#[tokio::test]
async fn errors_are_read_when_they_are_compressed() {
    // {"message":"slow down"}
    let body = "H4sIAAAAAAACA6tWyk0tLk5MT1WyUirOyS9XSMkvz1OqBQDr+UPEFwAAAA==";
    let (http, _requests) = serve(vec![("429 Busy\r\nContent-Encoding: gzip", bytes(body))]);
    let error = get(&http, &["models"]).await.expect_err("429");
    assert!(error.message.ends_with("slow down."), "{error}");
}

#[tokio::test]
async fn an_encoding_that_was_not_accepted_is_named() {
    let (http, _requests) = serve(vec![("200 OK\r\nContent-Encoding: zstd", vec![0x28, 0xb5])]);
    let error = get(&http, &["models"]).await.expect_err("unreadable");
    assert_eq!(error.kind, Kind::Protocol);
    assert!(error.message.contains("zstd"), "{error}");
}

#[tokio::test]
async fn a_stream_whose_description_cannot_be_read_is_deleted() {
    let cut = JSON.as_bytes()[..30].to_vec();
    let corrupt = bytes(GZIP)[..40].to_vec();
    for (head, body, is_deleted) in [
        ("201 Created", cut, true),
        ("201 Created", br#"{"stream_id":[],"id":7}"#.to_vec(), true),
        ("201 Created", b"<html>".to_vec(), false),
        ("201 Created\r\nContent-Encoding: gzip", corrupt, true),
    ] {
        let (http, requests) = serve(vec![(head, body), ("204 Gone", Vec::new())]);
        let created = create_and_delete::post::<StreamCreated>(&http, None::<&()>, TIMEOUT).await;
        created.expect_err("unreadable");
        requests.recv_timeout(TIMEOUT).expect("the creation");
        let deletion = requests.try_recv().ok();
        let deletes = deletion.is_some_and(|request| request.starts_with("delete /v0.2/streams/"));
        assert_eq!(deletes, is_deleted, "{head}");
    }
}

#[tokio::test]
async fn a_407_is_the_proxys() {
    let (http, _requests) = serve(vec![("407 Proxy Authentication Required", b"{}".to_vec())]);
    let error = get(&http, &["models"]).await.expect_err("407");
    assert_eq!(
        (error.kind, error.status_code),
        (Kind::NotAuthorized, Some(407))
    );
    assert!(error.message.contains("HTTPS_PROXY"), "{error}");
    assert!(!error.message.contains("api-key"), "{error}");
}

#[tokio::test]
async fn a_lost_stream_names_the_cookie_that_was_not_sent() {
    let (http, requests) = serve(vec![
        (
            "200 OK\r\nSet-Cookie: route=a; Path=/v0.2/streams",
            JSON.as_bytes().to_vec(),
        ),
        ("404 Not Found", b"{}".to_vec()),
        ("404 Not Found", b"{}".to_vec()),
    ]);
    get(&http, &["streams"]).await.expect("created");
    let path = ["ws", "streams", "a-1"];
    let error = get(&http, &path).await.expect_err("404");
    assert!(
        error.message.contains("The cookie route was not sent"),
        "{error}"
    );
    let sent = get(&http, &["streams", "a-1"]).await.expect_err("404");
    assert!(!sent.message.contains("cookie"), "{sent}");
    let cookies: Vec<_> = (0..3)
        .map(|_| {
            requests
                .recv_timeout(TIMEOUT)
                .expect("a request")
                .contains("\ncookie: route=a")
        })
        .collect();
    assert_eq!(cookies, [false, false, true]);
}

#[tokio::test]
async fn a_region_is_learnt_from_any_response() {
    let json = JSON.as_bytes().to_vec();
    let wrong =
        br#"{"detail":{"error":"region_error","expected_region":"c","requested_region":"b"}}"#;
    let table = [
        (Stage::Models, "200 OK", None),
        (
            Stage::Models,
            "404 Not Found\r\nX-Overshoot-Region: a",
            None,
        ),
        (Stage::Models, "200 OK\r\nX-Overshoot-Region: b", Some("a")),
        // The stream is where it was created.
        (
            Stage::Create,
            "201 Created\r\nX-Overshoot-Region: b",
            Some("a"),
        ),
        (Stage::Models, "200 OK\r\nX-Overshoot-Region: a", Some("b")),
        // The one that refuses names itself, and is not asked again.
        (
            Stage::Keepalive,
            "409 Conflict\r\nX-Overshoot-Region: d",
            Some("b"),
        ),
        (
            Stage::Keepalive,
            "200 OK\r\nX-Overshoot-Region: e",
            Some("c"),
        ),
        (Stage::Keepalive, "200 OK", Some("c")),
    ];
    for api in [Api::V1, Api::V02] {
        let responses = table.map(|(_, head, _)| match head.starts_with("409") {
            true => (head, wrong.to_vec()),
            false => (head, json.clone()),
        });
        let (http, requests) = serve_api(api, responses.into());
        let mut asked = 0;
        while asked < table.len() {
            let (stage, _, _) = table[asked];
            let before = asked;
            // Errors are part of the table.
            let _: Result<Value, Error> = http
                .call(stage, Method::GET, &["x"], None::<&()>, TIMEOUT)
                .await;
            while let Ok(request) = requests.try_recv() {
                let expected = table[asked].2.filter(|_| api == Api::V1);
                let mut lines = request.lines();
                let sent = lines.find_map(|line| line.strip_prefix("x-overshoot-region: "));
                assert_eq!(sent, expected, "request {asked}");
                asked += 1;
            }
            assert!(asked > before, "no request");
        }
    }
}

#[tokio::test]
async fn a_region_with_an_impossible_name_is_not_learnt() {
    let long = concat!(
        "200 OK\r\nX-Overshoot-Region: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    );
    let json = JSON.as_bytes().to_vec();
    let (http, requests) = serve_api(Api::V1, vec![(long, json.clone()), ("200 OK", json)]);
    for _ in 0..2 {
        get(&http, &["x"]).await.expect("JSON");
        let request = requests.recv_timeout(TIMEOUT).expect("a request");
        assert!(!request.contains("x-overshoot-region"), "{request}");
    }
}

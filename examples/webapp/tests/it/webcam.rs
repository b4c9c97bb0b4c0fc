// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The webcam of a real browser, whose camera is a test picture.

use crate::support::{Browser, Service, WebApp, browse, play};
use overshoot_emulator::Codec;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

/// Makes the page send H.264, if this browser can encode it.
const PREFER_H264: &str = "
    const codecs = RTCRtpSender.getCapabilities('video').codecs.filter((c) => c.mimeType === 'video/H264');
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function (...given) {
        const transceiver = add.apply(this, given);
        if (codecs.length) transceiver.setCodecPreferences(codecs);
        return transceiver;
    };
    return codecs.length > 0;";

/// Starts a stream with the webcam.
async fn start_webcam(browser: &Browser) {
    browser.click("webcam").await;
    browser.state("ready").await;
    browser.click("start").await;
    browser.state("streaming").await;
    browser.answers(2).await;
}

#[test]
fn the_webcam_is_passed_through_and_can_be_started_again() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        start_webcam(browser).await;
        browser.shot("webcam").await;
        // Chromium's test picture has a green between 00 9A 00 and 00 AE 00; the darkest is called olive.
        let answers = browser.text("answers").await;
        let is_green =
            |hex: &str| hex.starts_with("00") && hex.ends_with("00") && &hex[2..4] > "90";
        let hex = answers
            .split("(#")
            .skip(1)
            .filter_map(|after| after.get(..6));
        assert!(
            hex.clone().count() > 0 && hex.clone().all(is_green),
            "{answers}"
        );
        browser.click("stop").await;
        browser.state("ready").await;
        service.assert_all_deleted();
        // A browser sends key frames only on request. Without one there would be no answer.
        browser.click("start").await;
        browser.state("streaming").await;
        browser.answers(2).await;
        // Leaving the page closes the session.
        browser.client.goto("about:blank").await.expect("it loads");
    });
    play(app.wait("the session's end", |health| health["sessions"] == 0));
    service.assert_all_deleted();
    let streams = service.control.snapshot().streams;
    assert_eq!(streams.len(), 2);
    for stream in streams {
        // Video that is encoded here would be H.264.
        assert_eq!(stream.codec, Some(Codec::Vp8));
    }
}

#[test]
fn h264_works_too() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        if browser.run(PREFER_H264).await == false {
            println!("SKIPPED: this browser cannot encode H.264");
            return;
        }
        start_webcam(browser).await;
        assert_eq!(service.stream().codec, Some(Codec::H264));
    });
}

#[test]
fn closing_the_webcam_ends_its_session() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        start_webcam(browser).await;
        browser.click("other").await;
        browser.state("none").await;
        app.wait("the session's end", |health| health["sessions"] == 0)
            .await;
    });
    service.assert_all_deleted();
}

#[test]
fn an_offer_without_video_is_refused() {
    let service = Service::start();
    let app = WebApp::start(&service);
    let audio = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n";
    let receiver = audio
        .replace("audio", "video")
        .replace("opus/48000/2", "VP8/90000")
        + "a=recvonly\r\n";
    // No codec in common.
    let strange = audio
        .replace("audio", "video")
        .replace("opus/48000/2", "VP7/90000")
        + "a=mid:0\r\na=sendonly\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\n";
    play(async {
        for (kind, body, status) in [
            ("text/plain", audio, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            ("application/sdp", "", StatusCode::BAD_REQUEST),
            ("application/sdp", "no description", StatusCode::BAD_REQUEST),
            ("application/sdp", audio, StatusCode::BAD_REQUEST),
            ("application/sdp", &receiver, StatusCode::BAD_REQUEST),
            (
                "application/sdp",
                &strange,
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
        ] {
            let request = app.http.post(format!("{}/webcam", app.url));
            let response = request
                .header(header::CONTENT_TYPE, kind)
                .body(body.to_owned())
                .send()
                .await;
            let response = response.expect("it answers");
            let given = response.status();
            let text = response.text().await.expect("it ends");
            let body: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("{given}: {text}"));
            assert_eq!(given, status, "{body}");
            assert!(
                body["message"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                "{body}"
            );
        }
        // None of them occupies a slot.
        assert_eq!(app.get("/").await["sessions"], json!(0));
        let (status, _) = app.call(Method::GET, "/webcam", None).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    });
}

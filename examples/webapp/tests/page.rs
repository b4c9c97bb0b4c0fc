//! The page with a file, in a real browser: chosen, asked about, asked something else, stopped,
//! refused; and a server that comes back.

mod support;

use std::io::Write;

use support::{Service, WebApp, browse, video};

#[test]
fn a_file_is_asked_about() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.shot("idle").await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.state("streaming").await;
        browser.answers(3).await;
        browser.shot("file").await;

        // The preview plays, too.
        browser
            .wait(
                "the preview",
                "return document.getElementById('preview').currentTime > 0",
            )
            .await;
        // The latency is there in figures and as a line.
        assert!(browser.text("latency-median").await.ends_with(" ms"));
        let line = "return document.querySelector('#plot .total').points.length >= 3";
        browser.wait("a line of three points", line).await;

        browser.write("prompt", "Who rides there?").await;
        browser.click("start").await;
        let told = "return document.getElementById('answers').innerText.includes('Now asking: Who rides there?')";
        browser.wait("the changed prompt", told).await;
        assert_eq!(
            service.stream().prompts,
            [
                "Describe what you see in one short sentence.",
                "Who rides there?"
            ]
        );

        browser.click("stop").await;
        browser.state("ready").await;
        service.assert_all_deleted();
        assert_eq!(browser.text("reason").await, "It was stopped.");
        assert!(browser.text("answers").await.contains("640x272"));
    });
}

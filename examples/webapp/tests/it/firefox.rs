// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The page in Firefox: a whole flow with a file.

use crate::support::{Firefox, Service, WebApp, make_video, play};
use tempfile::TempDir;

#[test]
fn a_file_gets_answers_in_firefox() {
    let service = Service::start();
    let app = WebApp::start(&service);
    let folder = TempDir::new().expect("a folder");
    // Five times two seconds.
    let line = "videorate rate=0.2 ! video/x-raw,framerate=25/1 ! vp8enc deadline=1 ! webmmux";
    let file = make_video(folder.path(), "bars.webm", line);
    play(async {
        let Some(mut firefox) = Firefox::start().await else {
            return;
        };
        firefox.open(&app.url).await;
        firefox
            .wait("document.getElementById('model').options.length > 1")
            .await;
        firefox.choose_file(&file).await;
        firefox.state("ready").await;
        firefox
            .run("document.getElementById('start').click()")
            .await;
        firefox.state("streaming").await;
        firefox
            .wait("document.getElementById('preview').currentTime > 0")
            .await;
        firefox
            .wait("document.querySelectorAll('#answers .answer').length >= 2")
            .await;
        firefox.shot("firefox").await;
        let set = "{ const prompt = document.getElementById('prompt'); prompt.value = 'Which colors?'; \
            prompt.dispatchEvent(new Event('input', { bubbles: true })); }";
        firefox.run(set).await;
        firefox
            .wait("document.getElementById('unsent').textContent === 'Not sent yet'")
            .await;
        firefox
            .run("document.getElementById('start').click()")
            .await;
        firefox.wait("document.querySelector('#answers .question').textContent.includes('Which colors?')").await;
        // A click on the time of an answer shows the video there, and a reload shows everything again.
        firefox
            .run("[...document.querySelectorAll('#answers .place')].at(-1).click()")
            .await;
        firefox.wait("!document.getElementById('live').hidden && document.getElementById('preview').paused").await;
        firefox.reload().await;
        firefox
            .wait("document.querySelectorAll('#answers .answer').length >= 2")
            .await;
        assert_eq!(
            firefox.run("document.getElementById('prompt').value").await,
            "Which colors?"
        );
        firefox.run("document.getElementById('stop').click()").await;
        firefox
            .wait("['dot ready', 'dot ended'].includes(document.getElementById('dot').className)")
            .await;
        // Nothing is wider than the window.
        assert_eq!(
            firefox
                .run("document.documentElement.scrollWidth <= innerWidth")
                .await,
            true
        );
    });
    let prompts = service.stream().prompts;
    assert_eq!(prompts.last().map(String::as_str), Some("Which colors?"));
    service.assert_all_deleted();
}

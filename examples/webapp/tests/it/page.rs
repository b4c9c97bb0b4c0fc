// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The page with a file, in a real browser: start, change the prompt, stop, errors, and a server that
//! restarts.

use crate::support::{Browser, Look, Service, WebApp, browse, browse_as, video};
use tempfile::TempDir;

#[test]
fn a_file_gets_answers() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.state("streaming").await;
        let plays = "return document.getElementById('preview').currentTime > 0";
        browser.wait("the preview", plays).await;
        // The latency is shown as numbers and as a line.
        browser.answers(3).await;
        assert!(browser.text("latency-median").await.ends_with(" ms"));
        let line = "return document.querySelector('#plot .total').points.length >= 3";
        browser.wait("a line of three points", line).await;

        browser.write("prompt", "Who rides there?").await;
        browser.click("start").await;
        let script = "return document.querySelector('#answers .question').innerText.includes('Who rides there?')";
        browser.wait("the changed prompt", script).await;
        // A ready-made question is sent by one click.
        browser
            .run("document.querySelector('[data-prompt^=Read]').click()")
            .await;
        let script = "return document.querySelector('#answers .question').innerText.includes('Read all text')";
        browser.wait("the ready-made prompt", script).await;
        browser.answers(6).await;
        // Somebody else changes the question. Here, nothing of their own was typed.
        let change = "return fetch(`/update-prompt/${location.hash.slice(1)}`, { method: 'POST', \
            headers: { 'content-type': 'application/json' }, body: '{\"prompt\": \"Which colours?\"}' }).then((r) => r.status)";
        assert_eq!(browser.run(change).await, 200);
        let taken = "return document.getElementById('prompt').value === 'Which colours?' && document.getElementById('unsent').textContent === ''";
        browser.wait("their question", taken).await;
        browser.click("stop").await;
        browser.state("ready").await;
        assert_eq!(browser.text("reason").await, "The stream was stopped.");
        assert!(browser.text("answers").await.contains("640x272"));
        // Another video closes the session. An upload can be cancelled.
        browser.click("other").await;
        browser.state("none").await;
        let slow = "XMLHttpRequest.prototype.send = () => {}";
        browser.run(slow).await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser
            .wait(
                "the cancel button",
                "return document.getElementById('other').innerText == 'Cancel'",
            )
            .await;
        browser.click("other").await;
        browser.state("none").await;
    });
    let prompts = service.stream().prompts;
    assert_eq!(prompts.len(), 4, "{prompts:?}");
    assert_eq!(prompts[1], "Who rides there?");
    service.assert_all_deleted();
}

#[test]
fn errors_are_shown_as_sentences() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.max_upload_bytes = 100_000);
    let folder = TempDir::new().expect("a folder");
    let make = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is there");
        path
    };
    let small =
        crate::support::make_video(folder.path(), "small.webm", "vp8enc deadline=1 ! webmmux");
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.click("start").await;
        assert_eq!(
            browser.problem().await,
            "Choose a video or the webcam first."
        );
        for (file, problem) in [
            (
                make("notes.txt", b"words"),
                "notes.txt is not an accepted video format. Choose a file that ends in .mp4, .avi, .mov, .mkv, .webm.",
            ),
            (
                make("large.mp4", &[0; 200_000]),
                "large.mp4 is too large. The limit is 98 kB.",
            ),
            (
                make("words.mp4", &b"These are words, no video.\n".repeat(99)),
                "words.mp4 cannot be played: its content is text/plain, not a video in an accepted format.",
            ),
        ] {
            browser.choose_file(&file).await;
            let script = format!(
                "return document.getElementById('problem').innerText == {}",
                serde_json::json!(problem)
            );
            browser.wait(problem, &script).await;
            browser.state("none").await;
        }
        browser.shot("refused").await;
        browser.choose_file(&small).await;
        browser.state("ready").await;
        assert!(
            browser
                .run("return document.getElementById('problem').hidden")
                .await
                == true
        );
        // Errors of the page and of the service: each moves the focus to its field.
        for (change, problem, field) in [
            (
                "fps.value = 200",
                "“Frames per second of the source” must be a number from 1 to 120.",
                "fps",
            ),
            (
                "fps.value = 30; f.output_schema.value = '{\"type\": \"film\"}'",
                "output_schema is not a valid JSON schema",
                "output_schema",
            ),
            (
                "clip_length_seconds.value = 0.5; f.output_schema.value = '{'",
                "“JSON schema, for answers in JSON” is not valid JSON",
                "output_schema",
            ),
            (
                "output_schema.value = ''; f.prompt.value = ' '",
                "Enter a question about the video.",
                "prompt",
            ),
        ] {
            browser
                .run(&format!(
                    "const f = document.getElementById('form').elements; f.{change}"
                ))
                .await;
            browser.click("start").await;
            let script = format!(
                "return document.getElementById('problem').innerText.startsWith({})",
                serde_json::json!(problem)
            );
            browser.wait(problem, &script).await;
            // The fields are disabled until the state changes, which may come after the problem.
            let script = format!("return document.activeElement.name === '{field}'");
            browser
                .wait(&format!("the focus on {field}"), &script)
                .await;
        }
        // A field that is locked when the problem comes gets the focus when it is not any more.
        let later = "return import('/page/form.js').then((form) => {
            form.lock(true);
            document.getElementById('start').focus();
            form.mark('fps');
            form.lock(false);
            return document.activeElement.name;
        })";
        assert_eq!(browser.run(later).await, "fps");
        browser.accessible().await;
        browser.shot("error").await;
    });
    assert!(service.control.snapshot().streams.is_empty());
}

/// On small screens and in dark mode, nothing is cut off and all text has enough contrast.
#[test]
fn small_and_dark_screens_work() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.answerer = overshoot_webapp::Answerer::Emulator
    });
    let look = |width, dark| Look {
        width,
        phone: width < 500,
        dark,
    };
    for (look, name) in [
        (look(1280, false), "desk"),
        (look(1920, true), "wide-dark"),
        (look(320, true), "phone-dark"),
    ] {
        browse_as(look, async |browser| {
            browser.open(&app.url).await;
            browser.fits().await;
            browser.legible().await;
            look_for_barriers(browser, look).await;
            // On a phone, the newest answer is over the video, but not over the choice of the next one.
            let latest = "const latest = document.getElementById('latest'); latest.hidden = false; \
                const shown = latest.checkVisibility(); latest.hidden = true; return shown";
            assert_eq!(browser.run(latest).await, false);
            browser.shot(&format!("{name}-idle")).await;
            browser.choose_file(&video("bikes.mp4")).await;
            browser.state("ready").await;
            browser.click("start").await;
            browser.answers(4).await;
            browser.shot(&format!("{name}-running")).await;
            browser.fits().await;
            browser.legible().await;
            browser.click("sessions-open").await;
            browser
                .wait(
                    "the list",
                    "return document.querySelectorAll('#sessions-running .session').length > 0",
                )
                .await;
            browser.fits().await;
            browser.legible().await;
            look_for_barriers(browser, look).await;
            browser.shot(&format!("{name}-sessions")).await;
            browser.click("sessions-close").await;
            browser
                .run("document.getElementById('more').open = true")
                .await;
            browser.fits().await;
            browser.legible().await;
            look_for_barriers(browser, look).await;
            browser.shot_of_all(&format!("{name}-open")).await;
        });
    }
}

/// In one of the looks: in the others, elements are the same and only their colours and places differ.
async fn look_for_barriers(browser: &Browser, look: Look) {
    if look.phone {
        browser.accessible().await;
    }
}

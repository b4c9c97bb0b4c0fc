//! The page with a file, in a real browser: asked about, asked something else, stopped, refused; and
//! a server that comes back.

use crate::support::{Look, Service, WebApp, browse, browse_as, video};
use tempfile::TempDir;

#[test]
fn a_file_is_asked_about() {
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
        // The latency is there in figures and as a line.
        browser.answers(3).await;
        assert!(browser.text("latency-median").await.ends_with(" ms"));
        let line = "return document.querySelector('#plot .total').points.length >= 3";
        browser.wait("a line of three points", line).await;

        browser.write("prompt", "Who rides there?").await;
        browser.click("start").await;
        let told = "return document.getElementById('answers').innerText.includes('Now asking: Who rides there?')";
        browser.wait("the changed prompt", told).await;
        // A ready-made question needs no other click.
        browser
            .run("document.querySelector('[data-prompt^=Read]').click()")
            .await;
        let told = "return document.getElementById('answers').innerText.includes('Now asking: Read all text')";
        browser.wait("the ready-made prompt", told).await;
        browser.answers(6).await;
        browser.click("stop").await;
        browser.state("ready").await;
        assert_eq!(browser.text("reason").await, "It was stopped.");
        assert!(browser.text("answers").await.contains("640x272"));
        // To another video: the one before is given up. An upload can be broken off.
        browser.click("other").await;
        browser.state("none").await;
        let slow = "XMLHttpRequest.prototype.send = () => {}";
        browser.run(slow).await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser
            .wait(
                "a way out",
                "return document.getElementById('other').innerText == 'Cancel'",
            )
            .await;
        browser.click("other").await;
        browser.state("none").await;
    });
    let prompts = service.stream().prompts;
    assert_eq!(prompts.len(), 3, "{prompts:?}");
    assert_eq!(prompts[1], "Who rides there?");
    service.assert_all_deleted();
}

#[test]
fn what_is_wrong_is_told_in_sentences() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.max_upload = 100_000);
    let folder = TempDir::new().expect("a folder");
    let make = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is there");
        path
    };
    let small = crate::support::made(folder.path(), "small.webm", "vp8enc deadline=1 ! webmmux");
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
                "notes.txt is no video of a kind that is taken: choose one that ends in .mp4, .avi, .mov, .mkv, .webm.",
            ),
            (
                make("large.mp4", &[0; 200_000]),
                "large.mp4 is too large: it may have 100000 bytes at the most.",
            ),
            (
                make("words.mp4", &b"These are words, no video.\n".repeat(99)),
                "words.mp4 can't be played: inside it is text/plain, whatever its name says.",
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
        // What the page knows, and what only the service does: each leads to its field.
        for (change, problem, field) in [
            (
                "fps.value = 200",
                "“Frames per second of the source” must be a number from 1 to 120.",
                "fps",
            ),
            (
                "fps.value = 30; f.clip_length_seconds.value = 0.2",
                "A clip of 0.2 s",
                "clip_length_seconds",
            ),
            (
                "clip_length_seconds.value = 0.5; f.output_schema.value = '{'",
                "The JSON schema is no JSON",
                "output_schema",
            ),
            (
                "output_schema.value = ''; f.prompt.value = ' '",
                "Say what to ask about the video.",
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
            // The state, during which the fields are disabled, may be told later than the problem.
            let script = format!("return document.activeElement.name === '{field}'");
            browser
                .wait(&format!("the focus on {field}"), &script)
                .await;
        }
        browser.shot("error").await;
    });
    assert!(service.control.snapshot().streams.is_empty());
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let service = Service::start();
    let mut app = Some(WebApp::start(&service));
    let (url, address) = app
        .as_ref()
        .map(|app| (app.url.clone(), app.address()))
        .expect("it runs");
    browse(async |browser| {
        browser.open(&url).await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.answers(1).await;
        drop(app.take());
        browser.state("lost").await;
        app = Some(WebApp::on(&address, &service, |_| {}));
        browser.state("none").await;
        assert_eq!(
            browser.problem().await,
            "The server was restarted; this session is gone. Choose the video again."
        );
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.answers(1).await;
        // A page that is loaded again finds its session.
        browser.open(&url).await;
        browser.state("streaming").await;
        browser.answers(2).await;
    });
    drop(app);
    service.assert_all_deleted();
    assert_eq!(service.control.snapshot().streams.len(), 2);
}

/// What is looked at by people, in all the ways that they may: nothing is cut off, and all texts can
/// be read.
#[test]
fn small_screens_and_dark_ones_work() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.service = None);
    let look = |phone, dark| Look { phone, dark };
    for (look, name) in [
        (look(false, false), "desk"),
        (look(true, true), "phone-dark"),
    ] {
        browse_as(look, async |browser| {
            browser.open(&app.url).await;
            browser.fits().await;
            browser.legible().await;
            browser.shot(&format!("{name}-idle")).await;
            browser.choose_file(&video("bikes.mp4")).await;
            browser.state("ready").await;
            browser.click("start").await;
            browser.answers(4).await;
            browser.shot(&format!("{name}-running")).await;
            browser
                .run("document.getElementById('more').open = true")
                .await;
            browser.fits().await;
            browser.legible().await;
            browser.shot_of_all(&format!("{name}-open")).await;
        });
    }
}

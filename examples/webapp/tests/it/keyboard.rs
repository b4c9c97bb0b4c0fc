// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The page with the keyboard only.

use crate::support::{Service, WebApp, browse};
use fantoccini::key::Key;

#[test]
fn the_webcam_works_with_the_keyboard_only() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        let cameras = "return !document.getElementById('camera').hidden";
        browser.wait("the list of cameras", cameras).await;
        browser.run("document.body.focus()").await;
        let mut order = Vec::new();
        for _ in 0..13 {
            browser.press(Key::Tab).await;
            order.push(browser.focus().await);
        }
        // Buttons without an id.
        let chip = String::new;
        assert_eq!(
            order,
            [
                "sessions-open",
                "file",
                "webcam",
                "camera",
                "url",
                &chip(),
                &chip(),
                &chip(),
                &chip(),
                &chip(),
                "prompt",
                "start",
                &chip()
            ],
            "the last one is the summary of the settings"
        );
        browser.press(Key::Space).await;
        browser.press(Key::Tab).await;
        assert_eq!(browser.focus().await, "backend");
        browser.back_to("webcam").await;
        browser.press(Key::Enter).await;
        browser.state("ready").await;
        // The next control has the focus.
        assert_eq!(browser.focus().await, "start");
        browser.press(Key::Enter).await;
        browser.answers(1).await;
        assert_eq!(browser.focus().await, "start");
        browser.press(Key::Tab).await;
        assert_eq!(browser.focus().await, "stop");
        browser.press(Key::Enter).await;
        browser.state("ready").await;
        assert_eq!(browser.focus().await, "start");
        // Screen readers read answers and problems, and each field has a label.
        for (id, role) in [("spoken", "aria-live"), ("problem", "role")] {
            let script = format!("return document.getElementById('{id}').hasAttribute('{role}')");
            assert_eq!(browser.run(&script).await, true, "{id}");
        }
        assert!(
            !browser
                .run("return document.getElementById('spoken').textContent")
                .await
                .as_str()
                .unwrap_or_default()
                .is_empty()
        );
        let nameless = "return [...document.querySelectorAll('input, select, textarea, progress')].filter((e) => !e.hidden && !e.labels.length && !e.ariaLabel).map((e) => e.outerHTML).join()";
        assert_eq!(browser.run(nameless).await, "");
    });
    service.assert_all_deleted();
}

//! The page by keyboard alone.

use crate::support::{Service, WebApp, browse};
use fantoccini::key::Key;

#[test]
fn the_webcam_is_asked_about_by_keys_alone() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.run("document.body.focus()").await;
        let mut order = Vec::new();
        for _ in 0..9 {
            browser.press(Key::Tab).await;
            order.push(browser.focus().await);
        }
        let chip = String::new;
        assert_eq!(
            order,
            [
                "file",
                "webcam",
                &chip(),
                &chip(),
                &chip(),
                &chip(),
                "prompt",
                "start",
                &chip()
            ],
            "the last one is the summary of what can be set"
        );
        browser.press(Key::Space).await;
        browser.press(Key::Tab).await;
        assert_eq!(browser.focus().await, "backend");
        browser.back_to("webcam").await;
        browser.press(Key::Enter).await;
        browser.state("ready").await;
        // What comes next has the focus.
        assert_eq!(browser.focus().await, "start");
        browser.press(Key::Enter).await;
        browser.answers(1).await;
        assert_eq!(browser.focus().await, "start");
        browser.press(Key::Tab).await;
        assert_eq!(browser.focus().await, "stop");
        browser.press(Key::Enter).await;
        browser.state("ready").await;
        assert_eq!(browser.focus().await, "start");
        // Answers are read aloud, the state and problems told; each field has a name.
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
        let nameless = "return [...document.querySelectorAll('input, select, textarea, progress')].filter((e) => !e.labels.length).map((e) => e.outerHTML).join()";
        assert_eq!(browser.run(nameless).await, "");
    });
    service.assert_all_deleted();
}

//! The webcam, of a real browser with a camera that shows a test picture.

mod support;

use support::{Service, WebApp, browse};

#[test]
fn the_webcam_is_asked_about() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.click("webcam").await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.state("streaming").await;
        browser.answers(3).await;
        browser.shot("webcam").await;
        browser.click("stop").await;
        browser.state("ready").await;
    });
}

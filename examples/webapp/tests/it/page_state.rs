// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The page shows what the server knows: after a reload, in a second tab, on a dead connection, after a restart.

use std::time::Duration;

use crate::support::{Browser, Proxy, Service, WebApp, browse, make_video, video};
use overshoot_webapp::Password;
use serde_json::Value;
use tempfile::TempDir;

const ANSWERS: &str = "return [...document.querySelectorAll('#answers .answer')].reverse().map((a) => \
    [a.querySelector('time').dateTime, a.querySelector('.place')?.textContent, a.querySelector('.text').innerText].join(' '))";
const QUESTION: &str = "return document.querySelector('#answers .question strong').textContent";

async fn answers(browser: &Browser) -> Vec<Value> {
    let all = browser.run(ANSWERS).await;
    all.as_array().expect("a list").clone()
}

async fn start(browser: &Browser, url: &str) {
    browser.open(url).await;
    browser.choose_file(&video("bikes.mp4")).await;
    browser.state("ready").await;
    browser.click("start").await;
}

#[test]
fn a_reload_and_a_dead_connection_lose_nothing() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| {
        config.heartbeat_interval = Duration::from_millis(500);
    });
    browse(async |browser| {
        let proxy = Proxy::start(app.address()).await;
        start(browser, &proxy.url).await;
        browser.answers(2).await;
        browser.write("prompt", "Who rides there?").await;
        // A question that is only typed does not look like the one that is asked.
        assert_eq!(browser.text("unsent").await, "Not sent yet");
        assert_eq!(
            browser.run(QUESTION).await,
            "Describe what you see in one short sentence."
        );
        browser.press_ctrl_enter().await;
        browser
            .wait(
                "the question",
                &QUESTION.replace("textContent", "textContent === 'Who rides there?'"),
            )
            .await;
        browser
            .wait(
                "no edit",
                "return document.getElementById('unsent').textContent === ''",
            )
            .await;
        let before = answers(browser).await;
        browser.client.refresh().await.expect("it loads again");
        browser.state("streaming").await;
        browser.answers(before.len() + 1).await;
        assert!(answers(browser).await.starts_with(&before));
        assert_eq!(
            browser
                .run("return document.getElementById('prompt').value")
                .await,
            "Who rides there?"
        );
        // The video comes from the server and is where the stream is.
        let follows = "const preview = document.getElementById('preview'); const newest = document.querySelector('#answers .place').textContent; \
            return !preview.paused && preview.src.includes('/sessions/') && preview.currentTime >= Number(newest.split(':')[1])";
        browser.wait("the video", follows).await;
        // The connection dies without a sign.
        proxy.set_frozen(true);
        browser.state("lost").await;
        browser.accessible().await;
        browser.shot("lost").await;
        proxy.set_frozen(false);
        browser
            .wait("the end", "return ['dot streaming', 'dot ended'].includes(document.getElementById('dot').className)")
            .await;
        browser.state("ended").await;
        // No answer of the time in between is missing, and none is there twice.
        let all = answers(browser).await;
        assert!(all.starts_with(&before));
        let made = service.stream().answers.len();
        assert_eq!(all.len(), made);
        // The answers survive another start.
        browser.click("start").await;
        browser.answers(made + 1).await;
        assert!(answers(browser).await.starts_with(&all));
    });
}

#[test]
fn answers_outlive_the_server() {
    let service = Service::start();
    let folder = TempDir::new().expect("a folder");
    let on = |address: &str| {
        WebApp::on(address, &service, |config| {
            config.answers_folder = Some(folder.path().to_owned());
        })
    };
    let mut app = Some(on("127.0.0.1:0"));
    let (url, address) = app
        .as_ref()
        .map(|app| (app.url.clone(), app.address()))
        .expect("it runs");
    browse(async |browser| {
        start(browser, &url).await;
        browser.answers(2).await;
        drop(app.take());
        browser.state("lost").await;
        app = Some(on(&address));
        browser.state("none").await;
        assert_eq!(
            browser.problem().await,
            "The server was restarted and the session is lost. Choose the video again."
        );
        let before = answers(browser).await;
        assert!(before.len() >= 2);
        // Banners can be closed.
        browser.click("problem-close").await;
        assert_eq!(
            browser
                .run("return document.getElementById('problem-box').hidden")
                .await,
            true
        );
        browser.client.refresh().await.expect("it loads again");
        browser.answers(before.len()).await;
        assert!(
            browser
                .text("reason")
                .await
                .starts_with("The session of bikes.mp4 has ended.")
        );
        let csv =
            "return fetch(document.querySelector('[data-format=csv]').href).then((r) => r.text())";
        let csv = browser.run(csv).await;
        assert_eq!(
            csv.as_str().map(|text| text.lines().count()),
            Some(before.len() + 1)
        );
        browser.shot("stored").await;
        // The list has it as well, beside what runs.
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.answers(1).await;
        browser.click("sessions-open").await;
        browser
            .wait("the lists", "return document.querySelectorAll('#sessions-running .session, #sessions-earlier .session').length === 2")
            .await;
        browser.shot("sessions").await;
        let stop = "[...document.querySelectorAll('#sessions-running button')].find((b) => b.textContent === 'Stop').click()";
        browser.run(stop).await;
        browser.state("ready").await;
    });
    drop(app);
    service.assert_all_deleted();
}

#[test]
fn what_browsers_cannot_show_comes_as_frames_and_full_servers_list_what_runs() {
    let service = Service::start();
    let app = WebApp::with(&service, |config| config.max_streams = 1);
    let folder = TempDir::new().expect("a folder");
    let line = "videorate rate=0.2 ! video/x-raw,framerate=25/1 ! avenc_mpeg4 ! avimux";
    let file = make_video(folder.path(), "old.avi", line);
    browse(async |browser| {
        browser.open(&app.url).await;
        // Beside the box, a browser would leave the page for the file.
        let drop = "const data = new DataTransfer(); data.items.add(new File(['x'], 'notes.txt')); \
            return document.querySelector('footer, #answers-title').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))";
        assert_eq!(browser.run(drop).await, false, "the page takes the drop");
        browser.wait("the problem", "return document.getElementById('problem').innerText.startsWith('notes.txt is not')").await;
        browser.choose_file(&file).await;
        browser.state("ready").await;
        browser.wait("a sentence", "return document.getElementById('no-preview').innerText.startsWith('This browser cannot show')").await;
        browser.click("start").await;
        browser.wait("a frame", "const frames = document.getElementById('frames'); return !frames.hidden && frames.naturalWidth === 320").await;
        browser.shot("frames").await;
        // A second tab with another video finds the only place taken, and can free it.
        let tab = browser.client.new_window(true).await.expect("a tab");
        browser
            .client
            .switch_to_window(tab.handle)
            .await
            .expect("it is there");
        start(browser, &app.url).await;
        let listed = "return document.getElementById('problem-list').innerText.includes('old.avi')";
        browser.wait("the list", listed).await;
        assert_eq!(
            browser.problem().await,
            "Only 1 video can be asked about at the same time with one API key. Running now: old.avi. Stop it, or try again later."
        );
        browser.shot("busy").await;
        browser
            .run("document.querySelector('#problem-list button').click()")
            .await;
        browser
            .wait(
                "its end",
                "return !document.querySelector('#problem-list li')",
            )
            .await;
        browser.click("start").await;
        browser.answers(1).await;
        // The problem is over, so its banner is gone.
        assert_eq!(
            browser
                .run("return document.getElementById('problem-box').hidden")
                .await,
            true
        );
    });
}

#[test]
fn answers_are_shown_as_they_are_meant() {
    let service = Service::start();
    let app = WebApp::start(&service);
    browse(async |browser| {
        browser.open(&app.url).await;
        browser.run(include_str!("support/answers.js")).await;
        browser
            .wait(
                "the answers",
                "return document.querySelectorAll('#answers .answer').length === 7",
            )
            .await;
        let shown = |index: usize, part: &str| {
            format!("return document.querySelectorAll('#answers .answer')[{index}]{part}")
        };
        let text = browser
            .run(&shown(0, ".querySelector('.text').innerHTML"))
            .await;
        assert_eq!(
            text,
            "<p>Two <strong>people</strong>:<br>one <em>rides</em>, 2 * 3 * 4 a_b_c</p><ol start=\"1\"><li>a <code>red</code> coat</li><li>a bag</li></ol>\
             <p class=\"heading\">Risk</p><ul><li>none</li></ul><pre>x &lt; y</pre>"
        );
        // Nothing in an answer becomes an element or runs.
        let text = browser
            .run(&shown(1, ".querySelector('.text').innerHTML"))
            .await;
        assert_eq!(
            text,
            "<p>&lt;img src=x onerror=\"window.hit=1\"&gt; [a](javascript:window.hit=1) <strong>&lt;script&gt;window.hit=1&lt;/script&gt;</strong></p>"
        );
        assert_eq!(browser.run("return window.hit ?? null").await, Value::Null);
        for (index, mark) in [
            (2, "cut off"),
            (3, "filtered"),
            (4, "latestalewrong form"),
            (5, "repeated"),
        ] {
            let marks = shown(index, "")
                .replace("return ", "return [...(")
                .to_owned()
                + ").querySelectorAll('.mark')].map((m) => m.textContent).join('')";
            assert_eq!(browser.run(&marks).await, mark);
        }
        let table = browser
            .run(&shown(
                6,
                ".querySelector('dl').innerText.replace(/\\s+/g, ' ')",
            ))
            .await;
        assert_eq!(table, "people 2 objects bicycle, van");
        browser.legible().await;
        browser.fits().await;
        browser.accessible().await;
        browser.shot("marks").await;
        // A reader who has scrolled down keeps the place.
        let moved = "return import('/page/answers.js').then(({ add }) => {
            const list = document.getElementById('answers');
            list.style.maxHeight = '12rem';
            list.scrollTop = 120;
            const place = () => list.lastChild.getBoundingClientRect().top;
            const before = place();
            for (let id = 8; id < 12; id++) add({ id, prompt: 'What is it?', result: 'A man stands beside a bicycle. '.repeat(id) });
            const moved = Math.abs(place() - before);
            list.style.maxHeight = '';
            return moved < 2;
        })";
        assert_eq!(browser.run(moved).await, true);
        // Without a service there was no list of models. It is asked for again.
        browser
            .run("document.getElementById('model').replaceChildren(); document.getElementById('more').open = true")
            .await;
        let listed = "return document.getElementById('model').options.length > 1";
        browser.wait("the list of models", listed).await;
        browser
            .run("document.getElementById('more').open = false")
            .await;
        // The menu closes like one.
        for way in [
            "menu.querySelector('a').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))",
            "document.querySelector('h1').click()",
            "document.getElementById('prompt').focus()",
        ] {
            let script = format!(
                "const menu = document.getElementById('download'); menu.open = true; menu.querySelector('a').focus(); {way}; return menu.open"
            );
            assert_eq!(browser.run(&script).await, false, "{way}");
        }
        // A long question does not push the answers away.
        let tall = "return import('/page/answers.js').then(({ ask }) => {
            ask('Why? '.repeat(999));
            return document.querySelector('#answers .question').offsetHeight;
        })";
        let tall = browser.run(tall).await.as_f64().expect("pixels");
        assert!((60.0..160.0).contains(&tall), "{tall}");
        // While a stream reconnects, its newest warning is enough. Those of the server stay.
        let warned = "return import('/page/notices.js').then((notices) => {
            notices.warn('One.');
            notices.warn('The disk is full.', 'answers-store');
            notices.setReconnecting('The network is down.');
            notices.setReconnecting('The network is down.');
            const first = document.getElementById('warning').innerText;
            notices.warn('Two.');
            notices.warn('Three.');
            return [first, document.getElementById('warning').innerText].join('|').replaceAll('\\n', ' ');
        })";
        assert_eq!(
            browser.run(warned).await,
            "The disk is full. The network is down.|The disk is full. Three."
        );
    });
}

#[test]
fn api_v1_has_no_backend_and_answers_arrive_in_parts() {
    let service = Service::of("v1", |_| {});
    let app = WebApp::with(&service, |config| {
        config.password = Some(Password::new("correct horse".to_owned()).expect("long enough"));
    });
    browse(async |browser| {
        browser.client.goto(&app.url).await.expect("the page loads");
        // Nothing is shown before the password.
        browser
            .wait("the form", "return document.getElementById('login').open")
            .await;
        browser.accessible().await;
        browser.shot("login").await;
        let log_in = |password: &str| {
            format!(
                "const form = document.getElementById('login-form'); form.elements.password.value = '{password}'; form.requestSubmit()"
            )
        };
        browser.run(&log_in("wrong")).await;
        browser
            .wait(
                "the refusal",
                "return document.getElementById('login-problem').textContent !== ''",
            )
            .await;
        browser.legible().await;
        browser.run(&log_in("correct horse")).await;
        browser
            .wait(
                "the page",
                "return document.getElementById('model').options.length > 1",
            )
            .await;
        assert_eq!(
            browser
                .run("return document.getElementById('backend').checkVisibility()")
                .await,
            false
        );
        browser
            .run("document.getElementById('more').open = true")
            .await;
        let shown = "return ['backend', 'temperature', 'system_prompt', 'loop'].map((name) => \
            document.getElementById('form').elements[name].checkVisibility()).join()";
        assert_eq!(browser.run(shown).await, "false,true,true,true");
        browser.run("window.partial = false; new MutationObserver(() => { window.partial ||= Boolean(document.querySelector('#answers .partial .text p')); }) \
            .observe(document.getElementById('answers'), { childList: true, subtree: true })").await;
        browser.choose_file(&video("bikes.mp4")).await;
        browser.state("ready").await;
        browser.click("start").await;
        browser.answers(2).await;
        browser
            .wait("a part of an answer", "return window.partial")
            .await;
        browser.shot("v1").await;
        browser.click("stop").await;
        browser.state("ready").await;
    });
    drop(app);
}

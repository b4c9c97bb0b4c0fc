// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The emulator, asked by a page of another origin, in a real browser and in the form of the SDK for JavaScript.

use serde_json::{Value, json};

use crate::support::{KEY, Service, browse};

/// What the SDK does: every request with cookies, the key, and JSON as the type.
const SDK: &str = r#"
    const [base, key] = arguments_;
    const call = async (method, path, body) => {
        const response = await fetch(base + path, {
            method,
            body: body && JSON.stringify(body),
            credentials: 'include',
            headers: {'Content-Type': 'application/json', Authorization: `Bearer ${key}`},
        });
        const text = await response.text();
        return {
            status: response.status,
            body: text ? JSON.parse(text) : null,
            request_id: response.headers.get('x-request-id'),
            region: response.headers.get('x-overshoot-region'),
            remaining: response.headers.get('x-ratelimit-remaining'),
        };
    };
"#;

#[test]
fn a_page_of_another_origin_uses_both_apis() {
    let (service, elsewhere) = (Service::start(), Service::start());
    browse(async |browser| {
        // Any page of another origin: here the list of models of another emulator, which says 401.
        let page = format!("{}/models", elsewhere.url);
        browser.client.goto(&page).await.expect("a page");
        let run = async |base: &str, key: &str, script: &str| {
            let arguments = json!([base, key]);
            let script = format!(
                "const arguments_ = {arguments}; return (async () => {{ {SDK} {script} }})();"
            );
            browser.run(&script).await
        };
        let script = r#"
            const model = (await call('GET', '/models')).body.find((model) => model.ready).model;
            const stream = await call('POST', '/streams', {
                mode: 'frame',
                processing: {interval_seconds: 0.5},
                inference: {prompt: 'What?', backend: 'overshoot', model},
            });
            const path = '/streams/' + stream.body.stream_id;
            const renewed = await call('POST', path + '/keepalive');
            const changed = await call('PATCH', path + '/config/prompt', {prompt: 'And now?'});
            const socket = new WebSocket(base.replace('http', 'ws') + '/ws' + path);
            await new Promise((resolve, reject) => {
                socket.onopen = resolve;
                socket.onerror = () => reject('no socket');
            });
            socket.send(JSON.stringify({api_key: key}));
            const closed = new Promise((resolve) => {
                socket.onclose = (event) => resolve(event.reason);
            });
            const deleted = await call('DELETE', path);
            const refused = await call('POST', '/streams', {});
            return [
                stream.status, renewed.body.state, changed.body.prompt, deleted.status,
                await closed, refused.status, refused.body.details[0].loc, !!refused.request_id,
            ];
        "#;
        let done = run(&service.url, KEY, script).await;
        let expected = json!([
            201,
            "pending",
            "And now?",
            200,
            "stream ended: client_requested",
            422,
            ["body", "processing"],
            true
        ]);
        assert_eq!(done, expected);
        let refused = run(
            &service.url,
            "",
            "return (await call('GET', '/models')).status",
        )
        .await;
        assert_eq!(refused, 401, "an error can be read, too");

        let v1 = service.url.replace("/v0.2", "/v1beta");
        let script = r#"
            const stream = await call('POST', '/streams');
            const path = '/streams/' + stream.body.id;
            const status = await call('GET', path);
            const model = (await call('GET', '/models')).body.data[0].id;
            const url = 'ovs:/' + path + '?frame_index=-1';
            const answer = await call('POST', '/chat/completions', {
                model,
                messages: [{role: 'user', content: [{type: 'image_url', image_url: {url}}]}],
            });
            const deleted = await call('DELETE', path);
            return [
                stream.status, stream.region, status.body.state,
                answer.status, answer.body.detail.error.code, deleted.body.deleted,
            ];
        "#;
        let done = run(&v1, KEY, script).await;
        let expected = json!([201, "us-west1", "active", 404, "segment_empty", true]);
        assert_eq!(done, expected);
        let script = r#"
            const model = (await call('GET', '/models')).body.data[0].id;
            const messages = [{role: 'user', content: 'Reply with exactly: ok'}];
            const answer = await call('POST', '/chat/completions', {model, messages});
            return [answer.status, Number(answer.remaining) > 0];
        "#;
        let done: Value = run(&v1, KEY, script).await;
        assert_eq!(done, json!([200, true]));
    });
}

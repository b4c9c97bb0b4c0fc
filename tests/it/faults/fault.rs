//! What can become of any call, and what has some of them made.

use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Config, Fault};

use super::scene::Scene;

/// Renewed after 2 s; the tries of a renewal take 1 s together.
pub fn short_lease(config: &mut Config) {
    config.lease_ttl = Duration::from_secs(4);
}

pub fn change_prompt(scene: &Scene) {
    scene.pipeline.sink.set_property("prompt", "And now?");
}

pub fn give_feedback(scene: &Scene) {
    let arguments: [&dyn ToValue; 3] = [&5i32, &"accuracy", &"spot on"];
    let sink = &scene.pipeline.sink;
    assert!(sink.emit_by_name::<bool>("submit-feedback", &arguments));
}

pub fn retry_after(seconds: u64) -> Fault {
    match Fault::status(429) {
        Fault::Status {
            code,
            body,
            content_type,
            ..
        } => Fault::Status {
            code,
            headers: vec![("retry-after".to_owned(), seconds.to_string())],
            body,
            content_type,
        },
        _ => unreachable!("a status is one"),
    }
}

/// Successes whose bodies make no sense, and one that comes too slowly.
pub fn bodies() -> Vec<(&'static str, Fault)> {
    let body = |content_type: &str, body: &str| Fault::Body {
        body: body.to_owned(),
        content_type: content_type.to_owned(),
    };
    let types = r#"{"stream_id": 7, "prompt": [], "status": {}, "ttl_seconds": "soon",
        "id": [], "publish": 7, "state": {}, "choices": "two", "balance_cents": "many"}"#;
    vec![
        ("HTML", body("text/html", "<html>Please sign in.</html>")),
        ("empty", body("application/json", "")),
        ("truncated", Fault::Truncated),
        ("wrong types", body("application/json", types)),
    ]
}

/// A page in place of the service's answer.
pub fn page(body: &str) -> Fault {
    Fault::Status {
        code: 200,
        headers: Vec::new(),
        body: body.to_owned(),
        content_type: "text/html".to_owned(),
    }
}

pub const FINAL: [(u16, &str); 5] = [
    (400, "invalid-settings"),
    (401, "not-authorized"),
    (402, "out-of-credits"),
    (403, "not-authorized"),
    (422, "invalid-settings"),
];
pub const PASSING: [(u16, &str); 2] = [(500, "server"), (503, "server")];
/// Slower than any timeout.
pub const DRIP: Fault = Fault::Drip(Duration::from_millis(200));

/// A way to somewhere else, as to where one signs in.
pub fn portal() -> Fault {
    Fault::Status {
        code: 302,
        headers: vec![("location".to_owned(), "https://sign.in/".to_owned())],
        body: String::new(),
        content_type: String::new(),
    }
}

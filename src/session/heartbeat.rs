// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Messages that only keep a connection alive. Services and the proxies before them send many forms of them,
//! on the results socket as in an event stream. They are ignored without a word.

use serde_json::Value;

use super::json;

const NAMES: [&str; 6] = ["ping", "pong", "heartbeat", "keepalive", "hb", "noop"];
/// The members that name the type of a message.
const TYPE_MEMBERS: [&str; 5] = ["type", "event", "kind", "op", "action"];

/// Whether a message is a heartbeat: a word such as `ping`, or an object of that type.
pub fn is_heartbeat(message: &str) -> bool {
    if is_name(message) {
        return true;
    }
    match json::parse(message) {
        Ok(Value::String(word)) => is_name(&word),
        Ok(Value::Object(object)) => {
            let types = TYPE_MEMBERS.iter().filter_map(|name| object.get(*name));
            let has_type = types.filter_map(Value::as_str).any(is_name);
            let is_only_member = object.len() == 1 && object.keys().all(|name| is_name(name));
            has_type || is_only_member
        }
        _ => false,
    }
}

/// Whether this is the name of a heartbeat, such as `keep-alive`.
pub fn is_name(word: &str) -> bool {
    let letters = word.trim().chars().filter(|char| !"-_".contains(*char));
    let word: String = letters.map(|char| char.to_ascii_lowercase()).collect();
    NAMES.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_of_all_forms_are_known() {
        for message in [
            "ping",
            " PONG\n",
            "\"ping\"",
            r#"{"type":"ping"}"#,
            r#"{"type": "keep_alive", "ts": 5}"#,
            r#"{"event":"Heartbeat","stream_id":"s"}"#,
            r#"{"ping": 1700000000}"#,
        ] {
            assert!(is_heartbeat(message), "{message}");
        }
        for message in [
            "",
            "hello",
            "{}",
            r#"{"type":"result","result":"ping"}"#,
            r#"{"result":"ping"}"#,
            r#"{"type":"error","message":"x"}"#,
        ] {
            assert!(!is_heartbeat(message), "{message}");
        }
    }
}

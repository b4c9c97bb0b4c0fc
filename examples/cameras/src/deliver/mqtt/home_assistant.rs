// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Announces cameras to Home Assistant (its "MQTT discovery"): each is a device with two entities, the connection
//! and the last answer.

use serde_json::{Value, json};

use super::outbox::Message;
use super::topics::Topics;

/// Home Assistant's own default.
const PREFIX: &str = "homeassistant";
/// The state of an entity has at most 255 characters. Other events than answers do not change it.
const ANSWER_TEMPLATE: &str = "{{ value_json.result[:255] if value_json.event == 'answer' and value_json.ok else this.state }}";
const STATUS_TEMPLATE: &str = "{{ value_json.status }}";

/// The retained messages that announce a camera.
pub fn announcements(topics: &Topics, camera: &str) -> [Message; 2] {
    let base = topics
        .base()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let id = format!("{base}_{camera}");
    let program = json!({ "topic": topics.program() });
    let status = json!({ "topic": topics.status(camera), "value_template": STATUS_TEMPLATE });
    let connection = json!({
        "name": "Connection",
        "unique_id": format!("{id}_connection"),
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topics.status(camera),
        "value_template": STATUS_TEMPLATE,
        "payload_on": "online",
        "payload_off": "offline",
        "json_attributes_topic": topics.status(camera),
        "availability": [program],
    });
    let answer = json!({
        "name": "Answer",
        "unique_id": format!("{id}_answer"),
        "icon": "mdi:eye",
        "state_topic": topics.events(camera),
        "value_template": ANSWER_TEMPLATE,
        "availability": [program, status],
        "availability_mode": "all",
    });
    let message = |component: &str, name: &str, mut config: Value| {
        config["qos"] = json!(1);
        config["device"] = json!({
            "identifiers": [id],
            "name": camera,
            "manufacturer": "overshoot-cameras",
        });
        config["origin"] = json!({
            "name": env!("CARGO_PKG_NAME"),
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        Message {
            topic: format!("{PREFIX}/{component}/{id}/{name}/config"),
            payload: config.to_string().into(),
            retain: true,
            is_event: false,
        }
    };
    [
        message("binary_sensor", "connection", connection),
        message("sensor", "answer", answer),
    ]
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

fn translate(kind: &str, text: &str) -> String {
    let is_warning = false;
    ElementText {
        kind,
        text,
        is_warning,
    }
    .translate()
}

#[test]
fn warnings_do_not_ask_to_try_again() {
    let text = "The service can't be reached: Connection refused (os error 111) (create). Connecting again in 0.6 s.";
    let advice =
        "If it lasts, the operator of this server must check its network and OVERSHOOT_API_URL.";
    for (is_warning, between) in [(true, ""), (false, " Try again later.")] {
        let kind = "network";
        let text = ElementText {
            kind,
            text,
            is_warning,
        }
        .translate();
        let facts = "The service can't be reached: Connection refused. Connecting again in 0.6 s.";
        assert_eq!(text, format!("{facts}{between} {advice}"));
    }
}

#[test]
fn advice_is_for_users_and_the_operator() {
    for (kind, text, expected) in [
        (
            "not-authorized",
            "The API key was refused: set a valid key with api-key or OVERSHOOT_API_KEY. The service says: Unknown key.",
            "The service refuses this server's API key. The operator of this server must set a valid OVERSHOOT_API_KEY and start it again. The service says: Unknown key.",
        ),
        (
            "timeout",
            "The service did not create the stream in time: check the network and api-url, or raise timeout.",
            "The service did not create the stream in time. Try again later. If it lasts, the operator of this server must check its network and OVERSHOOT_API_URL.",
        ),
        (
            "media",
            "ICE failed: there is no path to the remote peer. Allow UDP in the firewall, or set turn-servers (with the right password)",
            "ICE failed: there is no path to the remote peer. The operator of this server must allow UDP between it and the service.",
        ),
        (
            "not-found",
            "There is no API v1 at this address, or no longer (HTTP 404): set api-url to the full address of an API v1, with its path.",
            "There is no API v1 at this address, or no longer (HTTP 404). The operator of this server must check OVERSHOOT_API_URL.",
        ),
        (
            "invalid-settings",
            "delay-seconds is 70: API v0.2 takes more than 0, and at most 60.",
            "delay_seconds is 70: API v0.2 takes more than 0, and at most 60.",
        ),
        (
            "invalid-settings",
            "A clip of 0.1 s at 1 frames a second holds fewer than 3 frames: set clip-length-seconds to 3.00 or more, or raise the rate to 30 or more with target-fps.",
            "A clip of 0.1 s at 1 frames a second holds fewer than 3 frames: set clip_length_seconds to 3.00 or more, or raise the rate to 30 or more with target_fps.",
        ),
        (
            "invalid-settings",
            "The service refused the request (HTTP 422, create). The service says: inference.model-name is unknown",
            "The service refused the settings. The service says: inference.model-name is unknown.",
        ),
        (
            "invalid-settings",
            "schema-mode=prompt needs API v1: API v0.2 is always strict. Unset schema-mode, or set api-url to a v1 address.",
            "schema_mode=prompt needs API v1: API v0.2 is always strict. Unset schema_mode.",
        ),
        (
            "server",
            "Something between here and the service answered an HTML page (HTTP 502, create). The service may be restarting. It says: Bad gateway",
            "Something between here and the service answered an HTML page (HTTP 502, create). The service may be restarting. Try again later. If it lasts, the operator of this server must check its network and OVERSHOOT_API_URL. The service says: Bad gateway.",
        ),
        (
            "media",
            "The video has ended, and no answer about it has come: it may be shorter than an answer needs. Repeat a still picture with the element imagefreeze, or set a smaller clip-length-seconds or interval-seconds, or a larger drain-timeout.",
            "The video has ended, and no answer about it has come: it may be shorter than an answer needs. Set a smaller clip_length_seconds or interval_seconds.",
        ),
    ] {
        assert_eq!(translate(kind, text), expected);
    }
}

#[test]
fn the_first_field_in_a_message_is_found() {
    for (text, field) in [
        ("model nobody is unknown.", Some("model")),
        ("Set mode to clip, or unset model.", Some("mode")),
        (
            "fps × clip-length-seconds must be 3: raise clip-length-seconds.",
            Some("fps"),
        ),
        ("output-schema is no schema.", Some("output_schema")),
        (
            "inference.output_schema_json is none.",
            Some("output_schema"),
        ),
        ("There is no network.", None),
    ] {
        assert_eq!(named_field(text), field, "{text}");
    }
}

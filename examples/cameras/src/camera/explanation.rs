// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors of the element in words for the user of this program. The element names its properties; this program has
//! fields of a file and environment variables. What the service itself said stays as it is.

use gstovershoot::message::FailureMessage;

use crate::config::{Camera, FIELDS};
use crate::service::URL_VARIABLE;

/// The service's own words begin behind one of these.
const QUOTES: [&str; 2] = [" The service says: ", " It says: "];

/// The element's words and this program's, the longer ones first. `{key}` is the variable with the API key, `{url}` that
/// with the address.
const WORDS: [(&str, &str); 30] = [
    (
        "set a valid key with api-key or OVERSHOOT_API_KEY",
        "put a valid key into the environment variable {key} and start again",
    ),
    (
        "Set a valid key with api-key or OVERSHOOT_API_KEY",
        "Put a valid key into the environment variable {key} and start again",
    ),
    ("set api-url or OVERSHOOT_API_URL", "set {url}"),
    ("the property stats", "the metrics"),
    (", or set turn-servers (with the right password)", ""),
    (
        ", set turn-servers (with the right password), or raise timeout",
        "",
    ),
    (
        "; behind a strict firewall, set turn-servers (with the right password)",
        "",
    ),
    (", or set turn-servers", ""),
    (
        "webrtcbin rejected a server of turn-servers, or one that the service sent",
        "webrtcbin rejected a server that the service sent",
    ),
    (", or raise timeout", ""),
    (" and livekit-url (if it is set)", ""),
    (": check livekit-url (if it is set)", ""),
    (
        "check livekit-url (if it is set): it must be the address of a LiveKit server",
        "the service named an address that is not that of a LiveKit server",
    ),
    (
        ": if livekit-token is set, set it to a new one that allows to join the room and to publish",
        "",
    ),
    (
        ": if livekit-token is set, set it to one with canPublish (and, if it names canPublishSources, the camera among them)",
        "",
    ),
    (
        "; set livekit-token to a token with its own identity for each participant",
        "",
    ),
    (
        ", a smaller clip-length-seconds or a smaller max-output-tokens",
        ", or a smaller clip-length-seconds",
    ),
    (", or video-caps, max-width or max-height", ""),
    (", or list other codecs in video-caps", ""),
    ("; list other codecs in video-caps", ""),
    (": set video-caps to one of these", ""),
    (" for the codecs in video-caps", ""),
    (", or a larger drain-timeout", ""),
    (
        "set evidence-location to another one",
        "set folder of [cameras.trigger] to another one",
    ),
    (
        "set max-output-tokens to more than the model's default, or ",
        "",
    ),
    (
        "max-output-tokens is unset, so the limit is the maximum for this interval,",
        "the service's limit for this interval is",
    ),
    ("delay-seconds", "interval-seconds"),
    ("output-schema", "schema"),
    ("api-url", "{url}"),
    ("api-key", "the environment variable {key}"),
];

/// The text of a failure of a camera, with the place in the file if a field is the cause. `key`: the environment variable
/// with the API key.
pub fn explain(failure: &FailureMessage, camera: &Camera, key: &str) -> String {
    let text = translate(&failure.message, key);
    match failure.kind.as_str() {
        "invalid-settings" => match named_field(&text) {
            Some(field) => format!("{}: {text}", camera.place.of_field(field)),
            None => text,
        },
        _ => text,
    }
}

/// Also for the reason in a state message, which repeats the text of a failure.
pub fn translate(text: &str, key: &str) -> String {
    let quote = QUOTES.iter().filter_map(|quote| text.find(quote)).min();
    let (own, quoted) = text.split_at(quote.unwrap_or(text.len()));
    let own = WORDS
        .iter()
        .fold(own.to_owned(), |text, (from, to)| text.replace(from, to));
    own.replace("{key}", key).replace("{url}", URL_VARIABLE) + quoted
}

/// The field that a text is about. Words such as "name" and "url" are English, too, so they do not count.
fn named_field(text: &str) -> Option<&'static str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut words = text.split(|c| !is_part(c));
    words.find_map(|word| {
        let fields = FIELDS.iter().copied();
        let mut sure =
            fields.filter(|field| field.contains('-') || *field == "schema" || *field == "model");
        sure.find(|field| *field == word)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use gst::prelude::*;

    use super::*;
    use crate::config::Place;

    fn camera() -> Camera {
        let json = r#"{"name":"gate","url":"rtsp://127.0.0.1/","prompt":"?","mode":"clip","target-fps":1}"#;
        let mut camera: Camera = serde_json::from_str(json).expect("a camera");
        camera.place = Place {
            file: "cameras.toml".into(),
            line: 7,
            fields: [("target-fps".to_owned(), 12)].into(),
        };
        camera
    }

    fn failure(kind: &str, message: &str) -> FailureMessage {
        let mut failure = FailureMessage::default();
        failure.kind = kind.to_owned();
        failure.message = message.to_owned();
        failure
    }

    #[test]
    fn the_text_names_what_the_user_has() {
        for (kind, message, expected) in [
            (
                "not-authorized",
                "The API key was refused: set a valid key with api-key or OVERSHOOT_API_KEY. The service says: set api-key.",
                "The API key was refused: put a valid key into the environment variable GATE_KEY and start again. The service says: set api-key.",
            ),
            (
                "invalid-settings",
                "A clip of 0.1 s at 1 frames a second holds fewer than 3 frames: raise the rate to 30 or more with target-fps.",
                "cameras.toml, line 12, target-fps: A clip of 0.1 s at 1 frames a second holds fewer than 3 frames: raise the rate to 30 or more with target-fps.",
            ),
            (
                "invalid-settings",
                "delay-seconds is 90: API v0.2 takes 0.1 to 60.",
                "cameras.toml, line 7, interval-seconds: interval-seconds is 90: API v0.2 takes 0.1 to 60.",
            ),
            (
                "timeout",
                "The service did not create the stream in time: check the network and api-url, or raise timeout.",
                "The service did not create the stream in time: check the network and OVERSHOOT_API_URL.",
            ),
        ] {
            assert_eq!(
                explain(&failure(kind, message), &camera(), "GATE_KEY"),
                expected
            );
        }
    }

    /// Files of the element's properties that this program never sets.
    const OTHER_FILES: [&str; 12] = [
        "ask_when.rs",
        "evidence.rs",
        "fields.rs",
        "file_pattern.rs",
        "ice_servers.rs",
        "idle.rs",
        "transport.rs",
        "set_question.rs",
        "one_shot_questions.rs",
        "trigger.rs",
        "scene.rs",
        "encoded_scene.rs",
    ];

    /// Parts of sentences, which are translated as a whole.
    const PARTS: [&str; 2] = [
        "livekit-url (if it is set)",
        "set max-output-tokens to more than the model's default",
    ];

    /// The element's own messages, as they are in its source.
    fn messages(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in folder.read_dir().expect("the sources of the element") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                messages(&path, found);
            } else if name.ends_with(".rs")
                && !name.ends_with("tests.rs")
                && !OTHER_FILES.contains(&name.as_str())
            {
                let text = std::fs::read_to_string(&path).expect("readable");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                let code: Vec<_> = code
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//") && !line.contains("blurb"))
                    .collect();
                // Every second part is inside of double quotes.
                let code = code.join("\n").replace("\\\"", "'");
                let literals = code.split('"').skip(1).step_by(2);
                found.extend(
                    literals
                        .filter(|text| text.contains(' '))
                        .map(str::to_owned),
                );
            }
        }
    }

    #[test]
    fn no_message_of_the_element_names_a_property_that_the_user_does_not_have() {
        gst::init().expect("GStreamer starts");
        gstovershoot::plugin_register_static().expect("the plugin");
        let sink = gst::ElementFactory::make("overshootsink")
            .build()
            .expect("the element");
        let properties: BTreeSet<String> = sink
            .list_properties()
            .iter()
            .map(|property| property.name().to_owned())
            .filter(|name| name.contains('-') && !FIELDS.contains(&name.as_str()))
            .collect();
        assert!(properties.contains("api-key") && properties.contains("delay-seconds"));
        let mut found = BTreeSet::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
        for room in ["session", "sink"] {
            messages(&sources.join(room), &mut found);
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let named = |text: &str| {
            text.split(|c| !is_part(c))
                .map(str::to_owned)
                .find(|word| properties.contains(word))
        };
        let is_sentence = |text: &&String| text.split(' ').count() > 4;
        assert!(
            found
                .iter()
                .filter(is_sentence)
                .filter(|text| named(text).is_some())
                .count()
                > 20
        );
        // About properties that this program never sets.
        let unset = [
            "api-version",
            "ask-when",
            "drop-late-results",
            "fps=",
            "idle-timeout",
            "livekit-token is set",
            "livekit-url and",
            "livekit-url is",
            "livekit-url {",
            "max-output-tokens from",
            "max-output-tokens is {",
            "max-output-tokens is already",
            "output-schema-location",
            "questions needs",
            "sampling-ratio",
            "schema-mode",
            "stream-partial",
            "system-prompt",
            "temperature needs",
            "video-caps lists",
            "video-caps does",
            "last-result",
            "If only",
            "Frame if",
            "A clip of clip",
            "room of livekit",
            "that of livekit",
            "to skip the first",
        ];
        let left: Vec<_> = found
            .iter()
            .filter(is_sentence)
            .filter(|text| {
                !unset
                    .iter()
                    .any(|part| text.to_lowercase().contains(&part.to_lowercase()))
            })
            .map(|text| translate(text, "KEY"))
            .filter(|text| named(text).is_some() && !PARTS.contains(&text.as_str()))
            .collect();
        assert!(left.is_empty(), "translate these in WORDS: {left:#?}");
    }
}

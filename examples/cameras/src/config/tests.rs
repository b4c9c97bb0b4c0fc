// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

const CAMERA: &str = r#"
[[cameras]]
name = "gate"
url = "rtsp://admin:hunter%402@camera.example:8554/live?token=5ecret"
prompt = "Is the gate open?"
"#;

fn parse_error(text: &str) -> String {
    Settings::parse(text).expect_err(text).to_string()
}

#[test]
fn a_camera_needs_a_name_a_url_and_a_prompt() {
    let settings = Settings::parse(CAMERA).expect("it is valid");
    let camera = &settings.cameras[0];
    assert_eq!((camera.mode, camera.interval_seconds), (Mode::Frame, 1.0));
    assert_eq!(settings.turn_length(), Duration::from_secs(60));
}

#[test]
fn the_example_file_is_valid() {
    let text = include_str!("../../cameras.toml");
    let settings = Settings::parse(text).expect("it is valid");
    assert!(
        settings
            .cameras
            .iter()
            .any(|camera| camera.trigger.is_some())
    );
    // The fields in comments are valid, too.
    let all: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if code.starts_with('[') || code.contains(" = ") => code,
            _ => line,
        })
        .filter(|line| !line.contains("-env = ") && !line.starts_with("keys = "))
        .collect();
    let settings = Settings::parse(&all.join("\n")).expect("it is valid");
    assert!(settings.metrics.is_some() && settings.deliver.webhook.is_some());
}

#[test]
fn secrets_in_a_url_are_not_shown() {
    let settings = Settings::parse(CAMERA).expect("it is valid");
    let address = &settings.cameras[0].url;
    assert_eq!(address.password().as_deref(), Some("hunter@2"));
    assert_eq!(address.user().as_deref(), Some("admin"));
    let without = "rtsp://camera.example:8554/live?token=5ecret";
    assert_eq!(address.without_login(), without);
    assert_eq!(address.to_string(), "camera.example:8554");
    assert_eq!(format!("{address:?}"), "camera.example:8554");
    let redacted = address.redact(&format!("Not found: {without} hunter@2 (404)"));
    assert!(
        !redacted.contains("5ecret") && !redacted.contains("hunter"),
        "{redacted}"
    );
    assert!(redacted.contains("(404)"), "{redacted}");
}

#[test]
fn a_camera_is_a_url_a_device_or_a_file() {
    let url = |text: &str| CameraUrl::try_from(text.to_owned());
    for (text, uri, shown) in [
        ("rtsps://a:b@x/y?z", "rtsps://x/y?z", "x"),
        ("https://a:b@x:8443/y", "https://x:8443/y", "x:8443"),
        ("rtmp://x/live/key", "rtmp://x/live/key", "x"),
        (
            "srt://x:7001?passphrase=z",
            "srt://x:7001?passphrase=z",
            "x:7001",
        ),
        (
            "/videos/a b.mp4",
            "file:///videos/a%20b.mp4",
            "/videos/a b.mp4",
        ),
        ("file:///a.mp4", "file:///a.mp4", "/a.mp4"),
        ("v4l2:/dev/video0", "v4l2:/dev/video0", "/dev/video0"),
        ("v4l2:///dev/video0", "v4l2:///dev/video0", "/dev/video0"),
    ] {
        let url = url(text).expect(text);
        assert_eq!(
            (url.without_login(), url.to_string()),
            (uri.to_owned(), shown.to_owned())
        );
    }
    assert_eq!(
        url("v4l2:/dev/video0").expect("a device").device(),
        Some("/dev/video0")
    );
    let here = std::env::current_dir().expect("a folder").join("a.mp4");
    let file = url("./a.mp4").expect("a file");
    assert_eq!(file.to_string(), here.display().to_string());
    assert!(file.is_file());
    for text in [
        "",
        "camera",
        "x.mp4",
        "ftp://x/y",
        "file:",
        "v4l2:",
        "rtsp:",
        "http:///",
    ] {
        let error = url(text).expect_err(text);
        assert!(
            error.contains("rtsp://host/path") && error.contains("./"),
            "{error}"
        );
    }
}

#[test]
fn an_error_names_the_camera_and_the_field() {
    let two = format!("{CAMERA}\n[[cameras]]\nname = \"door\"\n");
    for (text, parts) in [
        (
            format!("{CAMERA}promt = \"x\""),
            ["line 6", "camera \"gate\"", "promt"],
        ),
        (
            format!("{CAMERA}interval-seconds = \"x\""),
            ["line 6", "camera \"gate\"", "f64"],
        ),
        (
            format!("{CAMERA}interval-seconds = 0.0"),
            ["camera \"gate\"", "interval-seconds", "0.1 to 60"],
        ),
        (two, ["line 7", "camera \"door\"", "url"]),
        (
            format!("{CAMERA}{CAMERA}"),
            ["camera \"gate\"", "name", "another camera"],
        ),
        (
            format!("{CAMERA}target-fps = 6"),
            ["camera \"gate\"", "target-fps", "mode = \"clip\""],
        ),
        (
            CAMERA.replace("gate\"", "the gate\""),
            ["camera \"the gate\"", "name", "digits"],
        ),
        (
            CAMERA.replace("Is the gate open?", " "),
            ["camera \"gate\"", "prompt", "empty"],
        ),
        (
            CAMERA.replace("rtsp:", "ftp:"),
            ["line 4", "camera \"gate\"", "rtsp://host/path"],
        ),
        (
            format!("{CAMERA}loop = true"),
            ["camera \"gate\"", "loop", "only files"],
        ),
        (
            format!("{CAMERA}mode = \"video\""),
            ["line 6", "camera \"gate\"", "frame"],
        ),
        (
            format!("{CAMERA}schema = \"{{\""),
            ["line 6", "camera \"gate\"", "schema is not valid JSON"],
        ),
        (
            "turn-seconds = 0".to_owned(),
            ["turn-seconds", "0 is out of range", "1 to 86400"],
        ),
        (
            "turn-second = 1".to_owned(),
            ["line 1", "turn-second", "turn-seconds"],
        ),
        (
            "[deliver.mqtt]\nurl = \"http://x\"".to_owned(),
            ["deliver.mqtt.url", "mqtt://", "mqtts://"],
        ),
        (
            "[deliver.webhook]\nurl = \"x\"".to_owned(),
            ["line 2", "the url", "invalid"],
        ),
        (
            "[deliver.webhook]\nurl = \"http://x\"\ntoken-env = \"NOT_SET_HERE\"".to_owned(),
            ["deliver.webhook.token-env", "NOT_SET_HERE", "export it"],
        ),
    ] {
        let error = parse_error(&text);
        for part in parts {
            assert!(error.contains(part), "no {part} in: {error}");
        }
        for secret in ["hunter", "5ecret"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn a_trigger_needs_a_condition_and_maybe_a_schema() {
    let trigger = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";
    let error = parse_error(&format!("{CAMERA}{trigger}"));
    assert!(
        error.contains("camera \"gate\"") && error.contains("set schema"),
        "{error}"
    );
    let schema = "schema = { type = \"object\" }\n";
    let right = format!("{CAMERA}{schema}{trigger}");
    Settings::parse(&right).expect("it is valid");
    let text = right.replace("{ type = \"object\" }", "'{\"type\": \"object\"}'");
    let settings = Settings::parse(&text).expect("it is valid");
    assert_eq!(
        settings.cameras[0].schema,
        Some(serde_json::json!({"type": "object"}))
    );
    let error = parse_error(&right.replace("==", "="));
    assert!(
        error.contains("/alert = true") && error.contains("operator"),
        "{error}"
    );
    // Words need no schema.
    let words = trigger.replace("/alert == true", "fire | smoke");
    Settings::parse(&format!("{CAMERA}{words}")).expect("it is valid");
}

#[test]
fn a_camera_is_the_same_after_json() {
    let schema = "schema = { type = \"object\" }\n";
    let trigger = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";
    let settings = Settings::parse(&format!("{CAMERA}{schema}{trigger}")).expect("it is valid");
    let camera = &settings.cameras[0];
    let json = serde_json::to_string(camera).expect("JSON");
    let same: Camera = serde_json::from_str(&json).expect("a camera");
    assert_eq!(format!("{same:?}"), format!("{camera:?}"));
    assert_eq!(same.url.password().as_deref(), Some("hunter@2"));
}

// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

const CAMERA: &str = r#"
[[cameras]]
name = "gate"
url = "rtsp://admin:hunter%402@camera.example:8554/live?token=5ecret"
prompt = "Is the gate open?"
"#;

fn parse(text: &str) -> Result<Settings, ConfigErrors> {
    Settings::parse(text, "cameras.toml", |_| None)
}

fn parse_error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn a_camera_needs_a_name_a_url_and_a_prompt() {
    let settings = parse(CAMERA).expect("it is valid");
    let camera = &settings.cameras[0];
    assert_eq!((camera.mode, camera.interval_seconds), (Mode::Frame, 1.0));
    assert_eq!(settings.turn_length(), Duration::from_secs(60));
}

#[test]
fn the_example_file_is_valid() {
    let text = include_str!("../../cameras.toml");
    let settings = parse(text).expect("it is valid");
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
    let settings = parse(&all.join("\n")).expect("it is valid");
    assert!(settings.metrics.is_some() && settings.deliver.webhook.is_some());
}

#[test]
fn secrets_in_a_url_are_not_shown() {
    let settings = parse(CAMERA).expect("it is valid");
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
            ["line 6", "interval-seconds", "a number"],
        ),
        (
            format!("{CAMERA}interval-seconds = 0.0"),
            ["line 6, camera \"gate\"", "interval-seconds", "0.1 to 60"],
        ),
        (
            two,
            [
                "line 7, camera \"door\"",
                "url: the field is missing",
                "prompt: the field",
            ],
        ),
        (
            format!("{CAMERA}{CAMERA}"),
            ["line 8, camera \"gate\"", "name", "another camera"],
        ),
        (
            format!("{CAMERA}target-fps = 6"),
            ["line 6, camera \"gate\"", "target-fps", "mode = \"clip\""],
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
            ["line 1, turn-seconds", "0 is out of range", "1 to 86400"],
        ),
        (
            "turn-second = 1".to_owned(),
            ["line 1", "turn-second", "turn-seconds"],
        ),
        (
            "[deliver.mqtt]\nurl = \"http://x\"".to_owned(),
            ["line 2, deliver.mqtt.url", "mqtt://", "mqtts://"],
        ),
        (
            "[deliver.webhook]\nurl = \"x\"".to_owned(),
            ["line 2", "the url", "invalid"],
        ),
        (
            "[deliver.mqtt]\nurl = \"mqtt://192.0.2.300\"".to_owned(),
            ["line 2", "deliver.mqtt.url", "IPv4 address"],
        ),
        (
            CAMERA.replace("camera.example:8554", "camera.example:85540"),
            ["line 4", "url", "invalid port number"],
        ),
        (
            CAMERA.replace("camera.example:8554", "camera.example:0"),
            ["line 4", "url", "the port 0"],
        ),
        (
            CAMERA.replace("camera.example", "192.0.2"),
            ["line 4", "url", "IPv4 address"],
        ),
        (
            "metrics = \"localhost:1\"".to_owned(),
            ["line 1", "metrics", "an IP address and a port"],
        ),
        ("keys = \"5ecret\"".to_owned(), ["line 1", "keys", "a list"]),
        (
            format!("{CAMERA}keys = [\"A\"]"),
            [
                "line 6",
                "`keys` is for all cameras",
                "above the first header",
            ],
        ),
        (
            "name = \"gate\"".to_owned(),
            [
                "line 1",
                "`name` is a field of a camera",
                "below a [[cameras]]",
            ],
        ),
        (
            "[cameras]\nname = \"gate\"".to_owned(),
            ["line 1", "[[cameras]]", "two brackets"],
        ),
        (format!("{CAMERA}= 1"), ["line 6", "not TOML", ""]),
        (
            format!("{CAMERA}{SCHEMA}interval-seconds = 5"),
            [
                "line 9, camera \"gate\", schema.interval-seconds",
                "belongs to the schema",
                "above [cameras.schema]",
            ],
        ),
        (
            format!("{CAMERA}{SCHEMA}{TRIGGER}model = \"m\""),
            [
                "line 12, camera \"gate\"",
                "`model` is a field of the camera",
                "above [cameras.trigger]",
            ],
        ),
        (
            format!("{CAMERA}{SCHEMA}{}", TRIGGER.replace("/alert", "/allert")),
            [
                "line 10, camera \"gate\", trigger.when",
                "no property allert",
                "(alert)",
            ],
        ),
        (
            format!("{CAMERA}{SCHEMA}[cameras.trigger]\nfolder = \"/tmp\""),
            [
                "line 9, camera \"gate\", trigger",
                "missing field `when`",
                "add it",
            ],
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

const SCHEMA: &str = "[cameras.schema]\ntype = \"object\"\nproperties.alert.type = \"boolean\"\n";
const TRIGGER: &str = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";

#[test]
fn all_errors_are_found_at_once() {
    let text = format!(
        "turn-seconds = 0\nmetrics = 9464\n{}interval-seconds = \"x\"\nmode = \"video\"\ntarget-fps = 90\n\
         promt = \"?\"\n{SCHEMA}{}\n[[cameras]]\nname = \"door\"\n{}",
        CAMERA.replace("rtsp:", "ftp:"),
        TRIGGER.replace("true", "yes") + "answers = -1",
        CAMERA.replace("gate\"", "the gate\""),
    );
    let error = parse_error(&text);
    let lines: Vec<_> = error.lines().map(str::trim).collect();
    let expected = [
        "cameras.toml: 12 errors:",
        "line 1, turn-seconds: 0 is out",
        "line 2, metrics: ",
        "line 6, camera \"gate\", url: this is not the url",
        "line 8, camera \"gate\", interval-seconds: write a number",
        "line 9, camera \"gate\", mode: unknown variant",
        "line 10, camera \"gate\", target-fps: 90 is out of range",
        "line 11, camera \"gate\": unknown field `promt`",
        "line 16, camera \"gate\", trigger.when: the condition `/alert == yes`",
        "line 18, camera \"gate\", trigger.answers: write a whole number",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{expected}: {error}");
    }
    assert!(
        error.contains("camera \"door\", url: the field is missing"),
        "{error}"
    );
}

#[test]
fn a_folder_that_is_missing_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = |folder: &str| format!("{CAMERA}{SCHEMA}{}", TRIGGER.replace("/tmp", folder));
    std::fs::write(path("file"), "").expect("written");
    let read = |text: &str| Settings::parse(text, "cameras.toml", Camera::check_folder);
    read(&text(&path(""))).expect("the folder is there");
    assert_eq!(folder.path().read_dir().expect("it").count(), 1);
    for (name, why) in [("missing", "create this folder"), ("file", "is a file")] {
        let error = read(&text(&path(name)))
            .expect_err("it is not there")
            .to_string();
        assert!(error.contains(why), "{error}");
        assert!(
            error.contains("line 11, camera \"gate\", trigger.folder"),
            "{error}"
        );
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
    parse(&right).expect("it is valid");
    let text = right.replace("{ type = \"object\" }", "'{\"type\": \"object\"}'");
    let settings = parse(&text).expect("it is valid");
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
    parse(&format!("{CAMERA}{words}")).expect("it is valid");
}

#[test]
fn a_camera_is_the_same_after_json() {
    let schema = "schema = { type = \"object\" }\n";
    let trigger = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";
    let settings = parse(&format!("{CAMERA}{schema}{trigger}")).expect("it is valid");
    let camera = &settings.cameras[0];
    let json = serde_json::to_string(camera).expect("JSON");
    let same: Camera = serde_json::from_str(&json).expect("a camera");
    assert!(same.is_same(camera), "{same:?}");
    assert_eq!(same.url.password().as_deref(), Some("hunter@2"));
}

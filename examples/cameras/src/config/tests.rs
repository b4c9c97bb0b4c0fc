use super::*;

const CAMERA: &str = r#"
[[cameras]]
name = "gate"
url = "rtsp://admin:hunter%402@camera.example:8554/live?token=5ecret"
prompt = "Is the gate open?"
"#;

fn wrong(text: &str) -> String {
    Settings::parse(text).expect_err(text).to_string()
}

#[test]
fn a_camera_needs_little() {
    let settings = Settings::parse(CAMERA).expect("it is right");
    let camera = &settings.cameras[0];
    assert_eq!((camera.mode, camera.interval_seconds), (Mode::Frame, 1.0));
    assert_eq!(settings.turn(), Duration::from_secs(60));
}

#[test]
fn the_example_is_right() {
    let text = include_str!("../../cameras.toml");
    let settings = Settings::parse(text).expect("it is right");
    assert!(
        settings
            .cameras
            .iter()
            .any(|camera| camera.trigger.is_some())
    );
    // What stands in it as a comment is right, too.
    let all: Vec<_> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(code) if code.starts_with('[') || code.contains(" = ") => code,
            _ => line,
        })
        .filter(|line| !line.contains("-env = ") && !line.starts_with("keys = "))
        .collect();
    let settings = Settings::parse(&all.join("\n")).expect("it is right");
    assert!(settings.metrics.is_some() && settings.deliver.webhook.is_some());
}

#[test]
fn secrets_of_an_address_stay_in_it() {
    let settings = Settings::parse(CAMERA).expect("it is right");
    let address = &settings.cameras[0].url;
    assert_eq!(address.password().as_deref(), Some("hunter@2"));
    assert_eq!(address.user().as_deref(), Some("admin"));
    let without = "rtsp://camera.example:8554/live?token=5ecret";
    assert_eq!(address.without_login(), without);
    assert_eq!(address.to_string(), "camera.example:8554");
    assert_eq!(format!("{address:?}"), "camera.example:8554");
    let told = address.redact(&format!("Not found: {without} hunter@2 (404)"));
    assert!(
        !told.contains("5ecret") && !told.contains("hunter"),
        "{told}"
    );
    assert!(told.contains("(404)"), "{told}");
}

#[test]
fn what_is_wrong_is_named_with_its_camera_and_field() {
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
            CAMERA.replace("rtsp:", "http:"),
            ["line 4", "camera \"gate\"", "rtsp://host/path"],
        ),
        (
            format!("{CAMERA}mode = \"video\""),
            ["line 6", "camera \"gate\"", "frame"],
        ),
        (
            format!("{CAMERA}schema = \"{{\""),
            ["line 6", "camera \"gate\"", "schema is no JSON"],
        ),
        (
            "turn-seconds = 0".to_owned(),
            ["turn-seconds", "0 is not", "1 to 86400"],
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
            ["line 2", "the url", "none"],
        ),
        (
            "[deliver.webhook]\nurl = \"http://x\"\ntoken-env = \"NOT_SET_HERE\"".to_owned(),
            ["deliver.webhook.token-env", "NOT_SET_HERE", "export it"],
        ),
    ] {
        let told = wrong(&text);
        for part in parts {
            assert!(told.contains(part), "no {part} in: {told}");
        }
        for secret in ["hunter", "5ecret"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn a_trigger_needs_a_schema_and_a_condition() {
    let trigger = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";
    let told = wrong(&format!("{CAMERA}{trigger}"));
    assert!(
        told.contains("camera \"gate\"") && told.contains("set schema"),
        "{told}"
    );
    let schema = "schema = { type = \"object\" }\n";
    let right = format!("{CAMERA}{schema}{trigger}");
    Settings::parse(&right).expect("it is right");
    let text = right.replace("{ type = \"object\" }", "'{\"type\": \"object\"}'");
    let settings = Settings::parse(&text).expect("it is right");
    assert_eq!(
        settings.cameras[0].schema,
        Some(serde_json::json!({"type": "object"}))
    );
    let told = wrong(&right.replace("==", "="));
    assert!(
        told.contains("/alert = true") && told.contains("operator"),
        "{told}"
    );
}

#[test]
fn a_camera_survives_its_way_through_the_queue() {
    let schema = "schema = { type = \"object\" }\n";
    let trigger = "[cameras.trigger]\nwhen = \"/alert == true\"\nfolder = \"/tmp\"\n";
    let settings = Settings::parse(&format!("{CAMERA}{schema}{trigger}")).expect("it is right");
    let camera = &settings.cameras[0];
    let json = serde_json::to_string(camera).expect("JSON");
    let same: Camera = serde_json::from_str(&json).expect("a camera");
    assert_eq!(format!("{same:?}"), format!("{camera:?}"));
    assert_eq!(same.url.password().as_deref(), Some("hunter@2"));
}

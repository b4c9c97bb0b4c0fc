// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

const KEY: (&str, &str) = ("OVERSHOOT_API_KEY", "secret-key");

fn read_as(emulator: bool, set: &[(&str, &str)]) -> Result<Environment, String> {
    let variables = set.iter().map(|(name, value)| (name.into(), value.into()));
    Environment::read(emulator, variables)
}

fn read(set: &[(&str, &str)]) -> Result<Environment, String> {
    read_as(false, set)
}

fn service(environment: &Environment) -> &Service {
    match &environment.config.answerer {
        Answerer::Service(service) => service,
        Answerer::Emulator => panic!("the emulator was not asked for"),
    }
}

#[test]
fn only_the_key_is_needed() {
    let environment = read(&[KEY]).expect("the key is enough");
    assert_eq!(
        (environment.host.as_str(), environment.port),
        ("127.0.0.1", 8000)
    );
    assert_eq!(service(&environment).url, None);
    assert!(environment.config.allowed_hosts.is_empty());
    assert!(environment.notes.is_empty());
}

#[test]
fn nobody_answers_without_a_key() {
    for set in [vec![], vec![("OVERSHOOT_API_KEY", " ")]] {
        let error = read(&set).expect_err("nobody answers");
        assert!(error.contains("--emulator") && error.contains("Set it to your key"));
    }
    // A typing error in the name.
    let error = read(&[("OVERSHOOT_APIKEY", "secret-key")]).expect_err("nobody answers");
    assert!(!error.contains("secret-key"), "{error}");
}

#[test]
fn the_emulator_answers_if_it_is_asked_for() {
    let environment = read_as(true, &[]).expect("nothing is needed");
    assert!(matches!(environment.config.answerer, Answerer::Emulator));
    let environment = read_as(true, &[KEY]).expect("the key is not used");
    assert!(matches!(environment.config.answerer, Answerer::Emulator));
    assert!(environment.notes[0].contains("OVERSHOOT_API_KEY is set but not used"));
}

#[test]
fn an_address_is_never_ignored() {
    let url = ("OVERSHOOT_API_URL", "https://example.org/v1");
    let error = read(&[url, ("OVERSHOOT_API_KEY", "")]).expect_err("no key");
    assert!(error.contains("Set OVERSHOOT_API_KEY to a key of that service"));
    let error = read_as(true, &[url]).expect_err("both");
    assert!(error.contains("exclude each other"), "{error}");
}

#[test]
fn the_key_is_not_shown() {
    let environment = read(&[
        ("OVERSHOOT_API_KEY", " secret-key "),
        ("OVERSHOOT_API_URL", "https://example.org/v1"),
    ])
    .expect("both are fine");
    let asked = service(&environment);
    assert_eq!(asked.key, "secret-key");
    assert_eq!(asked.url.as_deref(), Some("https://example.org/v1"));
    assert!(!format!("{environment:?}").contains("secret-key"));
}

#[test]
fn one_error_names_everything_that_is_wrong() {
    let error = read(&[
        ("OVERSHOOT_API_KEY", "\"secret-key\""),
        ("OVERSHOOT_API_URL", "https://me:password@example.org/v1"),
        ("BACKEND_PORT", "80000"),
        ("BACKEND_HOST", "http://kiosk"),
        (
            "BACKEND_ALLOWED_HOSTS",
            "app.example.com, https://b.example, *",
        ),
    ])
    .expect_err("all are wrong");
    for expected in [
        "6 settings are wrong:\n- ",
        "OVERSHOOT_API_KEY contains quotes",
        "OVERSHOOT_API_URL contains a user name or a password",
        "BACKEND_PORT=80000",
        "BACKEND_HOST=http://kiosk",
        "contains https://b.example,",
        "contains *,",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(!error.contains("secret-key") && !error.contains("password@"));
}

#[test]
fn addresses_of_the_api_are_checked() {
    for wrong in [
        "example.org/v1",
        "ftp://example.org/v1",
        "https://",
        "https://example.org/v1?key=1",
        "https://example.org/v1#top",
    ] {
        let error = read(&[KEY, ("OVERSHOOT_API_URL", wrong)]).expect_err(wrong);
        assert!(error.starts_with("OVERSHOOT_API_URL "), "{error}");
    }
}

#[test]
fn the_allowed_hosts_include_the_own_host() {
    let environment = read(&[
        KEY,
        ("BACKEND_HOST", "Kiosk"),
        ("BACKEND_ALLOWED_HOSTS", "app.example.com, , Other"),
    ])
    .expect("all fine");
    assert_eq!(
        environment.config.allowed_hosts,
        ["app.example.com", "other", "kiosk"]
    );
}

#[test]
fn an_unknown_variable_is_noted() {
    let environment = read(&[KEY, ("BACKEND_PASWORD", "x")]).expect("it has no effect");
    assert!(environment.notes[0].starts_with("BACKEND_PASWORD is not a setting"));
}

#[test]
fn origins_are_listed_as_browsers_send_them() {
    let read = |text: &str| read(&[KEY, ("BACKEND_CORS_ORIGINS", text)]);
    let expected = ["https://app.example.com", "http://localhost:3000"];
    for text in [
        "https://App.example.com/, http://localhost:3000",
        r#"["https://app.example.com", "http://localhost:3000"]"#,
    ] {
        assert_eq!(read(text).expect(text).config.cors_origins, expected);
    }
    for wrong in [
        "*",
        "app.example.com",
        "https://app.example.com/page",
        "ftp://a.example",
        "http://a.example:80",
    ] {
        let error = read(wrong).expect_err(wrong);
        assert!(error.contains("which is not an origin"), "{error}");
    }
}

#[test]
fn hosts_of_sources_are_listed() {
    let read = |text: &str| {
        let read = read(&[KEY, ("BACKEND_SOURCE_HOSTS", text)]);
        read.map(|environment| environment.config.source_hosts)
    };
    for (text, listed, public) in [
        ("", vec![], true),
        ("*", vec![], true),
        ("none", vec![], false),
        (
            "Camera.lan, 10.0.0.7,fd00::1",
            vec!["camera.lan", "10.0.0.7", "fd00::1"],
            false,
        ),
        ("*,camera.lan", vec!["camera.lan"], true),
    ] {
        let hosts = read(text).expect(text);
        assert_eq!(
            (hosts.listed, hosts.public),
            (listed.into_iter().map(str::to_owned).collect(), public)
        );
    }
    let error = read("rtsp://camera.lan").expect_err("a URL");
    assert!(error.contains("which is not a host"), "{error}");
}

#[test]
fn the_password_is_checked_and_not_shown() {
    let error = read(&[KEY, ("BACKEND_PASSWORD", "secret")]).expect_err("too short");
    assert!(
        error.contains("fewer than 8 characters") && !error.contains("secret"),
        "{error}"
    );
    let environment = read(&[KEY, ("BACKEND_PASSWORD", "long secret")]).expect("fine");
    assert!(environment.config.password.is_some());
    assert!(!format!("{environment:?}").contains("secret"));
}

#[test]
fn an_open_server_without_a_password_is_noted() {
    let everywhere = ("BACKEND_HOST", "0.0.0.0");
    let environment = read(&[KEY, everywhere]).expect("fine");
    assert!(environment.notes[0].contains("Set BACKEND_PASSWORD"));
    let environment = read(&[KEY, everywhere, ("BACKEND_PASSWORD", "long secret")]).expect("fine");
    assert!(environment.notes.is_empty());
}

#[test]
fn answers_stay_in_the_folder_for_the_state_of_programs() {
    let folder = |set: &[(&str, &str)]| {
        let set: Vec<_> = set.iter().chain([&KEY]).copied().collect();
        let folder = read(&set).expect("the key is enough").config.answers_folder;
        folder.map(|folder| folder.display().to_string())
    };
    let home = ("HOME", "/home/kiosk");
    let of = |text: &str| Some(text.to_owned());
    assert_eq!(
        folder(&[home]),
        of("/home/kiosk/.local/state/overshoot-webapp")
    );
    let state = ("XDG_STATE_HOME", "/var/lib");
    assert_eq!(folder(&[home, state]), of("/var/lib/overshoot-webapp"));
    let own = ("BACKEND_ANSWERS_FOLDER", "/data/answers");
    assert_eq!(folder(&[home, own]), of("/data/answers"));
    assert_eq!(folder(&[home, ("BACKEND_ANSWERS_FOLDER", "none")]), None);
    assert_eq!(folder(&[("HOME", "")]), None);
}

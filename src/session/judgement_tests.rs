// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which judgement each status gets.

use super::*;

const JSON: &str = r#"{"detail":"no"}"#;
const PAGE: &str = "<html><h1>403 Forbidden</h1></html>";

fn refusal(stage: Stage, status: u16, body: &str, worked: bool) -> Refusal {
    Refusal {
        stage,
        status,
        speaker: Speaker::of(body),
        worked,
        names_region: false,
    }
}

#[test]
fn the_service_speaks_json_of_its_own_form() {
    for body in [
        JSON,
        r#"{"error":"x","request_id":"r"}"#,
        r#"{"message":"x"}"#,
        r#"{"detail":{"error":{"message":"x"}}}"#,
        "\u{feff}{\"error\":{\"message\":\"x\"}}",
    ] {
        assert_eq!(Speaker::of(body), Speaker::Service, "{body}");
    }
    for body in [
        "",
        " \n",
        PAGE,
        "404 page not found",
        "{}",
        "[1]",
        "7",
        "{\"err",
        "null",
    ] {
        assert_eq!(Speaker::of(body), Speaker::OnTheWay, "{body}");
    }
}

/// Status, then the kind and whether a retry can help: of the service on a stream, of the service at a first
/// creation, of something on the way at a first creation. On a stream, and after a first stream, something
/// on the way is never final.
#[test]
fn each_status_is_judged_by_who_says_it() {
    use Kind::{
        Busy, InvalidSettings, Network, NotAuthorized, NotFound, OutOfCredits, Protocol, Server,
        Timeout,
    };
    let rows = [
        (302, (Protocol, true), (Protocol, false), (Protocol, false)),
        (200, (Protocol, true), (Protocol, false), (Protocol, false)),
        (
            400,
            (InvalidSettings, false),
            (InvalidSettings, false),
            (InvalidSettings, false),
        ),
        (
            401,
            (NotAuthorized, false),
            (NotAuthorized, false),
            (NotAuthorized, false),
        ),
        (
            402,
            (OutOfCredits, false),
            (OutOfCredits, false),
            (OutOfCredits, false),
        ),
        (
            403,
            (NotAuthorized, false),
            (NotAuthorized, false),
            (Network, true),
        ),
        (404, (NotFound, true), (NotFound, false), (NotFound, true)),
        (408, (Timeout, true), (Timeout, true), (Network, true)),
        (409, (Busy, true), (Busy, true), (Network, true)),
        (410, (NotFound, true), (NotFound, false), (NotFound, true)),
        (
            413,
            (InvalidSettings, false),
            (InvalidSettings, false),
            (InvalidSettings, false),
        ),
        (421, (Server, true), (Server, true), (Network, true)),
        (
            422,
            (InvalidSettings, false),
            (InvalidSettings, false),
            (InvalidSettings, false),
        ),
        (425, (Server, true), (Server, true), (Network, true)),
        (429, (Busy, true), (Busy, true), (Busy, true)),
        (
            451,
            (InvalidSettings, false),
            (InvalidSettings, false),
            (Network, true),
        ),
        (499, (Server, true), (Server, true), (Network, true)),
        (500, (Server, true), (Server, true), (Server, true)),
        (503, (Server, true), (Server, true), (Server, true)),
        (520, (Server, true), (Server, true), (Server, true)),
        (530, (Server, true), (Server, true), (Server, true)),
    ];
    for (status, on_stream, first, first_page) in rows {
        for stage in [
            Stage::Keepalive,
            Stage::Prompt,
            Stage::Socket,
            Stage::Status,
            Stage::Ask,
            Stage::Delete,
            Stage::Feedback,
        ] {
            let judged = refusal(stage, status, JSON, false).judge();
            assert_eq!(judged, on_stream, "{status} {stage:?}");
            for body in ["", PAGE] {
                let (kind, retryable) = refusal(stage, status, body, false).judge();
                assert!(retryable, "{status} {stage:?} {body}");
                assert_ne!(kind, NotFound, "{status} {stage:?} {body}");
            }
        }
        for stage in [Stage::Create, Stage::Models] {
            let judged = |body, worked| refusal(stage, status, body, worked).judge();
            assert_eq!(judged(JSON, false), first, "{status} {stage:?}");
            assert_eq!(judged(PAGE, false), first_page, "{status} {stage:?}");
            assert!(judged(PAGE, true).1, "{status} {stage:?}");
            assert_eq!(judged(JSON, true), on_stream, "{status} {stage:?}");
        }
    }
    let region = Refusal {
        names_region: true,
        ..refusal(Stage::Create, 409, JSON, false)
    };
    assert_eq!(region.judge(), (InvalidSettings, false));
}

#[test]
fn what_was_not_taken_can_be_repeated() {
    for (status, of_service, of_others) in [
        (401, false, true),
        (403, false, true),
        (404, false, true),
        (409, true, true),
        (429, false, true),
        (500, false, false),
        (501, false, false),
        (502, true, true),
        (503, true, true),
        (505, false, false),
        (520, true, true),
        (530, true, true),
        (200, false, false),
        (302, false, false),
    ] {
        assert_eq!(
            was_not_taken(status, Speaker::Service),
            of_service,
            "{status}"
        );
        assert_eq!(
            was_not_taken(status, Speaker::OnTheWay),
            of_others,
            "{status}"
        );
    }
}

#[test]
fn the_words_name_who_answered() {
    let words = |stage, status, body: &str, worked| {
        refusal(stage, status, body, worked).words(Api::V1, &response(status, body))
    };
    for (status, stage) in [
        (403, Stage::Keepalive),
        (404, Stage::Ask),
        (403, Stage::Create),
    ] {
        let said = words(stage, status, PAGE, false);
        assert!(
            said.starts_with("Something between here and the service"),
            "{said}"
        );
        assert!(
            said.contains(&format!("with a page (HTTP {status}")),
            "{said}"
        );
        assert!(!said.contains("api-key"), "{said}");
        assert_eq!(said.contains("api-url"), stage == Stage::Create, "{said}");
    }
    assert!(words(Stage::Create, 404, PAGE, false).contains("api-url"));
    assert!(!words(Stage::Create, 404, PAGE, true).contains("api-url"));
    assert!(words(Stage::Create, 404, JSON, false).contains("There is no API v1"));
    assert!(words(Stage::Keepalive, 410, JSON, false).contains("no longer knows the stream"));
    assert!(words(Stage::Ask, 403, JSON, false).contains("api-key"));
    assert!(words(Stage::Create, 521, PAGE, false).contains("restarting"));
}

fn response(status: u16, body: &str) -> ErrorResponse {
    ErrorResponse {
        status,
        body: body.to_owned(),
        ..ErrorResponse::default()
    }
}

#[test]
fn any_body_is_accepted() {
    let json = r#"{"error":"x","message":"too long","request_id":"r1","details":null}"#;
    let error = Error::from_response(Api::V02, Stage::Create, &response(422, json), false);
    assert!(
        error.message.ends_with(" The service says: too long."),
        "{error}"
    );
    assert_eq!(error.request_id.as_deref(), Some("r1"));
    assert_eq!(error.status_code, Some(422));
    for body in ["", "<html>502</html>", "[1]", "{\"message\": 3}", "{\"mess"] {
        let error = Error::from_response(Api::V02, Stage::Create, &response(502, body), false);
        assert_eq!(error.request_id, None);
        assert!(!error.message.contains("html"), "{error}");
        assert!(error.retryable() && error.was_not_taken(), "{error}");
    }
}

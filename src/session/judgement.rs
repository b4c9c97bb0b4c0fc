// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an HTTP status means. That depends on who says it, on what worked before, and on the stage: a 404 of
//! the service means that the stream is gone, a 404 of a load balancer means that the service is restarting.

use serde_json::Value;

use super::api_version::Api;
use super::error::{Error, Kind, Speaker, Stage, into_sentence};
use super::error_body::ErrorBody;
use super::error_response::ErrorResponse;

/// The members that the service's errors have; see [`super::error_body`].
const ERROR_MEMBERS: [&str; 6] = ["error", "message", "detail", "details", "errors", "msg"];

impl Speaker {
    /// The service's errors are JSON. Others send a page, a text or nothing.
    pub fn of(body: &str) -> Self {
        let body = body.trim_start_matches('\u{feff}');
        match serde_json::from_str(body) {
            Ok(Value::Object(members))
                if ERROR_MEMBERS.iter().any(|name| members.contains_key(*name)) =>
            {
                Speaker::Service
            }
            _ => Speaker::OnTheWay,
        }
    }
}

/// A response that is not a success, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub stage: Stage,
    pub status: u16,
    pub speaker: Speaker,
    /// The same key and address have created a stream in this run.
    pub worked: bool,
    /// The service names another region.
    pub names_region: bool,
}

impl Refusal {
    /// The kind of the error, and whether the same request can succeed later.
    pub fn judge(&self) -> (Kind, bool) {
        let worked = self.has_worked();
        match (self.status, self.speaker) {
            (200..=399, _) => (Kind::Protocol, worked),
            (429, _) => (Kind::Busy, true),
            (500.., _) => (Kind::Server, true),
            (401 | 403, Speaker::Service) => (Kind::NotAuthorized, false),
            (402, Speaker::Service) => (Kind::OutOfCredits, false),
            // A new stream can replace one that is gone. Nothing can replace an API that was never there.
            (404 | 410, Speaker::Service) => (Kind::NotFound, worked),
            (408, Speaker::Service) => (Kind::Timeout, true),
            (409, Speaker::Service) if !self.names_region => (Kind::Busy, true),
            (421 | 425 | 499, Speaker::Service) => (Kind::Server, true),
            (_, Speaker::Service) => (Kind::InvalidSettings, false),
            // Neither the key nor the address can be wrong.
            (_, Speaker::OnTheWay) if worked => (Kind::Network, true),
            (401, Speaker::OnTheWay) => (Kind::NotAuthorized, false),
            (402, Speaker::OnTheWay) => (Kind::OutOfCredits, false),
            (404 | 410, Speaker::OnTheWay) => (Kind::NotFound, true),
            // These are about the request itself.
            (400 | 405 | 406 | 411..=417 | 422 | 426 | 428 | 431, Speaker::OnTheWay) => {
                (Kind::InvalidSettings, false)
            }
            (_, Speaker::OnTheWay) => (Kind::Network, true),
        }
    }

    /// A call on a stream uses the key and the address that have just created it. A LiveKit room has its own.
    fn has_worked(&self) -> bool {
        self.worked || (self.stage.is_on_stream() && self.stage != Stage::Room)
    }

    /// What happened and what to change.
    pub fn words(&self, api: Api, response: &ErrorResponse) -> String {
        match self.speaker {
            Speaker::OnTheWay if self.status >= 400 => self.words_about_the_way(api, response),
            _ => self.words_about_the_service(api),
        }
    }

    fn words_about_the_way(&self, api: Api, response: &ErrorResponse) -> String {
        let api = api.name();
        let advice = match (self.status, self.judge().0) {
            (429, _) => "Requests come too often: try again later.".to_owned(),
            (500.., _) => "The service may be restarting.".to_owned(),
            (_, Kind::Network) if self.has_worked() => {
                "The same key and address worked before, so this usually passes. If it lasts, check the network.".to_owned()
            }
            (_, Kind::NotAuthorized) => format!("Set a valid key with api-key or OVERSHOOT_API_KEY. If the key is valid, set api-url to the full address of an API {api}, with its path."),
            (_, Kind::OutOfCredits) => "If it is about the account, top it up. Otherwise check the network and api-url.".to_owned(),
            _ => format!("If this lasts, check the network (a firewall, a proxy, a sign-in page), and set api-url to the full address of an API {api}, with its path."),
        };
        format!(
            "Something between here and the service answered {} (HTTP {}{}, {}). {advice}",
            response.form(),
            self.status,
            response.origin(),
            self.stage.name()
        )
    }

    fn words_about_the_service(&self, api: Api) -> String {
        let (status, stage, api) = (self.status, self.stage.name(), api.name());
        match status {
            401 | 403 => "The API key was refused: set a valid key with api-key or OVERSHOOT_API_KEY.".to_owned(),
            402 => "The account is out of credits: top it up and start again.".to_owned(),
            404 | 410 if self.stage.is_on_stream() => {
                format!("The service no longer knows the stream (HTTP {status}, {stage}).")
            }
            404 | 410 if self.worked => {
                format!("The service no longer knows a call that worked before (HTTP {status}, {stage}).")
            }
            404 | 410 => format!("There is no API {api} at this address, or no longer (HTTP {status}): set api-url to the full address of an API {api}, with its path."),
            409 if !self.names_region => {
                format!("The request conflicts with another one (HTTP 409, {stage}): try again later.")
            }
            408 | 421 | 425 | 499 => {
                format!("The service did not process the request (HTTP {status}, {stage}).")
            }
            429 => "The service is busy or this key has too many streams (HTTP 429): stop another stream or try again later.".to_owned(),
            300..=399 => format!("The address redirects elsewhere (HTTP {status}): set api-url to the final address. Redirects are not followed, so that the API key stays with the host it was given for."),
            // Something on the way answered a WebSocket handshake with a page.
            200..=299 => format!("The service's answer can't be understood (HTTP {status}, {stage}): check that api-url is the {api} API."),
            500.. => format!("The service failed (HTTP {status}, {stage})."),
            _ => format!("The service refused the request (HTTP {status}, {stage})."),
        }
    }
}

impl Error {
    /// From an HTTP response that is not a success. `worked`: the same key and address have created a stream in
    /// this run.
    pub fn from_response(api: Api, stage: Stage, response: &ErrorResponse, worked: bool) -> Self {
        let body = ErrorBody::parse(&response.body);
        let refusal = Refusal {
            stage,
            status: response.status,
            speaker: Speaker::of(&response.body),
            worked,
            names_region: body.region.is_some(),
        };
        let who = match refusal.speaker {
            Speaker::Service => "The service",
            Speaker::OnTheWay => "It",
        };
        let said = body
            .message
            .map(|message| format!(" {who} says: {}", into_sentence(message)))
            .unwrap_or_default();
        let (kind, may_pass) = refusal.judge();
        Self {
            may_pass,
            speaker: Some(refusal.speaker),
            status_code: Some(response.status),
            request_id: body.request_id,
            retry_after: response.retry_after,
            code: body.code,
            region: body
                .region
                .filter(|_| response.status == 409)
                .map(String::into_boxed_str),
            ..Self::new(kind, stage, refusal.words(api, response) + &said)
        }
    }

    /// Whether the service has not processed the request, so that even a creation can be repeated.
    pub fn was_not_taken(&self) -> bool {
        let answered = self.status_code.zip(self.speaker);
        self.unreached || answered.is_some_and(|(status, speaker)| was_not_taken(status, speaker))
    }
}

/// Load balancers send 502 to 504 and 520 to 530 while the service restarts. It may have created a stream just
/// before; that one ends with its lease.
fn was_not_taken(status: u16, speaker: Speaker) -> bool {
    match speaker {
        _ if matches!(status, 502..=504 | 520..=530) => true,
        Speaker::OnTheWay => (400..=499).contains(&status),
        Speaker::Service => matches!(status, 408 | 409 | 421 | 425 | 499),
    }
}

#[cfg(test)]
mod tests {
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
            Busy, InvalidSettings, Network, NotAuthorized, NotFound, OutOfCredits, Protocol,
            Server, Timeout,
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
}

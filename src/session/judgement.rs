// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an HTTP status means. That depends on who says it, on what worked before, and on the stage: a 404 of
//! the service means that the stream is gone, a 404 of a load balancer means that the service is restarting.

use serde_json::Value;

use super::api_version::Api;
use super::error::{Error, Kind, Speaker, Stage, into_sentence};
use super::error_body::ErrorBody;
use super::error_response::ErrorResponse;
use super::public_service;

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

    /// For an address that may be wrong: where the public service is.
    fn public_addresses(&self) -> String {
        match self.status {
            404 | 405 | 410 => format!(" {}", public_service::ADVICE),
            _ => String::new(),
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
            _ => format!("If this lasts, check the network (a firewall, a proxy, a sign-in page), and set api-url to the full address of an API {api}, with its path.{}", self.public_addresses()),
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
            404 | 410 => format!("There is no API {api} at this address, or no longer (HTTP {status}): set api-url to the full address of an API {api}, with its path.{}", self.public_addresses()),
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
#[path = "judgement_tests.rs"]
mod tests;

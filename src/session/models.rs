// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models: for `get-models`, and to explain why a stream can't be created.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

use super::api_version::Api;
use super::error::{Error, Kind, Stage};
use super::http::HttpClient;
use super::json;
use super::protocol::without_nul;
use super::secret::Secret;

/// The limit for the list that explains an error; the error waits for it.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(2);

/// The statuses of models that can't be used. A model with another status may answer.
const NOT_READY: [&str; 11] = [
    "unavailable",
    "saturated",
    "loading",
    "starting",
    "pending",
    "offline",
    "down",
    "disabled",
    "error",
    "failed",
    "stopped",
];

/// A model as the service lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub model: String,
    /// Whether a stream can use it.
    pub ready: bool,
    /// `ready`, `degraded` (slow), `saturated` (takes no more requests) or `unavailable`; there may be others.
    pub status: Option<String>,
}

/// The models of a list: an array, or one in the member `models` or, on API v1, `data`. An odd entry is left
/// out.
///
/// # Errors
/// There is no list.
fn read(list: &Value) -> Result<Vec<Model>, String> {
    let entries = match list {
        Value::Array(entries) => Some(entries),
        list => {
            let member = list.get("models").or_else(|| list.get("data"));
            member.and_then(Value::as_array)
        }
    };
    let entries = entries.ok_or("it has no list of models")?;
    Ok(entries.iter().filter_map(read_one).collect())
}

/// A model: `model` on v0.2, `id` on v1; the name alone will do.
fn read_one(entry: &Value) -> Option<Model> {
    let part = |name: &str| entry.get(name).and_then(json::text);
    let name = part("model").or_else(|| part("id"));
    let name = name.or_else(|| entry.as_str().map(str::to_owned));
    let model = name.filter(|name| !name.trim().is_empty())?;
    let status = part("status");
    let ready = entry.get("ready").and_then(json::boolean);
    let ready = ready.unwrap_or_else(|| {
        let status = status.as_deref().unwrap_or_default();
        let is_status = |not_ready: &&str| status.trim().eq_ignore_ascii_case(not_ready);
        !NOT_READY.iter().any(is_status)
    });
    Some(Model {
        model: without_nul(model),
        ready,
        status: status.map(without_nul),
    })
}

/// # Errors
/// The service's error, or no response within `timeout`.
pub async fn list(http: &HttpClient, timeout: Duration) -> Result<Vec<Model>, Error> {
    let (method, path) = (Method::GET, &["models"]);
    let listed: Value = http
        .call(Stage::Models, method, path, None::<&()>, timeout)
        .await?;
    read(&listed).map_err(|why| {
        Error::new(
            Kind::Protocol,
            Stage::Models,
            format!("The service's answer can't be understood (models): {why}. Check api-url."),
        )
    })
}

/// Like [`list`], without a stream.
///
/// # Errors
/// A key that can't be sent, the service's error, or no response within `timeout`.
pub async fn list_at(
    api: Api,
    api_url: Url,
    key: &Secret,
    timeout: Duration,
) -> Result<Vec<Model>, Error> {
    list(&HttpClient::new(api_url, key, api)?, timeout).await
}

/// The first ready model, unless this one is ready itself.
pub fn instead_of<'a>(models: &'a [Model], wanted: &str) -> Option<&'a str> {
    let is_wanted_ready = models.iter().any(|m| m.ready && m.model == wanted);
    let ready = models.iter().find(|model| model.ready);
    ready
        .filter(|_| !is_wanted_ready)
        .map(|model| model.model.as_str())
}

/// Adds what is wrong with the models to the error of a creation. Without the list, the error stays as it is.
pub fn explain(listed: &[Model], wanted: &[String], error: Error) -> Error {
    match explanation(listed, wanted) {
        Some(explanation) => error.followed_by(&explanation),
        None => error,
    }
}

/// The list that may explain the error of a creation. It is empty if there is none, or if the error has another cause.
pub async fn list_for(error: &Error, http: &HttpClient) -> Vec<Model> {
    if !matches!(error.status_code, Some(400 | 422 | 429 | 503)) {
        return Vec::new();
    }
    list(http, EXPLANATION_TIMEOUT).await.unwrap_or_default()
}

/// What is wrong with the wanted models; `None` if one of them is ready.
pub fn explanation(models: &[Model], wanted: &[String]) -> Option<String> {
    let find = |name: &String| models.iter().find(|model| model.model == *name);
    if models.is_empty()
        || wanted
            .iter()
            .any(|name| find(name).is_some_and(|m| m.ready))
    {
        return None;
    }
    let wanted = wanted.iter().map(|name| match find(name) {
        Some(model) => format!(
            "{name} is {}",
            model.status.as_deref().unwrap_or("not ready")
        ),
        None => format!("{name} is unknown"),
    });
    let wanted: Vec<_> = wanted.collect();
    let ready: Vec<_> = models.iter().filter(|model| model.ready).collect();
    let ready: Vec<_> = ready.iter().map(|model| model.model.as_str()).collect();
    let change = match ready.is_empty() {
        true => "No model is ready: try again later.".to_owned(),
        false => format!("Set model to one that is ready: {}.", ready.join(", ")),
    };
    Some(format!("{}. {change}", wanted.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Vec<(String, bool)> {
        let models = read(&json::parse(text).expect("JSON")).expect("a list");
        let models = models.into_iter().map(|model| (model.model, model.ready));
        models.collect()
    }

    #[test]
    fn every_form_is_read() {
        let model = r#"{"model": "a", "ready": true, "status": "degraded", "new": 1}"#;
        let a = [("a".to_owned(), true)];
        for text in [format!("[{model}]"), format!(r#"{{"models": [{model}]}}"#)] {
            assert_eq!(read_text(&text), a);
        }
        let v1 = r#"{"object":"list","data":[{"id":"a","status":"ready","owned_by":"x"},
            {"id":"b","status":"unavailable"}]}"#;
        assert_eq!(read_text(v1), [a[0].clone(), ("b".to_owned(), false)]);
        for no_list in ["{}", "null", "7", r#"{"models":"a"}"#] {
            assert!(
                read(&json::parse(no_list).expect("JSON")).is_err(),
                "{no_list}"
            );
        }
    }

    #[test]
    fn an_odd_entry_costs_only_itself() {
        let model = |name: &str, ready| (name.to_owned(), ready);
        for (entry, read) in [
            ("null", None),
            ("7", None),
            ("[]", None),
            ("{}", None),
            (r#"{"id":null}"#, None),
            (r#""b""#, Some(model("b", true))),
            (r#"{"id":7,"status":3}"#, Some(model("7", true))),
            (r#"{"id":"b"}"#, Some(model("b", true))),
            (r#"{"id":"b","status":"warm"}"#, Some(model("b", true))),
            (r#"{"id":"b","status":"Loading"}"#, Some(model("b", false))),
            (
                r#"{"model":"b","ready":"no idea","status":"saturated"}"#,
                Some(model("b", false)),
            ),
            (r#"{"model":"b","ready":0}"#, Some(model("b", false))),
        ] {
            let ready = r#"{"id":"a","status":"ready"}"#;
            let expected: Vec<_> = read.into_iter().chain([model("a", true)]).collect();
            assert_eq!(
                read_text(&format!(r#"{{"data":[{entry},{ready}]}}"#)),
                expected,
                "{entry}"
            );
        }
    }

    #[test]
    fn models_that_are_not_ready_are_explained() {
        let model = |name: &str, ready, status: &str| Model {
            model: name.to_owned(),
            ready,
            status: Some(status.to_owned()),
        };
        let models = [
            model("a", true, "ready"),
            model("b", true, "degraded"),
            model("c", false, "saturated"),
        ];
        let of = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
            explanation(&models, &wanted)
        };
        assert_eq!(of(&["a"]), None);
        assert_eq!(of(&["c", "b"]), None);
        let unready = "c is saturated, d is unknown. Set model to one that is ready: a, b.";
        assert_eq!(of(&["c", "d"]).as_deref(), Some(unready));
        assert_eq!(explanation(&[], &["a".to_owned()]), None);
    }
}

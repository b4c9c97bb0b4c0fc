// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The list of models: for `get-models`, and to explain why a stream can't be created.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;

use super::api_version::Api;
use super::error::{Error, Stage};
use super::http::HttpClient;
use super::protocol::without_nul;
use super::secret::Secret;

/// The limit for the list that explains an error; the error waits for it.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(2);

/// A model as the service lists it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Model {
    pub model: String,
    /// Whether a stream can use it.
    #[serde(default)]
    pub ready: bool,
    /// `ready`, `degraded` (slow), `saturated` (takes no more requests) or `unavailable`.
    pub status: Option<String>,
}

/// The forms of the list.
#[derive(Deserialize)]
#[serde(untagged)]
enum ModelList {
    Plain(Vec<Model>),
    Member {
        models: Vec<Model>,
    },
    /// API v1.
    Data {
        data: Vec<V1Model>,
    },
}

/// A model as API v1 lists it.
#[derive(Deserialize)]
struct V1Model {
    id: String,
    status: Option<String>,
}

impl ModelList {
    fn into_models(self) -> Vec<Model> {
        match self {
            ModelList::Plain(models) | ModelList::Member { models } => models,
            ModelList::Data { data } => data.into_iter().map(Model::from).collect(),
        }
    }
}

impl From<V1Model> for Model {
    fn from(model: V1Model) -> Self {
        Self {
            model: model.id,
            ready: model.status.as_deref() == Some("ready"),
            status: model.status,
        }
    }
}

/// # Errors
/// The service's error, or no response within `timeout`.
pub async fn list(http: &HttpClient, timeout: Duration) -> Result<Vec<Model>, Error> {
    let (method, path) = (Method::GET, &["models"]);
    let listed = http
        .call(Stage::Models, method, path, None::<&()>, timeout)
        .await?;
    let listed: ModelList = listed;
    let models = listed.into_models().into_iter().map(|model| Model {
        model: without_nul(model.model),
        status: model.status.map(without_nul),
        ..model
    });
    Ok(models.collect())
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

/// Adds what is wrong with the models to the error of a creation.
pub async fn explain(http: &HttpClient, wanted: &[String], error: Error) -> Error {
    // Other errors have another cause.
    if !matches!(error.status_code, Some(400 | 422 | 429 | 503)) {
        return error;
    }
    // Without the list, the error stays as it is.
    let models = list(http, EXPLANATION_TIMEOUT).await.unwrap_or_default();
    match explanation(&models, wanted) {
        Some(explanation) => error.followed_by(&explanation),
        None => error,
    }
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

    #[test]
    fn both_forms_are_read() {
        let model = r#"{"model": "a", "ready": true, "status": "degraded", "new": 1}"#;
        for text in [format!("[{model}]"), format!(r#"{{"models": [{model}]}}"#)] {
            let listed: ModelList = serde_json::from_str(&text).expect("a list");
            let models = listed.into_models();
            assert_eq!(models.len(), 1);
            assert!(models[0].ready && models[0].model == "a");
        }
    }

    #[test]
    fn the_form_of_v1_is_read() {
        let text = r#"{"object":"list","data":[{"id":"a","status":"ready","owned_by":"x"},
            {"id":"b","status":"unavailable"}]}"#;
        let listed: ModelList = serde_json::from_str(text).expect("a list");
        let models = listed.into_models();
        let read: Vec<_> = models.iter().map(|m| (m.model.as_str(), m.ready)).collect();
        assert_eq!(read, [("a", true), ("b", false)]);
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

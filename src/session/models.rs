//! The models that can be asked: for those who choose one, and for those who chose wrong.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;

use super::api_version::Api;
use super::error::{Error, Stage};
use super::http::HttpClient;
use super::protocol::without_nul;
use super::secret::Secret;

/// How long a refusal waits for the list that explains it.
const EXPLANATION: Duration = Duration::from_secs(2);

/// A model as the service lists it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Model {
    pub model: String,
    /// Whether a stream can be made with it.
    #[serde(default)]
    pub ready: bool,
    /// `ready`, `degraded` (slow), `saturated` (takes no more), `unavailable`.
    pub status: Option<String>,
}

/// The list by itself, or as a member.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Plain(Vec<Model>),
    Member {
        models: Vec<Model>,
    },
    /// API v1.
    Data {
        data: Vec<Offered>,
    },
}

/// A model as API v1 lists it.
#[derive(Deserialize)]
struct Offered {
    id: String,
    status: Option<String>,
}

impl Listed {
    fn models(self) -> Vec<Model> {
        match self {
            Listed::Plain(models) | Listed::Member { models } => models,
            Listed::Data { data } => data.into_iter().map(Model::from).collect(),
        }
    }
}

impl From<Offered> for Model {
    fn from(offered: Offered) -> Self {
        Self {
            model: offered.id,
            ready: offered.status.as_deref() == Some("ready"),
            status: offered.status,
        }
    }
}

pub async fn list(http: &HttpClient, timeout: Duration) -> Result<Vec<Model>, Error> {
    let (method, path) = (Method::GET, &["models"]);
    let listed = http
        .call(Stage::Models, method, path, None::<&()>, timeout)
        .await?;
    let listed: Listed = listed;
    let told = listed.models().into_iter().map(|model| Model {
        model: without_nul(model.model),
        status: model.status.map(without_nul),
        ..model
    });
    Ok(told.collect())
}

/// Asks the service at this address.
///
/// # Errors
/// The service's refusal, or no answer within `timeout`.
pub async fn ask(
    api: Api,
    api_url: Url,
    key: &Secret,
    timeout: Duration,
) -> Result<Vec<Model>, Error> {
    list(&HttpClient::new(api_url, key, api)?, timeout).await
}

/// Completes the refusal of a creation where the models are its cause.
pub async fn explain(http: &HttpClient, wanted: &[String], refusal: Error) -> Error {
    // What other refusals are about is known.
    if !matches!(refusal.status_code, Some(400 | 422 | 429 | 503)) {
        return refusal;
    }
    // Without the list the refusal stands as it is.
    let models = list(http, EXPLANATION).await.unwrap_or_default();
    match explanation(&models, wanted) {
        Some(explanation) => refusal.followed_by(&explanation),
        None => refusal,
    }
}

/// What is wrong with the models that were wanted; `None` where one of them is ready.
pub fn explanation(models: &[Model], wanted: &[String]) -> Option<String> {
    let of = |name: &String| models.iter().find(|model| model.model == *name);
    if models.is_empty() || wanted.iter().any(|name| of(name).is_some_and(|m| m.ready)) {
        return None;
    }
    let wanted = wanted.iter().map(|name| match of(name) {
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
            let listed: Listed = serde_json::from_str(&text).expect("a list");
            let models = listed.models();
            assert_eq!(models.len(), 1);
            assert!(models[0].ready && models[0].model == "a");
        }
    }

    #[test]
    fn the_form_of_v1_is_read() {
        let text = r#"{"object":"list","data":[{"id":"a","status":"ready","owned_by":"x"},
            {"id":"b","status":"unavailable"}]}"#;
        let listed: Listed = serde_json::from_str(text).expect("a list");
        let models = listed.models();
        let told: Vec<_> = models.iter().map(|m| (m.model.as_str(), m.ready)).collect();
        assert_eq!(told, [("a", true), ("b", false)]);
    }

    #[test]
    fn what_is_wrong_is_said() {
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

//! What is told: one line of JSON each, on stdout, to brokers, to a webhook.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What happened, as it is told.
#[derive(Clone, Debug)]
pub struct Event {
    pub camera: Arc<str>,
    /// Without a line feed.
    pub json: Arc<str>,
}

#[derive(Debug, Serialize)]
pub struct Told<'a> {
    pub camera: &'a str,
    /// UTC, RFC 3339.
    time: String,
    #[serde(flatten)]
    pub what: What<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum What<'a> {
    Answer(Answer<'a>),
    Recording(Recording),
}

#[derive(Debug, Default, Serialize)]
pub struct Answer<'a> {
    pub ok: bool,
    /// The answer's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a str>,
    /// The same, where it is JSON as asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// From the capture to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<&'a str>,
    /// An event begins with it.
    pub triggered: bool,
}

/// A file that is complete.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    pub file: PathBuf,
    pub seconds: f64,
    pub bytes: u64,
}

impl Event {
    pub fn new(camera: &Arc<str>, what: What<'_>) -> Self {
        let told = Told {
            camera,
            time: now(),
            what,
        };
        let json = serde_json::to_string(&told).unwrap_or_else(|error| {
            // It has string keys and finite numbers alone.
            unreachable!("an event is JSON: {error}")
        });
        Self {
            camera: camera.clone(),
            json: json.into(),
        }
    }
}

/// To the millisecond: finer than that nothing here is.
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    let millisecond = now.truncate_to_millisecond();
    millisecond.format(&Rfc3339).unwrap_or_default()
}

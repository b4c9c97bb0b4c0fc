// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Sends events to a URL by HTTP POST.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::time::sleep;
use url::Url;

use super::EventReceiver;
use crate::config::{ConfigError, Webhook};
use crate::event::Event;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before further attempts. After the last attempt the event is dropped.
const RETRY_PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

pub struct Destination {
    url: Url,
    client: Client,
}

/// The result of one attempt.
enum PostOutcome {
    Accepted,
    Retry(String),
    Refused(String),
}

impl Destination {
    pub fn new(config: &Webhook) -> Result<Self, ConfigError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = config.token()? {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                ConfigError::new(
                    "deliver.webhook.token-env",
                    "the token contains characters that an HTTP header cannot hold",
                )
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .default_headers(headers)
            .build()
            .map_err(|error| ConfigError::new("deliver.webhook", &error.to_string()))?;
        Ok(Self {
            url: config.url.clone(),
            client,
        })
    }

    async fn post(&self, event: &Event) -> PostOutcome {
        let request = self.client.post(self.url.clone());
        let response = request.body(event.json.to_string()).send().await;
        match response.map(|response| response.status()) {
            Ok(status) if status.is_success() => PostOutcome::Accepted,
            Ok(status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)) => {
                PostOutcome::Retry(status.to_string())
            }
            Ok(status) if status.is_server_error() => PostOutcome::Retry(status.to_string()),
            Ok(status) => PostOutcome::Refused(status.to_string()),
            Err(error) => PostOutcome::Retry(describe(error)),
        }
    }
}

/// The error without the URL, which may hold a secret, and with its causes, which say what is wrong.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Sends the events in order, one at a time.
pub async fn deliver(destination: Destination, mut events: EventReceiver) {
    let mut failing = false;
    while let Some(event) = events.next().await {
        let mut pauses = RETRY_PAUSES.into_iter();
        let failed = loop {
            match destination.post(&event).await {
                PostOutcome::Accepted => break None,
                PostOutcome::Refused(why) => break Some(why),
                PostOutcome::Retry(why) => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => break Some(why),
                },
            }
        };
        match failed {
            None => events.count_delivered(),
            Some(why) => {
                events.count_dropped();
                // Report only the first failure until an event is accepted again.
                if !failing {
                    events.report(why);
                }
                failing = true;
                continue;
            }
        }
        if std::mem::take(&mut failing) {
            events.report("accepts events again");
        }
    }
}

//! Each event POSTed to a URL.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::time::sleep;
use url::Url;

use super::Inbox;
use crate::config::{Webhook, Wrong};
use crate::event::Event;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Before another try; after these the event is dropped.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

pub struct Way {
    url: Url,
    client: Client,
}

/// What became of a try.
enum Tried {
    Taken,
    Again(String),
    Refused(String),
}

impl Way {
    pub fn new(config: &Webhook) -> Result<Self, Wrong> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = config.token()? {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Wrong::new("deliver.webhook.token-env", "it fits in no header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            .default_headers(headers)
            .build()
            .map_err(|error| Wrong::new("deliver.webhook", &error.to_string()))?;
        Ok(Self {
            url: config.url.clone(),
            client,
        })
    }

    async fn post(&self, event: &Event) -> Tried {
        let request = self.client.post(self.url.clone());
        let response = request.body(event.json.to_string()).send().await;
        match response.map(|response| response.status()) {
            Ok(status) if status.is_success() => Tried::Taken,
            Ok(status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)) => {
                Tried::Again(status.to_string())
            }
            Ok(status) if status.is_server_error() => Tried::Again(status.to_string()),
            Ok(status) => Tried::Refused(status.to_string()),
            Err(error) => Tried::Again(reason(error)),
        }
    }
}

/// Without the URL, which may hold a secret; with the cause, which says what is wrong.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// In order, one at a time.
pub async fn deliver(way: Way, mut inbox: Inbox) {
    let mut failing = false;
    while let Some(event) = inbox.next().await {
        let mut pauses = PAUSES.into_iter();
        let failed = loop {
            match way.post(&event).await {
                Tried::Taken => break None,
                Tried::Refused(why) => break Some(why),
                Tried::Again(why) => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => break Some(why),
                },
            }
        };
        match failed {
            None => inbox.delivered(),
            Some(why) => {
                inbox.dropped();
                // Once, until it works again.
                if !failing {
                    inbox.trouble(why);
                }
                failing = true;
                continue;
            }
        }
        if std::mem::take(&mut failing) {
            inbox.trouble("takes events again");
        }
    }
}

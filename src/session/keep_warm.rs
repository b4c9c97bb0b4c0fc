// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps a connection to the service open while there is no stream, so that the next one need not wait for DNS, TCP and TLS.

use std::time::Duration;

use reqwest::Method;
use tokio::time::sleep;
use url::Url;

use super::api_version::Api;
use super::error::Stage;
use super::http::HttpClient;
use super::secret::Secret;

/// Time from one request to the next. The client keeps connections for 90 s; usual limits of servers are 60 s and more.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a request now and then, as long as it is polled.
pub async fn keep_warm(api: Api, url: Url, key: Secret) {
    let Ok(http) = HttpClient::new(url, &key, api) else {
        return;
    };
    loop {
        sleep(INTERVAL).await;
        // Whatever comes of it: the next stream reports what is wrong.
        let _ = http
            .text(
                Stage::Models,
                Method::GET,
                &["healthz"],
                None::<&()>,
                TIMEOUT,
            )
            .await;
    }
}

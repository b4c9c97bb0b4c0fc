// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps a connection to the service open while there is no stream, so that the next one need not wait for DNS, TCP and TLS.

use std::time::Duration;

use reqwest::Method;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::api_version::Api;
use super::error::Stage;
use super::http::HttpClient;
use super::secret::Secret;
use crate::at_exit::{self, Work};

/// Time from one request to the next. The client keeps connections for 90 s; usual limits of servers are 60 s and more.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);

/// A task that sends a request now and then. Dropping it ends the task.
pub struct KeepWarm {
    stop: CancellationToken,
    runtime: Handle,
    task: Option<JoinHandle<()>>,
}

impl KeepWarm {
    /// Starts the task.
    pub fn start(runtime: &Handle, api: Api, url: &Url, key: &Secret) -> Self {
        let stop = at_exit::token();
        let http = HttpClient::new(url.clone(), key, api).ok();
        let task = http.map(|http| {
            let (work, stopped) = (Work::begin(), stop.clone());
            runtime.spawn(async move {
                let _work = work;
                let _ = stopped.run_until_cancelled(send_requests(http)).await;
            })
        });
        Self {
            stop,
            runtime: runtime.clone(),
            task,
        }
    }
}

impl Drop for KeepWarm {
    fn drop(&mut self) {
        self.stop.cancel();
        // It ends at once. A thread of a runtime must not wait for it.
        if let Some(task) = self.task.take()
            && Handle::try_current().is_err()
        {
            let _ = self.runtime.block_on(task);
        }
    }
}

async fn send_requests(http: HttpClient) {
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

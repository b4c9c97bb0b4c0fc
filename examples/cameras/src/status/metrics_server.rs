// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Serves `/metrics` for Prometheus, and `/healthz`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Board;
use crate::log::Log;

const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub async fn serve(
    address: SocketAddr,
    board: &Arc<Board>,
    log: &Arc<Log>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("metrics = \"{address}\": {error}"))?;
    let bound = listener.local_addr().unwrap_or(address);
    log.line(format_args!("metrics: http://{bound}/metrics"));
    let router = Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "ok\n"))
        .with_state(board.clone());
    let log = log.clone();
    Ok(tokio::spawn(async move {
        let serving = axum::serve(listener, router).into_future();
        tokio::select! {
            served = serving => log.line(format_args!("metrics: {served:?}")),
            () = stop.cancelled() => {}
        }
    }))
}

async fn scrape(State(board): State<Arc<Board>>) -> Response {
    match board.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

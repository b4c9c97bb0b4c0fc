//! `/metrics` for Prometheus, and `/healthz`.

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

use crate::camera::Shared;
use crate::status::Board;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub async fn serve(
    address: SocketAddr,
    shared: &Shared,
    over: CancellationToken,
) -> Result<JoinHandle<()>, String> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("metrics = \"{address}\": {error}"))?;
    let bound = listener.local_addr().unwrap_or(address);
    shared
        .log
        .say(format_args!("metrics: http://{bound}/metrics"));
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .with_state(shared.board.clone());
    let log = shared.log.clone();
    Ok(tokio::spawn(async move {
        let serving = axum::serve(listener, router).into_future();
        tokio::select! {
            served = serving => log.say(format_args!("metrics: {served:?}")),
            () = over.cancelled() => {}
        }
    }))
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    match board.metrics() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

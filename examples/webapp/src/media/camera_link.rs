// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The task that a camera's video comes through, and why it ended.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::AppError;

/// Owns the task. Whoever has it ends it by [`CameraLink::stop`].
pub(crate) struct CameraLink {
    task: JoinHandle<()>,
    cancel: CancellationToken,
    refusal: Refusal,
}

/// Why the camera cannot be watched, as far as the task knows it.
#[derive(Clone, Default)]
pub(super) struct Refusal(Arc<Mutex<Option<AppError>>>);

impl Refusal {
    pub(super) fn set(&self, why: AppError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

impl CameraLink {
    /// Runs this work until it is over or the link is stopped. Must be called within the runtime.
    pub(super) fn spawn<Work>(work: impl FnOnce(Refusal) -> Work) -> Self
    where
        Work: Future<Output = ()> + Send + 'static,
    {
        let (refusal, cancel) = (Refusal::default(), CancellationToken::new());
        let task = tokio::spawn(run(work(refusal.clone()), cancel.clone()));
        Self {
            task,
            cancel,
            refusal,
        }
    }

    /// Why the camera cannot be watched. The element in the pipeline knows only that its input has ended.
    pub(crate) fn refusal(&self) -> Option<AppError> {
        let refusal = self.refusal.0.lock();
        refusal.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns when the task has ended, and with it all of its sockets.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        if (&mut self.task).await.is_err() {
            eprintln!("overshoot-webapp: the connection to a camera panicked");
        }
    }
}

impl Drop for CameraLink {
    /// Without `stop`, as after a panic, the task ends a little later.
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn run(work: impl Future<Output = ()>, cancel: CancellationToken) {
    cancel.run_until_cancelled(work).await;
}

/// The error of a camera that was found, but cannot be watched.
pub(super) fn cannot_watch(why: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "video",
        format!("The camera cannot be watched: {why}."),
    )
}
